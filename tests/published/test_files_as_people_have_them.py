"""Weights of Open-MAGVIT2 and VideoGPT in other files: wrapped, without an envelope, narrow, safetensors."""

import pytest
import shrunk
import torch
import videogpt_checkpoint
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file
from videogpt_checkpoint import TINY

from trajprobe.files.checked_json import read_checked_json
from trajprobe.published import fetch, source_videogpt
from trajprobe.published.add_weights import source_of

PREFIXES = ("module.", "_orig_mod.", "model.", "model._orig_mod.")
NARROW = {torch.float16: "float16", torch.bfloat16: "bfloat16"}
FILES = ("lightning", "bare", "safetensors")
#: The entries of a file, and how it calls the tensor of a name.
FAMILIES = {
    "open-magvit2": (shrunk.state, lambda name: "model_ema." + name.replace(".", "")),
    "videogpt": (videogpt_checkpoint.state, lambda name: name),
}


@pytest.fixture(autouse=True)
def shrunken(small):
    """Open-MAGVIT2 is shrunk."""


@pytest.fixture
def given(tmp_path):
    """A function: writes a state dict to a file of a kind; returns its path and the arguments it needs beside."""

    def write(name, state, kind):
        if kind == "safetensors":
            path = tmp_path / "some.safetensors"
            save_file(state, path)
        else:
            path = tmp_path / "some.pt"
            content = {"state_dict": state, "epoch": 1} if kind == "lightning" else state
            torch.save(content, path)
        return ["--from", path, *(["--stride", "4x2x2"] if name == "videogpt" else [])]

    return write


def changed(state, prefix="", dtype=None):
    return {
        prefix + name: tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }


@pytest.fixture
def written(given, tmp_path):
    """A function: what `weights add` writes for a state dict in a file of a kind; its tensors, lines and provenance."""

    def write(name, state, kind):
        path = given(name, state, kind)[1]
        source = source_of(name)
        files = fetch.files_from_path(source, path)
        selection = source.select_strided(files, name, (4, 2, 2)) if name == "videogpt" else source.select(files, name)
        selection.write(tmp_path)
        return load_file(tmp_path / "model.safetensors"), "\n".join(selection.summary), selection.provenance

    return write


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("prefix", ["", *PREFIXES])
def test_the_same_tensors_are_written_whatever_holds_them(written, name, kind, prefix):
    make, key = FAMILIES[name]
    state = make()
    tensors, lines, provenance = written(name, changed(state, prefix), kind)
    assert len(tensors) == {"open-magvit2": 283, "videogpt": 155}[name]
    assert all(torch.equal(tensor, state[key(own)]) for own, tensor in tensors.items())
    assert (f"names were taken without `{prefix}`, which a wrapper had put there" in lines) == bool(prefix)
    assert provenance.get("wrappers", "") == prefix
    assert "widened" not in provenance
    assert "widened" not in lines


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", NARROW)
def test_narrow_tensors_are_widened_and_that_is_said(written, name, kind, dtype):
    make, key = FAMILIES[name]
    state = changed(make(), "module.", dtype)
    tensors, lines, provenance = written(name, state, kind)
    for own, tensor in tensors.items():
        held = state["module." + key(own)]
        assert tensor.dtype == (torch.float32 if held.is_floating_point() else held.dtype)
        assert torch.equal(tensor, held.to(tensor.dtype))
    count = sum(tensor.is_floating_point() for tensor in tensors.values())
    assert f": of the {len(tensors)} tensors, {count} {NARROW[dtype]} were widened to float32" in lines
    assert provenance["widened"] == {str(dtype): count}


def test_some_narrow_tensors_among_others_are_counted_by_their_type(written):
    state = shrunk.state()
    for i, name in enumerate(name for name in state if name.startswith("model_ema.decoder")):
        state[name] = state[name].to((torch.float16, torch.bfloat16, torch.float32)[i % 3])
    _, lines, _ = written("open-magvit2", state, "bare")
    assert "of the 283 tensors, 50 bfloat16 and 50 float16 were widened to float32" in lines


def test_the_lines_and_the_provenance_are_those_of_the_command(repository, add, given):
    state = changed(shrunk.state(), "_orig_mod.", torch.bfloat16)
    status, output = add(*given("open-magvit2", state, "safetensors"))
    assert status == 0, output
    assert "some.safetensors: names were taken without `_orig_mod.`, which a wrapper had put there\n" in output
    assert "some.safetensors: of the 283 tensors, 283 bfloat16 were widened to float32\n" in output
    provenance = read_checked_json(repository / "data/weights/open-magvit2/provenance.json")
    assert (provenance["wrappers"], provenance["widened"]) == ("_orig_mod.", {"torch.bfloat16": 283})


def test_raw_weights_of_a_bare_file_need_no_moving_average(repository, add, given):
    state = {name: tensor for name, tensor in shrunk.state().items() if not name.startswith("model_ema.")}
    arguments = given("open-magvit2", changed(state, "_orig_mod.", torch.bfloat16), "safetensors")
    status, output = add(*arguments)
    assert (status, "has no moving average of the weights" in output) == (2, True)
    assert add(*arguments, "--raw")[0] == 0
    tensors = load_file(repository / "data/weights/open-magvit2/model.safetensors")
    assert all(torch.equal(tensor, state[name].bfloat16().float()) for name, tensor in tensors.items())


@pytest.mark.parametrize("name", FAMILIES)
def test_wrapped_and_bare_names_together_are_refused(refused, given, name):
    make, _ = FAMILIES[name]
    state = make()
    first = next(key for key in state if key.startswith("encoder."))
    both = given(name, state | {f"module.{first}": state[first]}, "bare")
    refused(*both, name=name, words=[f"has {first} twice, as {first} and module.{first}"])
    mixed = {f"module.{key}" if key.startswith("decoder.") else key: tensor for key, tensor in state.items()}
    refused(
        *given(name, mixed, "safetensors"), name=name, words=["got names with different beginnings (", "module.dec"]
    )


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_what_is_missing_misshapen_or_not_finite_is_refused_as_ever(refused, given, name, kind, prefix):
    make, key = FAMILIES[name]
    weight = next(own for own in (key(own) for own in make() if own.startswith("encoder.")) if make()[own].ndim == 5)
    for change, word in (
        (lambda state: state.pop(weight), "missing"),
        (lambda state: state.update({weight: state[weight][:1, :1]}), "(1, 1, "),
        (lambda state: state[weight].view(-1)[:1].fill_(float("inf")), "finite"),
    ):
        state = make()
        change(state)
        state = {entry: tensor.contiguous() for entry, tensor in state.items()}
        refused(*given(name, changed(state, prefix), kind), name=name, words=[weight, word])


@pytest.mark.parametrize("cut", [9, 500, -100])
def test_a_truncated_safetensors_file_is_refused(refused, given, cut):
    arguments = given("videogpt", videogpt_checkpoint.state(), "safetensors")
    arguments[1].write_bytes(arguments[1].read_bytes()[:cut])
    refused(*arguments, name="videogpt", words=[f"{arguments[1]}: is a damaged safetensors file"])


def row_of(output, name):
    return YAML(typ="safe").load(next(line for line in output.splitlines() if line.startswith("  videogpt")))[name]


def test_the_strides_of_bare_tensors_are_those_that_the_user_states(repository, add, given):
    arguments = given("videogpt", videogpt_checkpoint.state(), "bare")
    status, output = add(*arguments, name="videogpt")
    assert status == 0, output
    assert "stride 4x2x2 as --stride says (the file has no hyper-parameters); sha256" in output
    provenance = read_checked_json(repository / "data/weights/videogpt/provenance.json")
    assert provenance["architecture"] == TINY
    assert provenance["strides"] == "--stride"
    assert "trained_frames" not in provenance  # nothing says how many
    assert row_of(output, "videogpt")["architecture"] == TINY


@pytest.mark.parametrize(
    ("name", "strides", "resolution"),
    [("videogpt-bair-stride4x2x2", [4, 2, 2], 64), ("videogpt-kinetics-stride2x4x4", [2, 4, 4], 128)],
)
def test_the_strides_of_bare_tensors_are_those_of_a_published_name(repository, add, given, name, strides, resolution):
    _, path, *_ = given("videogpt", videogpt_checkpoint.state(), "safetensors")
    status, output = add("--from", path, name=name)
    assert status == 0, output
    assert f"stride {'x'.join(map(str, strides))} as its name says" in output
    provenance = read_checked_json(repository / "data/weights" / name / "provenance.json")
    assert provenance["architecture"] == TINY | {"downsample": strides, "resolution": resolution}
    assert (provenance["strides"], provenance["trained_frames"]) == ("name", 16)
    assert row_of(output, name)["clips"] == f"t16x{resolution}"


def test_bare_tensors_without_strides_are_refused_with_what_to_do(refused, given):
    _, path, *_ = given("videogpt", videogpt_checkpoint.state(), "bare")
    words = [
        "has no hyper-parameters",
        "expected --stride TxHxW, or a name that states them (videogpt-bair-stride4x2x2",
    ]
    refused("--from", path, name="videogpt", words=words)


@pytest.mark.parametrize(
    ("stride", "words"),
    [
        ("4,2,2", "got --stride 4,2,2, expected TxHxW, such as 4x4x4"),
        ("4x2", "got --stride 4x2, expected TxHxW"),
        ("8x2x2", "got hyper-parameter downsample [8, 2, 2], 3 halvings, expected 2 as encoder.convs has"),
        ("4x3x2", "make no network: got downsample (4, 3, 2), expected three powers of 2"),
        ("0x4x4", "what its tensors show, at `downsample[0]`: Expected `int` >= 1"),
    ],
)
def test_strides_that_can_not_be_are_refused(refused, given, stride, words):
    _, path, *_ = given("videogpt", videogpt_checkpoint.state(), "bare")
    refused("--from", path, "--stride", stride, name="videogpt", words=[words])


def test_strides_beside_those_of_the_file_or_the_name_must_be_equal(refused, given, tmp_path):
    path = videogpt_checkpoint.save(tmp_path / "vqvae.ckpt")
    refused(
        *("--from", path, "--stride", "4x4x4"),
        name="videogpt",
        words=["got --stride 4x4x4, expected 4x2x2 as its hyper-parameters have; leave --stride out"],
    )
    _, bare, *_ = given("videogpt", videogpt_checkpoint.state(), "bare")
    refused(
        *("--from", bare, "--stride", "4x4x4"),
        name="videogpt-bair-stride4x2x2",
        words=["got stride 4x4x4, expected 4x2x2 for videogpt-bair-stride4x2x2"],
    )
    files = fetch.files_from_path(source_videogpt, path)
    assert "strides" not in source_videogpt.select_strided(files, "videogpt", (4, 2, 2)).provenance


def test_strides_are_refused_where_a_file_has_all_and_raw_where_there_is_no_average(refused, given):
    arguments = given("open-magvit2", shrunk.state(), "bare")
    refused(*arguments, "--stride", "4x4x4", words=["got --stride, but the files of open_magvit2 state all of their"])
    _, path, *_ = given("videogpt", videogpt_checkpoint.state(), "bare")
    refused("--from", path, "--stride", "4x2x2", "--raw", name="videogpt", words=["got --raw, but"])


def test_a_checkpoint_in_an_envelope_with_its_hyper_parameters_needs_no_strides(tmp_path):
    wrapped = changed(videogpt_checkpoint.state(), "model._orig_mod.", torch.bfloat16)
    path = videogpt_checkpoint.save(tmp_path / "vqvae.ckpt", wrapped)
    provenance = source_videogpt.select(fetch.files_from_path(source_videogpt, path), "videogpt").provenance
    assert (provenance["wrappers"], provenance["trained_frames"]) == ("model._orig_mod.", 8)
    assert "strides" not in provenance
