"""`trajprobe weights add videogpt --from FILE`: what it writes for a VQ-VAE's checkpoint, and what it refuses."""

import argparse
import hashlib

import pytest
import torch
import videogpt_checkpoint
from ruamel.yaml import YAML
from safetensors.torch import load_file
from videogpt_checkpoint import FOREIGN, TINY, save, state

from trajprobe.backbones.videogpt import Architecture, VideoGPT
from trajprobe.files.checked_json import read_checked_json
from trajprobe.params import parse
from trajprobe.published import fetch, source_videogpt
from trajprobe.published.checkpoint import load_checkpoint
from trajprobe.rows import Row

PUBLISHED = {
    "videogpt-bair-stride4x2x2": [4, 2, 2],
    "videogpt-ucf101-stride4x4x4": [4, 4, 4],
    "videogpt-kinetics-stride4x4x4": [4, 4, 4],
    "videogpt-kinetics-stride2x4x4": [2, 4, 4],
}
LAST, ROWS, BLOCK = "encoder.conv_last.conv.weight", "codebook.embeddings", "encoder.res_stack.1.block.2.conv.weight"


@pytest.fixture
def file(tmp_path):
    """Writes a checkpoint; returns its path."""

    def write(entries=None, **options):
        return save(tmp_path / "vqvae.ckpt", entries, **options)

    return write


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_provenance_and_a_row_are_written(repository, file, add):
    path = file()
    status, output = add("--from", path, name="videogpt")
    assert status == 0, output
    made = repository / "data/weights/videogpt"
    assert sorted(each.name for each in made.iterdir()) == ["model.safetensors", "provenance.json"]
    assert read_checked_json(made / "provenance.json") == {
        "made_by": "weights add",
        "family": "videogpt",
        "source": {"files": {"vqvae.ckpt": digest(path)}},
        "entries": 155,
        "architecture": TINY | {"resolution": 16},
        "trained_frames": 8,
        "not_run": FOREIGN,
        "sha256": digest(made / "model.safetensors"),
    }
    assert output.splitlines() == [
        f"vqvae.ckpt: 155 entries, a VQ-VAE of 32 codes and stride 4x2x2; sha256 {digest(path)}",
        f"vqvae.ckpt: names classes or functions that were neither imported nor run: {', '.join(FOREIGN)}",
        "data/weights/videogpt: 155 tensors, used by these lines of params.yaml, under `rows` and `clips`:",
        "  videogpt: {family: videogpt, clips: t8x16, weights: videogpt, like: videogpt, architecture: {n_hiddens: 16, "
        "n_res_layers: 2, embedding_dim: 8, n_codes: 32, downsample: [4, 2, 2], resolution: 16}, layer: latents}",
        "  t8x16: {frames: 8, resolution: 16}",
    ]
    with torch.device("meta"):
        network = VideoGPT(**TINY)
    network.load_state_dict(load_file(made / "model.safetensors"), strict=True, assign=True)
    given = state()
    assert network.state_dict().keys() == given.keys()
    assert all(torch.equal(value, given[name]) for name, value in network.state_dict().items())
    assert "path: videogpt" in made.with_name("videogpt.dvc").read_text()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_name_accepts_its_own_strides(repository, file, add, name):
    status, output = add("--from", file(downsample=tuple(PUBLISHED[name])), name=name)
    assert status == 0, output
    recorded = read_checked_json(repository / "data/weights" / name / "provenance.json")
    assert recorded["architecture"]["downsample"] == PUBLISHED[name]
    row = YAML(typ="safe").load(output.splitlines()[-2])[name]
    assert row["weights"] == name
    assert row["architecture"].get("downsample", [4, 4, 4]) == PUBLISHED[name]


@pytest.mark.parametrize(
    ("name", "strides", "words"),
    [
        (
            "videogpt-bair-stride4x2x2",
            [4, 4, 4],
            "got stride 4x4x4, expected 4x2x2 for videogpt-bair-stride4x2x2; add it as videogpt-ucf101-stride4x4x4 or "
            "videogpt-kinetics-stride4x4x4 or videogpt\n",
        ),
        (
            "videogpt-kinetics-stride4x4x4",
            [2, 4, 4],
            "got stride 2x4x4, expected 4x4x4 for videogpt-kinetics-stride4x4x4; add it as "
            "videogpt-kinetics-stride2x4x4 or videogpt\n",
        ),
        ("videogpt-kinetics-stride2x4x4", [4, 2, 4], "got stride 4x2x4, expected 2x4x4 for vi"),
        ("videogpt-ucf101-stride4x4x4", [4, 2, 4], "-stride4x4x4; add it as videogpt\n"),
    ],
)
def test_a_published_name_refuses_other_strides(file, refused, name, strides, words):
    refused("--from", file(downsample=strides), name=name, words=[words])


def selection_of(path, name="videogpt"):
    """The selection of a file."""
    return source_videogpt.select(fetch.files_from_path(source_videogpt, path), name)


def tensors_of(selection, folder):
    """The tensors that a selection writes."""
    assert selection.write(folder) == digest(folder / "model.safetensors")
    return load_file(folder / "model.safetensors")


def row_of(selection, name="videogpt"):
    """The row of params.yaml that is printed, its architecture, and the format of its clips."""
    text = YAML(typ="safe")
    row = parse(text.load(selection.params_lines[0])[name], Row, "row")
    return row, parse(row.architecture, Architecture, "row"), text.load(selection.params_lines[1])


def test_the_row_has_what_differs_from_the_published_shape(file):
    selection = selection_of(file(n_res_layers=2))
    row, shape, clips = row_of(selection)
    assert (row.family, row.weights, row.clips) == ("videogpt", "videogpt", "t8x16")
    assert clips == {"t8x16": {"frames": 8, "resolution": 16}}
    assert {name: getattr(shape, name) for name in TINY} == TINY | {"downsample": (4, 2, 2)}
    assert shape.resolution == 16


def test_the_published_shape_needs_no_architecture_in_its_row(file):
    with torch.device("meta"):
        names = VideoGPT().state_dict()
    flat = {name: torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) for name, tensor in names.items()}
    default = {"n_hiddens": 240, "n_res_layers": 4, "embedding_dim": 256, "n_codes": 2048, "downsample": (4, 4, 4)}
    path = file(flat, **default, sequence_length=16, resolution=128)
    selection = selection_of(path)
    assert row_of(selection)[0].architecture == {}
    assert selection.params_lines[1] == "t16x128: {frames: 16, resolution: 128}"
    bair = selection_of(file(flat, **default | {"downsample": (4, 2, 2)}, sequence_length=16, resolution=64))
    assert bair.params_lines == (
        "videogpt: {family: videogpt, clips: t16x64, weights: videogpt, like: videogpt, architecture: {downsample: "
        "[4, 2, 2], resolution: 64}, layer: latents}",
        "t16x64: {frames: 16, resolution: 64}",
    )


def test_missing_clips_are_those_of_upstream(file):
    selection = selection_of(file(sequence_length=None, resolution=None))
    assert selection.provenance["trained_frames"] == 16
    assert "resolution" not in selection.provenance["architecture"]
    row, shape, clips = row_of(selection)
    assert (row.clips, shape.resolution, clips) == ("t16x128", 128, {"t16x128": {"frames": 16, "resolution": 128}})


@pytest.mark.parametrize(("trained", "frames"), [(10, 8), (8, 8), (3, 4)])
def test_the_row_has_clips_that_the_stride_divides(file, trained, frames):
    selection = selection_of(file(sequence_length=trained))
    assert selection.provenance["trained_frames"] == trained
    row, _, clips = row_of(selection)
    assert (row.clips, clips) == (f"t{frames}x16", {f"t{frames}x16": {"frames": frames, "resolution": 16}})


def test_hyper_parameters_may_be_in_an_attribute_dictionary(file, tmp_path):
    path = file(table=videogpt_checkpoint.AttributeDict)
    assert tensors_of(selection_of(path), tmp_path).keys() == state().keys()
    assert "pytorch_lightning.utilities.parsing.AttributeDict" in load_checkpoint(path).foreign_names


def test_a_network_without_residual_blocks_is_accepted(file, tmp_path):
    with torch.device("meta"):
        names = VideoGPT(**TINY | {"n_res_layers": 0}).state_dict()
    entries = {name: torch.ones(tensor.shape, dtype=tensor.dtype) for name, tensor in names.items()}
    assert tensors_of(selection_of(file(entries, n_res_layers=0)), tmp_path).keys() == names.keys()


@pytest.mark.parametrize("name", source_videogpt.NAMES)
def test_without_a_file_the_message_says_that_none_can_be_downloaded(refused, name):
    refused(
        name=name,
        words=[f"weights add {name}: ", "reported dead", "45 and 46", "no other place is known", "--from FILE"],
    )


def test_raw_is_refused_for_weights_without_a_moving_average(file, refused):
    refused("--from", file(), "--raw", name="videogpt", words=["got --raw, but the published weights of videogpt have"])


HYPER = {
    **{f"no {name}": ({name: None}, f"`hyper_parameters.args`: missing key `{name}`") for name in TINY},
    "words": ({"n_codes": "32"}, "`hyper_parameters.args`, at `n_codes`: Expected `int`, got `str`"),
    "truth": ({"n_res_layers": True}, "at `n_res_layers`: Expected `int`, got `bool`"),
    "fraction": ({"n_hiddens": 16.5}, "at `n_hiddens`: Expected `int`, got `float`"),
    "none": ({"embedding_dim": 0}, "at `embedding_dim`: Expected `int` >= 1"),
    "an object": ({"n_codes": argparse.Namespace()}, "at `n_codes`: Expected `int`, got `Namespace`"),
    "a function": ({"n_codes": len}, "at `n_codes`: Expected `int`, got `StubClass`"),
    "two strides": ({"downsample": [4, 4]}, "at `downsample`: Expected `array` of length 3"),
    "one stride": ({"downsample": 4}, "at `downsample`: Expected `array`, got `int`"),
    "a stride of words": ({"downsample": [4, 4, "4"]}, "at `downsample[2]`: Expected `int`, got `str`"),
    "clips": ({"sequence_length": "16"}, "at `sequence_length`: Expected `int`, got `str`"),
    "pixels": ({"resolution": 1.5}, "at `resolution`: Expected `int | null`, got `float`"),
    "no pixels": ({"resolution": 0}, "at `resolution`: Expected `int` >= 1"),
    "width": ({"n_hiddens": 32}, f"got hyper-parameter n_hiddens 32, expected 16 as {LAST} has"),
    "dimensions": ({"embedding_dim": 9}, f"got hyper-parameter embedding_dim 9, expected 8 as {ROWS} has"),
    "codes": ({"n_codes": 64}, f"got hyper-parameter n_codes 64, expected 32 as {ROWS} has"),
    "blocks": ({"n_res_layers": 3}, "got hyper-parameter n_res_layers 3, expected 2 as encoder.res_stack has"),
    "halvings": (
        {"downsample": [8, 2, 2]},
        "got hyper-parameter downsample [8, 2, 2], 3 halvings, expected 2 as encoder.convs has",
    ),
    "no power of two": (
        {"downsample": [4, 3, 2]},
        "make no network: got downsample (4, 3, 2), expected three powers of 2",
    ),
}


@pytest.mark.parametrize("case", HYPER)
def test_a_wrong_hyper_parameter_is_named(file, refused, case):
    args, words = HYPER[case]
    path = file(**args)
    refused("--from", path, name="videogpt", words=[f"{path}: ", words])


@pytest.mark.parametrize(
    "extra", [{"hyper_parameters": None}, {"hyper_parameters": {}}, {"hyper_parameters": {"args": {"n_codes": 32}}}]
)
def test_a_file_without_hyper_parameters_is_refused(file, refused, extra):
    refused("--from", file(extra=extra), name="videogpt", words=["has no Namespace `args` in `hyper_parameters`"])


def without(prefix):
    return lambda entries: {name: value for name, value in entries.items() if not name.startswith(prefix)}


def replaced(name, change):
    return lambda entries: entries | {name: change(entries[name])}


def spoilt(value, name=BLOCK):
    return replaced(name, lambda tensor: tensor.index_fill(0, torch.tensor([1]), value))


ENTRIES = {
    "missing": (without(BLOCK), f"1 of 155 tensors missing ({BLOCK})"),
    "no decoder": (without("decoder."), "tensors missing (decoder.convts.0.convt.bias"),
    "extra": (lambda e: e | {"loss.weight": torch.zeros(1)}, "1 of 156 tensors of no use to this architecture (loss.w"),
    "no last": (without(LAST), f"has no {LAST} of 5 axes"),
    "no rows": (without(ROWS), f"has no {ROWS} of 2 axes"),
    "flat last": (replaced(LAST, lambda t: t[..., 0]), f"has no {LAST} of 5 axes"),
    "flat rows": (replaced(ROWS, lambda t: t[0]), f"has no {ROWS} of 2 axes"),
    "shape": (replaced(BLOCK, lambda t: t[:3]), f"got {BLOCK} (3, 16, 3, 3, 3) of torch.float32, expected (8, 16,"),
    "type": (replaced(BLOCK, torch.Tensor.double), f"got {BLOCK} (8, 16, 3, 3, 3) of torch.float64, expected"),
    "a number": (
        replaced("encoder.res_stack.1.block.0.num_batches_tracked", torch.Tensor.half),
        "num_batches_tracked () of torch.float16, expected () of torch.int64",
    ),
    "half beyond": (
        lambda e: {k: v * 1e6 if v.is_floating_point() else v for k, v in e.items()} | {BLOCK: (e[BLOCK] * 1e6).half()},
        f"{BLOCK} has a value that is not finite",
    ),
    "NaN": (spoilt(float("nan")), f"{BLOCK} has a value that is not finite"),
    "infinity": (spoilt(float("-inf"), "codebook.z_avg"), "codebook.z_avg has a value that is not finite"),
    "no tensor": (lambda e: e | {BLOCK: [1.0]}, f"got {BLOCK} that is no dense tensor"),
    "an object": (lambda e: e | {BLOCK: argparse.Namespace(shape=(8, 16, 3, 3, 3))}, "that is no dense tensor"),
    "sparse": (replaced(ROWS, torch.Tensor.to_sparse), f"got {ROWS} that is no dense tensor"),
    "no values": (replaced(ROWS, lambda t: t.to("meta")), f"got {ROWS} that is no dense tensor"),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_a_wrong_entry_is_named(file, refused, case):
    change, words = ENTRIES[case]
    path = file(change(state()))
    refused("--from", path, name="videogpt", words=[f"{path}: ", words])


def test_sizes_too_large_to_count_are_refused(file, refused):
    huge = torch.zeros(()).expand(10**9, 1, 1, 1, 1)
    path = file(state() | {LAST: huge}, n_hiddens=10**9)
    refused("--from", path, name="videogpt", words=["at `n_hiddens`: Expected `int` <= 1048576"])


def test_sizes_larger_than_memory_take_none(file, refused):
    huge = torch.zeros(()).expand(10**6, 10**6)
    path = file(state() | {ROWS: huge}, n_codes=10**6, embedding_dim=10**6)
    refused("--from", path, name="videogpt", words=["expected (1000000,"])


@pytest.mark.parametrize("name", [LAST, ROWS, "pre_vq_conv.conv.weight", "codebook.N"])
def test_an_incomplete_checkpoint_is_refused_by_what_is_missing(file, refused, name):
    path = file({name: state()[name]}, n_res_layers=0)
    refused("--from", path, name="videogpt", words=[f"has no {ROWS if name == LAST else LAST}"])


def gpt(entries):
    return {f"vqvae.{name}": value for name, value in entries.items()} | {
        "attn_stack.right_shift.sos": torch.zeros(2),
        "fc_in.weight": torch.zeros(2, 2),
        "norm.g": torch.zeros(2),
        "fc_out.weight": torch.zeros(2, 2),
    }


def open_magvit2(entries):
    return {"encoder.down.0.block.0.conv1.conv_1.weight": torch.zeros(1, 1, 1, 1, 1), "model_ema.decay": torch.zeros(1)}


OTHERS = {
    "transformer": (gpt, "the checkpoint of a transformer that generates tokens"),
    "bare transformer": (lambda e: {"attn_stack.w": torch.zeros(1)}, "the checkpoint of a transformer"),
    "open-magvit2": (open_magvit2, "an Open-MAGVIT2 tokenizer's checkpoint"),
    "image": (
        lambda entries: {name: value[..., 0] if value.ndim == 5 else value for name, value in entries.items()},
        "an image tokenizer's checkpoint",
    ),
    "other": (lambda entries: {"fc.weight": torch.zeros(1)}, "another model's checkpoint (1 entries: fc.weight)"),
    "nothing": (lambda entries: {}, "another model's checkpoint (0 entries"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_models_file_is_named_by_its_kind(file, refused, case):
    change, kind = OTHERS[case]
    path = file(change(state()), n_hiddens=None)  # the kind comes before what is missing
    refused("--from", path, name="videogpt", words=[f"{path}: got {kind}", "expected the VQ-VAE's of VideoGPT"])


def test_a_vq_vae_is_refused_where_open_magvit2_is_expected(file, refused):
    refused("--from", file(), words=["got a VideoGPT tokenizer's checkpoint, expected the video tokenizer's"])


def test_a_file_without_a_state_dict_is_refused(file, refused):
    refused("--from", file(extra={"state_dict": None}), name="videogpt", words=["without `state_dict`"])
