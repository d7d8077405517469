"""`trajprobe weights add` of autoencoders of diffusers, from a folder and from a small hub on this machine."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import small_autoencoders
import torch
from msgspec.structs import replace
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file

from trajprobe.backbones.family import family
from trajprobe.files.checked_json import read_checked_json, write_checked_json
from trajprobe.params import parse
from trajprobe.published import fetch, source_diffusers
from trajprobe.published.model_table import PublishedAutoencoder, read
from trajprobe.published.source_diffusers import CONFIG, MODEL
from trajprobe.rows import Row

NAMES = list(small_autoencoders.CONFIGS)
NAME = "wan-2.1"
BIAS = "quant_conv.bias"
#: Downloads the files of weights; `stop` is run once the licence was shown.
DOWNLOAD = """
import sys
from pathlib import Path
from trajprobe.published import fetch, source_diffusers
def show(line):
    print(line)
    {stop}
fetch.files_from_hub(source_diffusers.hub_repository({name!r}), Path("data/weights", {name!r}), show)
"""


def digest(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A function: the folder of a row's autoencoder, made once."""
    top = tmp_path_factory.mktemp("autoencoders")
    return lambda name: top / name if (top / name).exists() else small_autoencoders.save(name, top / name)


@pytest.fixture
def folder(published, tmp_path):
    """A function: a copy of that folder, which the test may change."""
    return lambda name=NAME: shutil.copytree(published(name), tmp_path / "given")


@pytest.fixture
def row(monkeypatch):
    """A function: replaces or adds a row of the table."""

    def write(name, row):
        monkeypatch.setitem(source_diffusers.ROWS, name, row)
        monkeypatch.setattr(source_diffusers, "NAMES", tuple(source_diffusers.ROWS))

    return write


def selected(folder, name=NAME):
    return source_diffusers.select(fetch.files_from_path(source_diffusers, folder), name)


def printed(lines, name=NAME):
    """The row of params.yaml that was printed, its architecture, and the format of its clips."""
    line, form = (line for line in lines if line.lstrip().startswith((f"{name}:", "t")))
    row = parse(YAML(typ="safe").load(line)[name], Row, "row")
    return row, family("diffusers").architecture(row.architecture, f"rows.{name}"), YAML(typ="safe").load(form)


def test_a_folder_gives_the_encoder_s_tensors_and_the_row_that_uses_them(repository, published, add):
    given = published(NAME)
    status, output = add("--from", given, name=NAME)
    assert status == 0, output
    made = repository / "data/weights" / NAME
    assert {path.name for path in made.iterdir()} == {"config.json", "model.safetensors", "provenance.json"}
    assert len({path.stat().st_mode for path in made.iterdir()}) == 1
    assert (made / CONFIG).read_bytes() == (given / CONFIG).read_bytes()
    theirs = load_file(given / MODEL)
    kept = {key: value for key, value in theirs.items() if key.startswith(("encoder.", "quant_conv."))}
    ours = load_file(made / "model.safetensors")
    assert ours.keys() == kept.keys()
    assert all(torch.equal(ours[key], kept[key]) for key in ours)
    lines = output.splitlines()
    assert lines[0] == f"{NAME}: AutoencoderKLWan, licence: apache-2.0"
    counts = f"{len(theirs)} tensors, {len(kept)} of the encoder; the rest is the decoder's and left out"
    assert lines[1] == f"{MODEL}: {counts}; sha256 {digest(given / MODEL)}"
    row, architecture, form = printed([line for line in lines if line.startswith("  ")])
    assert (row.family, row.weights, row.layer, row.clips) == ("diffusers", NAME, "latents", "t9x128")
    assert row.architecture["preset"] == NAME
    assert form == {"t9x128": {"frames": 9, "resolution": 128}}
    _, sha256 = family("diffusers").load(architecture, made)
    assert read_checked_json(made / "provenance.json") == {
        "made_by": "weights add",
        "family": "diffusers",
        "source": {"folder": NAME, "files": {name: digest(given / name) for name in (CONFIG, MODEL)}},
        "licence": "apache-2.0",
        "model": "AutoencoderKLWan",
        "architecture": {
            "model": "AutoencoderKLWan",
            "config": architecture.config,
            "frames_per_token": 4,
            "pixels_per_token": 8,
        },
        "diffusers": __import__("diffusers").__version__,
        "sha256": sha256,
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_published_folder_gives_the_latents_of_the_autoencoder(published, tmp_path, name):
    given = published(name)
    selection = selected(given, name)
    (tmp_path / "made").mkdir()
    sha256 = selection.write(tmp_path / "made")
    write_checked_json(tmp_path / "made/provenance.json", {"sha256": sha256})
    _, architecture, _ = printed(selection.params_lines, name)
    network, _ = family("diffusers").load(architecture, tmp_path / "made")
    whole = small_autoencoders.autoencoder(name, seed=3)
    x = torch.rand(1, 3, 1 + architecture.frames_per_token, 64, 64) * 2 - 1
    with torch.no_grad():
        latents = network.eval()(x)
        torch.testing.assert_close(latents, whole.encode(x).latent_dist.mode(), atol=1e-5, rtol=0)


def test_a_folder_that_states_what_the_preset_does_gives_a_row_of_one_line(tmp_path, monkeypatch):
    """Of a file of the true size, only the names are looked at here."""
    monkeypatch.setattr(source_diffusers, "_expected_tensors", lambda _: {})
    given = tmp_path / "vae"
    given.mkdir()
    save_file({"decoder.weight": torch.zeros(1)}, given / MODEL)
    settings = {"_class_name": "AutoencoderKLWan", "_diffusers_version": "0.33.0.dev0", "dropout": 0.0, "z_dim": 16}
    (given / CONFIG).write_text(json.dumps(settings | {"latents_mean": [1], "attn_scales": []}))
    for path in (given, tmp_path):  # the folder, and the one that it is in
        assert selected(path).params_lines == (
            "wan-2.1: {family: diffusers, clips: t9x128, weights: wan-2.1, like: wan-2.1, architecture: {preset: "
            "wan-2.1}, layer: latents}",
            "t9x128: {frames: 9, resolution: 128}",
        )
    (given / CONFIG).write_text(json.dumps(settings | {"clip_output": False, "dim_mult": [1, 2, 2, 4]}))
    selection = selected(given)
    assert selection.summary[-1] == "config.json: settings that the class does not have were left out: clip_output"
    assert "architecture: {preset: wan-2.1, config: {dim_mult: [1, 2, 2, 4]}}" in selection.params_lines[0]


def test_an_own_fine_tune_is_a_row_of_data(folder, row):
    architecture = {"model": "AutoencoderKLWan", "frames_per_token": 4, "pixels_per_token": 8}
    row("mine", PublishedAutoencoder(architecture=architecture, frames=5, resolution=64))
    selection = selected(folder(), "mine")
    own, shape, form = printed(selection.params_lines, "mine")
    assert own.architecture == architecture | {"config": shape.config}
    assert shape.config == small_autoencoders.CONFIGS[NAME]
    assert form == {"t5x64": {"frames": 5, "resolution": 64}}
    assert selection.provenance["licence"] is None
    assert selection.summary[0] == "mine: AutoencoderKLWan"


def test_half_precision_is_widened_and_said(repository, folder, add):
    given = folder()
    tensors = {key: value.bfloat16() for key, value in load_file(given / MODEL).items()}
    save_file(tensors, given / MODEL)
    status, output = add("--from", given, name=NAME)
    assert status == 0, output
    count = sum(key.startswith(("encoder.", "quant_conv.")) for key in tensors)
    assert f"of the {count} tensors, {count} bfloat16 were widened to float32" in output
    made = load_file(repository / "data/weights" / NAME / "model.safetensors")
    assert {value.dtype for value in made.values()} == {torch.float32}
    assert all(torch.equal(value, tensors[key].float()) for key, value in made.items())
    provenance = read_checked_json(repository / "data/weights" / NAME / "provenance.json")
    assert provenance["widened"] == {"torch.bfloat16": count}


def tensors_of(change):
    def changed(given):
        save_file(change(load_file(given / MODEL)), given / MODEL)

    return changed


def edited(**values):
    def changed(given):
        config = json.loads((given / CONFIG).read_text()) | values
        (given / CONFIG).write_text(json.dumps({key: value for key, value in config.items() if value is not None}))

    return changed


def truncated(given):
    (given / MODEL).write_bytes((given / MODEL).read_bytes()[:-1000])


BROKEN = {
    "missing": (
        tensors_of(lambda state: {key: value for key, value in state.items() if key != BIAS}),
        f"{{}}/{MODEL}: 1 of 62 tensors missing ({BIAS})",
    ),
    "left over": (
        tensors_of(lambda state: state | {"encoder.more": torch.zeros(1)}),
        f"{{}}/{MODEL}: 1 of 63 tensors of no use to this architecture (encoder.more)",
    ),
    "shape": (tensors_of(lambda state: state | {BIAS: torch.zeros(5)}), f"{{}}/{MODEL}: got {BIAS} (5,)"),
    "type": (tensors_of(lambda state: state | {BIAS: torch.zeros(4, dtype=int)}), f"{{}}/{MODEL}: got {BIAS} (4,) of"),
    "not finite": (tensors_of(lambda state: state | {BIAS: torch.full((4,), torch.inf)}), f"{{}}/{MODEL}: {BIAS} has"),
    "truncated": (truncated, f"{{}}/{MODEL}: is a damaged safetensors file"),
    "no config": (lambda given: (given / CONFIG).unlink(), "{}: has no config.json; expected config.json and"),
    "no weights": (lambda given: (given / MODEL).unlink(), f"{{}}: has no {MODEL}; expected config.json and {MODEL}"),
    "several files": (
        lambda given: (given / MODEL).rename(given / f"{MODEL}.index.json"),
        f"{{}}: has no {MODEL}, and has its weights in several files; expected",
    ),
    "broken config": (lambda given: (given / CONFIG).write_text("{"), "{}/config.json: is no valid JSON"),
    "no table": (lambda given: (given / CONFIG).write_text("[]"), "{}/config.json: got no table as `_class_name`"),
    "another class": (
        edited(_class_name="AutoencoderKLMochi"),
        "{}/config.json: got AutoencoderKLMochi as `_class_name`, expected AutoencoderKLWan",
    ),
    "an absurd size": (edited(num_res_blocks=10**6), "{}/config.json: as `wan-2.1` of diffusers.yaml: got `num_res_b"),
    "other lengths": (
        edited(temperal_downsample=[False, False, True]),
        "{}/config.json: as `wan-2.1` of diffusers.yaml: got model AutoencoderKLWan, which makes 11 x 9 x 9 tokens",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_would_not_load_completely_is_refused(folder, refused, case):
    change, words = BROKEN[case]
    given = folder()
    change(given)
    refused("--from", given, name=NAME, words=[words.format(given)])


def test_a_file_is_refused_where_a_folder_is_expected(published, refused):
    path = published(NAME) / MODEL
    refused("--from", path, name=NAME, words=[f"{path}: is no folder that can be read (Not a directory); expected one"])


def test_a_file_must_have_the_hash_that_its_row_pins(folder, refused, row):
    row(NAME, replace(source_diffusers.ROWS[NAME], sha256="0" * 64))
    given = folder()
    words = [f"got sha256 {digest(given / MODEL)}, expected {'0' * 64} as `wan-2.1` of diffusers.yaml pins"]
    refused("--from", given, name=NAME, words=words)


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ({}, "got preset `mine`, expected one of cosmos-cv8x8x8, "),
        ({"frames_per_token": 5}, "missing key `preset` or `model`"),
        ({"model": "AutoencoderKLAllegro"}, "got model AutoencoderKLAllegro, which encodes in tiles alone"),
    ],
)
def test_an_architecture_of_the_table_that_does_not_fit_is_refused(folder, refused, row, architecture, words):
    row("mine", PublishedAutoencoder(architecture=architecture, frames=5, resolution=64))
    refused("--from", folder(), name="mine", words=[f"diffusers.yaml: `mine.architecture`: {words}"])


def test_a_row_without_a_repository_needs_a_folder(refused, row):
    row("mine", PublishedAutoencoder(architecture={"preset": NAME}, frames=5, resolution=64))
    refused(name="mine", words=["weights add mine: `mine` of diffusers.yaml has no `repository`", "--from"])


def test_each_published_row_has_a_repository_a_licence_and_clips_that_its_preset_takes():
    rows = read(source_diffusers.TABLE, PublishedAutoencoder)
    assert list(rows) == list(family("diffusers").presets())
    for name, row in rows.items():
        assert row.repository
        assert row.licence
        assert row.sha256 is None
        shape = family("diffusers").architecture({"preset": name}, "row")
        family("diffusers").check_clips(shape, (row.frames, row.resolution, row.resolution), "row")


def test_the_hub_s_files_of_a_subfolder_are_downloaded_recorded_and_kept_to(hub, repository, published, tmp_path):
    given = {f"vae/{path.name}": path.read_bytes() for path in published(NAME).iterdir()}
    more = {"vae/diffusion_pytorch_model.bin": b"", "transformer/config.json": b"{}", "model_index.json": b"{}"}
    hub.repository, hub.card = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", {"license": "apache-2.0"}
    commit = hub.publish(given | more)
    status, output = hub.trajprobe("weights", "add", NAME, home=tmp_path / "one")
    assert status == 0, output
    assert output.startswith(f"licence: apache-2.0, https://huggingface.co/{hub.repository}\n")
    files = (f"vae/{CONFIG}", f"vae/{MODEL}")
    api, resolve = f"/api/models/{hub.repository}/revision/main", f"/{hub.repository}/resolve/{commit}"
    assert {path for _, path, _ in hub.log} == {api, *(f"{resolve}/{name}" for name in files)}
    made = Path("data/weights", NAME)
    provenance = read_checked_json(made / "provenance.json")
    source = {"repository": hub.repository, "revision": commit, "files": {name: digest(given[name]) for name in files}}
    assert provenance["source"] == source
    assert provenance["licence"] == "apache-2.0"

    hub.publish(given | {f"vae/{CONFIG}": b"{}"})  # main goes on; this repository does not
    hub.log.clear()
    status, output = hub.run("-c", DOWNLOAD.format(name=NAME, stop="pass"), home=tmp_path / "one")
    assert status == 0, output
    assert (hub.asked("revision"), hub.files()) == ([commit], [])


def test_a_licence_is_shown_before_a_byte_flows_and_a_file_that_is_not_there_is_named(hub, top):
    hub.repository, hub.card = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", {}
    hub.publish({f"vae/{CONFIG}": b"{}", f"vae/{MODEL}": b"x"})
    status, output = hub.run("-c", DOWNLOAD.format(name=NAME, stop="sys.exit(3)"), home=top / "home")
    assert (status, hub.files()) == (3, []), output
    assert re.fullmatch(r"licence: apache-2.0, https://huggingface.co/Wan-AI/\S+\n", output)
    hub.publish({f"vae/{CONFIG}": b"{}"})
    status, output = hub.run("-c", DOWNLOAD.format(name=NAME, stop="pass"), home=top / "home")
    assert (status, f": has no vae/{MODEL}; expected vae/{CONFIG} and vae/{MODEL}; get it too" in output) == (1, True)
