"""`trajprobe weights add` of models of transformers from a folder: what is written, printed and refused."""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import torch
import transformers_folders
from msgspec.structs import replace
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file

from trajprobe.backbones.family import family
from trajprobe.backbones.huggingface import load
from trajprobe.backbones.parts import preprocessor_files, transformers_files
from trajprobe.backbones.parts.pixel_values import Pixels
from trajprobe.errors import UserError
from trajprobe.files.checked_json import read_checked_json
from trajprobe.params import parse
from trajprobe.published import fetch, source_huggingface
from trajprobe.published.model_table import PublishedModel, read
from trajprobe.rows import Row

#: What a user would add to the table.
SIGLIP = PublishedModel(
    architecture={"model": "SiglipVisionModel"},
    pooling="pooler",
    unexpected=("text_model.", "logit_scale", "logit_bias"),
)
QUERY = "videomae.encoder.layer.1.attention.attention.q_bias"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A function: the folder of a row's model, made once."""
    top = tmp_path_factory.mktemp("published")
    return lambda name: top / name if (top / name).exists() else transformers_folders.make(name, top / name)


@pytest.fixture
def folder(published, tmp_path):
    """A function: a copy of that folder, which the test may change."""
    return lambda name="videomae-base": shutil.copytree(published(name), tmp_path / "given")


@pytest.fixture
def row(monkeypatch):
    """A function: replaces or adds a row of the table."""

    def write(name, row):
        monkeypatch.setitem(source_huggingface.ROWS, name, row)
        monkeypatch.setattr(source_huggingface, "NAMES", tuple(source_huggingface.ROWS))

    return write


@pytest.fixture(autouse=True)
def siglip(row):
    row("siglip", SIGLIP)


def pasted(output, name):
    """The row of params.yaml and the format of its clips that were printed."""
    text = YAML(typ="safe")
    (line, form) = (line for line in output.splitlines() if line.startswith("  "))
    row = parse(text.load(line)[name], Row, "row")
    return row, family("huggingface").architecture(row.architecture, f"rows.{name}"), text.load(form)


@pytest.mark.parametrize(
    ("name", "files", "clips", "pooling"),
    [
        ("videomae-base", {"preprocessor_config.json"}, {"t16x32": {"frames": 16, "resolution": 32}}, "tmean"),
        ("clip-vit-b16", {"preprocessor_config.json"}, {"t5x32": {"frames": 5, "resolution": 32}}, "pooler"),
        ("dinov2-base", {"preprocessor_config.json"}, {"t5x48": {"frames": 5, "resolution": 48}}, "cls"),
        ("vjepa2-vitl", {"video_preprocessor_config.json"}, {"t64x36": {"frames": 64, "resolution": 36}}, "tmean"),
        ("siglip", {"preprocessor_config.json"}, {"t5x32": {"frames": 5, "resolution": 32}}, "pooler"),
        ("dinov3-vits16", {"preprocessor_config.json"}, {"t5x32": {"frames": 5, "resolution": 32}}, "cls"),
        ("ijepa-vith14", {"preprocessor_config.json"}, {"t5x28": {"frames": 5, "resolution": 28}}, "tmean"),
        ("videoprism-base", {"video_preprocessor_config.json"}, {"t16x36": {"frames": 16, "resolution": 36}}, "tmean"),
        ("resnet-50", {"preprocessor_config.json"}, {"t5x36": {"frames": 5, "resolution": 36}}, "tmean"),
    ],
)
def test_a_folder_is_copied_as_it_is_and_its_row_is_printed(repository, published, add, name, files, clips, pooling):
    given = published(name)
    status, output = add("--from", given, name=name)
    assert status == 0, output
    made = repository / "data/weights" / name
    names = {"config.json", "model.safetensors"} | files
    assert {path.name for path in made.iterdir()} == names | {"provenance.json"}
    assert all((made / each).read_bytes() == (given / each).read_bytes() for each in names)
    assert len({path.stat().st_mode for path in made.iterdir()}) == 1
    assert (made.parent / f"{name}.dvc").is_file()
    row, architecture, form = pasted(output, name)
    assert (row.family, row.weights, row.layer, row.pooling) == ("huggingface", name, "last", pooling)
    assert form == clips
    assert row.clips == next(iter(clips))
    assert load(architecture, made)[1] == digest(given / "model.safetensors")


def lines_for(folder, name):
    """The lines of params.yaml for the files of a folder."""
    return source_huggingface.select(fetch.files_from_path(source_huggingface, folder), name).params_lines


def printed_architecture(printed, name):
    line = next(line for line in printed.splitlines() if line.startswith("  "))
    return YAML(typ="safe").load(line)[name]["architecture"]


def test_the_row_of_a_preset_has_what_the_files_state_otherwise_and_no_more(repository, published, add):
    architecture = printed_architecture(add("--from", published("vjepa2-vitl"), name="vjepa2-vitl")[1], "vjepa2-vitl")
    assert list(architecture) == ["preset", "resize", "crop", "config"]
    assert architecture["preset"] == "vjepa2-vitl"
    assert architecture["config"]["crop_size"] == 32
    assert not {"patch_size", "frames_per_clip"} & architecture["config"].keys()


def test_the_row_of_a_class_has_what_differs_from_its_defaults_and_all_of_the_preprocessing(repository, published, add):
    architecture = printed_architecture(add("--from", published("siglip"), name="siglip")[1], "siglip")
    assert list(architecture) == ["model", "config", *Pixels.__struct_fields__]
    assert architecture["config"]["image_size"] == 32
    assert "num_channels" not in architecture["config"]
    assert architecture["std"] == [0.5, 0.5, 0.5]


def test_files_that_state_what_the_preset_does_give_a_row_of_one_line(folder):
    given = folder("videomae-base")
    (given / "config.json").write_text('{"model_type": "videomae", "use_mean_pooling": false, "qkv_bias": true}')
    edited("preprocessor_config.json", size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224})(given)
    assert source_huggingface.select(
        fetch.files_from_path(source_huggingface, given), "videomae-base"
    ).params_lines == (
        "videomae-base: {family: huggingface, clips: t16x224, weights: videomae-base, like: videomae-base, "
        "architecture: {preset: videomae-base}, layer: last, pooling: tmean}",
        "t16x224: {frames: 16, resolution: 224}",
    )


def test_a_default_of_the_class_in_the_files_replaces_the_presets_value(folder):
    given = folder("videomae-base")
    edited("config.json", use_mean_pooling=True)(given)
    (line, _) = source_huggingface.select(
        fetch.files_from_path(source_huggingface, given), "videomae-base"
    ).params_lines
    assert printed_architecture("  " + line, "videomae-base")["config"]["use_mean_pooling"] is True


def test_an_own_fine_tune_has_the_preset_that_its_row_names(folder, row):
    row("mine", PublishedModel(architecture={"preset": "videomae-base"}, pooling="tmean", unexpected=("decoder.",)))
    (line, _) = source_huggingface.select(
        fetch.files_from_path(source_huggingface, folder("videomae-base")), "mine"
    ).params_lines
    assert line.startswith("mine: {family: huggingface, clips: t16x32, weights: mine, like: mine, ")
    assert printed_architecture("  " + line, "mine")["preset"] == "videomae-base"


def test_the_order_of_a_row_is_printed(repository, published, add, row):
    architecture = {"model": "SiglipVisionModel", "order": "h w t"}
    row("siglip", PublishedModel(architecture=architecture, pooling="tmean", unexpected=SIGLIP.unexpected))
    printed = add("--from", published("siglip"), name="siglip")[1]
    assert printed_architecture(printed, "siglip")["order"] == "h w t"


def test_provenance_has_what_loading_needs_and_where_the_files_came_from(repository, published, add):
    given = published("videomae-base")
    output = add("--from", given, name="videomae-base")[1]
    hashed = f"model.safetensors has sha256 {digest(given / 'model.safetensors')}"
    assert f"videomae-base: VideoMAEModel, licence: cc-by-nc-4.0; {hashed}\n" in output
    made = repository / "data/weights/videomae-base"
    files = ["config.json", "preprocessor_config.json", "model.safetensors"]
    assert read_checked_json(made / "provenance.json") == {
        "made_by": "weights add",
        "family": "huggingface",
        "source": {"folder": "videomae-base", "files": {name: digest(given / name) for name in files}},
        "licence": "cc-by-nc-4.0",
        "sha256": digest(given / "model.safetensors"),
        "unexpected": ["decoder.", "mask_token", "encoder_to_decoder."],
        "model": "VideoMAEModel",
        "trained_frames": 16,
        "transformers": transformers_files.transformers.__version__,
    }


def test_a_model_of_images_has_no_trained_frames(repository, published, add):
    assert add("--from", published("siglip"), name="siglip")[0] == 0
    provenance = json.loads((repository / "data/weights/siglip/provenance.json").read_text())
    assert "trained_frames" not in provenance
    assert provenance["licence"] is None


def test_files_are_copied_even_if_they_are_links(published, tmp_path):
    given, made = tmp_path / "links", tmp_path / "made"
    given.mkdir()
    made.mkdir()
    for path in published("siglip").iterdir():
        (given / path.name).symlink_to(path)
    source_huggingface.select(fetch.files_from_path(source_huggingface, given), "siglip").write(made)
    for path in made.iterdir():
        assert path.read_bytes() == (given / path.name).read_bytes()
        assert not path.is_symlink()
        assert not path.samefile(given / path.name)


def test_the_shape_of_the_class_needs_no_config_in_its_row(folder):
    given = folder("siglip")
    (given / "config.json").write_text('{"model_type": "siglip_vision_model"}')
    edited("preprocessor_config.json", size=224)(given)
    assert lines_for(given, "siglip") == (
        "siglip: {family: huggingface, clips: t5x224, weights: siglip, like: siglip, architecture: {model: "
        "SiglipVisionModel, resize: 224, resample: bicubic, crop: 224, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}, "
        "layer: last, pooling: pooler}",
        "t5x224: {frames: 5, resolution: 224}",
    )


def changed(given, change):
    """Changes the tensors of a folder."""
    tensors = change(load_file(given / "model.safetensors"))
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, given / "model.safetensors", {"format": "pt"}
    )


def renamed(tensors):
    return {name.replace("videomae.", "backbone."): tensor for name, tensor in tensors.items()}


def spoilt(tensors):
    tensors[QUERY][3] = float("nan")
    return tensors


BROKEN = {
    "missing": (lambda tensors: {name: value for name, value in tensors.items() if name != QUERY}, "missing"),
    "left over": (lambda tensors: tensors | {"head.weight": torch.zeros(2)}, "head.weight"),
    "prefix": (renamed, "missing"),
    "shape": (lambda tensors: tensors | {QUERY: torch.zeros(8)}, "shape"),
    "not finite": (spoilt, "not finite"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_weights_that_would_not_all_be_loaded_are_refused(folder, refused, case):
    change, words = BROKEN[case]
    given = folder()
    changed(given, change)
    refused("--from", given, name="videomae-base", words=[f"{given}/model.safetensors: ", words], lines=2)


@pytest.mark.parametrize("cut", [8, -1000])
def test_a_truncated_file_is_refused(folder, refused, cut):
    path = folder() / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    refused("--from", path.parent, name="videomae-base", words=[f"{path}: is no safetensors file"], lines=2)


def test_refused_weights_leave_the_existing_ones(repository, published, folder, add, files):
    assert add("--from", published("videomae-base"), name="videomae-base")[0] == 0
    before = files(repository / "data")
    given = folder()
    changed(given, spoilt)
    assert add("--from", given, "--force", name="videomae-base")[0] == 2
    assert files(repository / "data") == before


def without(*names):
    def change(given):
        for name in names:
            (given / name).unlink()

    return change


def pickled(given):
    torch.save(load_file(given / "model.safetensors"), given / "pytorch_model.bin")
    (given / "model.safetensors").unlink()


def written(name, text):
    return lambda given: (given / name).write_text(text)


def edited(name, **values):
    def change(given):
        edited = json.loads((given / name).read_text()) | values
        (given / name).write_text(json.dumps({key: value for key, value in edited.items() if value is not None}))

    return change


FOLDERS = {
    "no config": (without("config.json"), "{}: has no config.json, which states the network's shape"),
    "no preprocessing": (
        without("preprocessor_config.json"),
        "{}: has no preprocessor_config.json and no video_preprocessor_config.json; expected the one that came with",
    ),
    "no weights": (without("model.safetensors"), "{}: has no model.safetensors; get it too"),
    "a pickle": (
        pickled,
        "{}: has no model.safetensors; a pytorch_model.bin can run code and is not taken; conv",
    ),
    "broken config": (written("config.json", "{"), "{}/config.json: "),
    "broken preprocessing": (written("preprocessor_config.json", "{"), "{}/preprocessor_config.json: "),
    "no colours": (
        edited("preprocessor_config.json", image_mean=None),
        "{}/preprocessor_config.json: has no image_mean",
    ),
    "frames": (
        edited("config.json", num_frames=8),
        "{}: as `videomae-base` of huggingface.yaml: got frames 16, expected 8",
    ),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_an_incomplete_folder_is_refused(folder, refused, case):
    change, words = FOLDERS[case]
    given = folder()
    change(given)
    refused("--from", given, name="videomae-base", words=[words.format(given)])


def test_the_printed_conversion_makes_a_file_that_is_accepted(repository, folder, add):
    given = folder()
    tensors = load_file(given / "model.safetensors")
    pickled(given)
    command = re.search("`python (-c .*?)`", add("--from", given, name="videomae-base")[1])[1]
    subprocess.run([sys.executable, *shlex.split(command)], cwd=given, check=True)
    status, output = add("--from", given, name="videomae-base")
    assert status == 0, output
    made = load_file(repository / "data/weights/videomae-base/model.safetensors")
    assert made.keys() == tensors.keys()
    assert all(torch.equal(made[name], tensor) for name, tensor in tensors.items())


def test_a_file_is_refused_where_a_folder_is_expected(published, refused):
    path = published("siglip") / "model.safetensors"
    refused("--from", path, name="siglip", words=[f"{path}: is no folder that can be read (Not a directory); expected"])
    refused(
        "--from", path.parent / "no", name="siglip", words=[f"{path.parent}/no: is no folder that can be read (No such"]
    )


@pytest.mark.parametrize("name", ["open-magvit2", "videogpt"])
def test_a_folder_is_refused_where_a_file_is_expected(published, refused, name):
    given = published("siglip")
    refused("--from", given, name=name, words=[f"{given}: is a folder, expected a checkpoint, which is one file"])


def test_raw_is_refused_with_a_reason_before_anything_else(refused, tmp_path):
    words = ["videomae-base: got --raw, but the published weights of huggingface have no moving average"]
    refused("--raw", name="videomae-base", words=words)
    refused("--raw", "--from", tmp_path / "nowhere", name="videomae-base", words=words)


def test_a_row_without_a_repository_needs_a_folder(refused):
    refused(name="siglip", words=["weights add siglip: `siglip` of huggingface.yaml has no `repository`", "--from"])


def test_a_file_must_have_the_hash_that_its_row_pins(repository, published, add, row):
    given = published("siglip")
    got = digest(given / "model.safetensors")
    row("siglip", replace(SIGLIP, sha256="0" * 64))
    status, output = add("--from", given, name="siglip")
    assert status == 2
    assert f"got sha256 {got}, expected {'0' * 64} as `siglip` of huggingface.yaml pins" in output
    row("siglip", replace(SIGLIP, sha256=got))
    assert add("--from", given, name="siglip")[0] == 0


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ({}, "got preset `siglip`, expected one of videomae-base, "),
        ({"preset": "videomae"}, "got preset `videomae`, expected one of videomae-base, "),
        ({"frames": 5}, "missing key `preset` or `model`"),
        ({"model": "SiglipVisionModel", "frame": 5}, "unknown key `frame`; the valid keys are preset, "),
    ],
)
def test_an_architecture_of_the_table_that_does_not_fit_is_refused(published, refused, row, architecture, words):
    row("siglip", PublishedModel(architecture=architecture, pooling="cls"))
    words = [f"huggingface.yaml: `siglip.architecture`: {words}"]
    refused("--from", published("siglip"), name="siglip", words=words)


@pytest.mark.parametrize("kind", ["SiglipVisionModels", "AutoModel", "torch", "load_image"])
def test_an_unknown_class_is_refused(published, refused, row, kind):
    row("siglip", PublishedModel(architecture={"model": kind}, pooling="cls"))
    words = [f"huggingface.yaml: `siglip.architecture`: got model {kind}, expected a model class of transformers"]
    refused("--from", published("siglip"), name="siglip", words=words)


def test_the_files_are_those_that_the_family_reads():
    assert {source_huggingface.CONFIG, *source_huggingface.PREPROCESSORS} == {
        transformers_files.CONFIG,
        *preprocessor_files.PREPROCESSORS,
    }


def test_the_published_rows_pin_no_hash():
    rows = read(source_huggingface.TABLE, PublishedModel)
    assert all(row.repository and row.sha256 is None for row in rows.values())
    assert not any(row.architecture for row in rows.values())
    assert list(rows) == list(family("huggingface").presets())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mine: {model: M, pooling: cls}", "`mine`: unknown key `model`; the valid keys are architecture, "),
        ("mine: {architecture: {model: M}}", "`mine`: missing key `pooling`"),
        ("mine: {architecture: M, pooling: cls}", "`mine`, at `architecture`: Expected `object`, got `str`"),
        ("mine: {pooling: cls, sha256: abc}", "`mine`, at `sha256`: Expected `str` matching"),
        ("mine: [", "is no valid YAML"),
        ("", "Expected `object`, got `null`"),
        ("mine: {pooling: tmean}\nmine: {pooling: cls}", "found duplicate key"),
    ],
)
def test_an_invalid_table_is_refused(tmp_path, text, words):
    path = tmp_path / "table.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read(path, PublishedModel)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
