"""Weights are loaded to the last tensor or refused, and a refusal leaves the network as it was."""

import hashlib
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from trajprobe.backbones import weights
from trajprobe.backbones.magvit2_tiny import Architecture, build
from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256
from trajprobe.files.checked_json import read_checked_json, write_checked_json


def network(seed, channels=4):
    torch.manual_seed(seed)
    return build(Architecture(channels=channels, multipliers=(1, 1, 1), residual_blocks=0, bits=3))


def state(of):
    return {key: tensor.clone() for key, tensor in of.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture
def folder(tmp_path):
    weights.save(tmp_path / "w", network(0), {"made_by": "test", "trained_frames": 17})
    return tmp_path / "w"


def test_what_is_saved_is_loaded_to_the_bit(folder):
    other = network(1)
    assert not equal(state(other), state(network(0)))
    digest = weights.load(folder, other)
    assert equal(state(other), state(network(0)))
    assert digest == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert weights.digest(other) == weights.digest(network(0)) != weights.digest(network(1))


def test_weights_are_loaded_into_a_network_that_has_none_yet(folder):
    with torch.device("meta"):
        bare = network(1)
    weights.load(folder, bare)
    assert equal(state(bare), state(network(0)))
    x = torch.zeros(1, 3, 1, 16, 16)
    assert torch.equal(bare.encode(x), network(0).encode(x))


def test_the_digest_is_of_names_shapes_and_values():
    digests = set()
    for name, tensor in (("a", torch.zeros(1, 3)), ("a", torch.ones(1, 3)), ("a", torch.zeros(3, 1))):
        digests.add(weights.digest(torch.nn.ParameterDict({name: tensor})))
    digests.add(weights.digest(torch.nn.ParameterDict({"b": torch.zeros(1, 3)})))
    integers = torch.nn.Module()
    integers.register_buffer("a", torch.zeros(1, 3, dtype=torch.int32))
    digests.add(weights.digest(integers))
    assert len(digests) == 5


def test_provenance_comes_back_with_the_digest(folder):
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert weights.provenance(folder) == {"made_by": "test", "trained_frames": 17, "sha256": digest}
    assert read_checked_json(folder / "provenance.json") == weights.provenance(folder)


def test_a_recipes_folder_has_a_network_for_each_seed(folder):
    assert weights.seeds(folder) is None
    top = folder / "recipe"
    assert weights.seeds(top) is None  # it is missing, which is said where it is read
    for seed in (0, 1):
        weights.save(top / str(seed), torch.nn.Linear(2, 3), {"seed": seed})
    assert weights.seeds(top) == 2
    (top / "0").rename(top / "2")
    with pytest.raises(UserError, match=r"recipe: got networks of the seeds \[1, 2\], expected 0, 1, ...; `dvc pull"):
        weights.seeds(top)


def test_saving_again_replaces_the_whole_folder(folder):
    (folder / "stray").touch()
    weights.save(folder, network(1), {})
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", "provenance.json"]
    other = network(2)
    weights.load(folder, other)
    assert equal(state(other), state(network(1)))


def missing_file(path):
    path.unlink()


def truncated(path):
    path.write_bytes(path.read_bytes()[:-10])


def empty(path):
    path.write_bytes(b"")


def edited(change):
    def edit(path):
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    return edit


def set_nan(tensors):
    tensors["conv_out.bias"][1] = float("nan")


def set_infinite(tensors):
    tensors["conv_out.bias"][0] = float("inf")


@pytest.mark.harm("damage")
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (missing_file, "cannot be read .No such file"),
        (truncated, "is no safetensors file"),
        (empty, "is no safetensors file"),
        (edited(lambda t: t.pop("conv_out.bias")), r"1 of 12 tensors missing \(conv_out.bias\)"),
        (edited(lambda t: t.update(more=torch.zeros(1))), r"1 of \d+ tensors of no use .*\(more\)"),
        (edited(lambda t: t.update({"conv_out.bias": torch.zeros(4)})), r"got conv_out.bias \(4,\) .*expected \(3,\)"),
        (edited(lambda t: t.update({"conv_out.bias": t["conv_out.bias"].double()})), "float64, expected .*float32"),
        (edited(lambda t: t.update({"conv_out.bias": t["conv_out.bias"].half()})), "float16, expected .*float32"),
        (edited(set_nan), "conv_out.bias has a value that is not finite"),
        (edited(lambda t: t["conv_out.bias"][:1].fill_(-math.inf)), "conv_out.bias has a value that is not finite"),
        (edited(set_infinite), "conv_out.bias has a value that is not finite"),
    ],
)
def test_a_damaged_file_is_refused_and_nothing_is_loaded(folder, damage, message):
    damage(folder / "model.safetensors")
    if (folder / "model.safetensors").is_file():
        told = weights.provenance(folder) | {"sha256": file_sha256(folder / "model.safetensors")}
        write_checked_json(folder / "provenance.json", told)
    other = network(1)
    with pytest.raises(UserError, match=message) as told:
        weights.load(folder, other)
    assert str(folder / "model.safetensors") in str(told.value)
    assert equal(state(other), state(network(1)))


def test_a_file_that_is_not_the_recorded_one_is_refused(folder, tmp_path):
    weights.save(tmp_path / "other", network(2), {})
    (tmp_path / "other/model.safetensors").replace(folder / "model.safetensors")
    other = network(1)
    with pytest.raises(UserError, match=r"got sha256 \w{64}, .*json has recorded; delete .*cache verify`$"):
        weights.load(folder, other)
    assert equal(state(other), state(network(1)))


def test_another_architecture_is_refused(folder):
    with pytest.raises(UserError, match="is the architecture the one it was trained with"):
        weights.load(folder, network(0, channels=8))


@pytest.mark.parametrize("text", ["[]", "3", "NaN", "[" * 5000])
def test_a_provenance_that_is_no_table_is_refused(folder, text):
    (folder / "provenance.json").write_text(text)
    with pytest.raises(UserError, match=r"provenance\.json: is (damaged|no valid JSON)"):
        weights.provenance(folder)
