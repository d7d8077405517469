"""state_dict: the names that the network itself gives, whatever has wrapped it; nothing is taken from two copies."""

from pathlib import Path

import pytest
import torch

from trajprobe.errors import UserError
from trajprobe.published.checkpoint import Checkpoint
from trajprobe.published.state_dict import state_dict

PARTS = ("encoder", "decoder", "model_ema")
NAMES = ("encoder.a.weight", "decoder.model.b", "model_ema.encoderaweight")


def found(content):
    return state_dict(Checkpoint(Path("some.ckpt"), content, []), PARTS)


def tensors(names):
    return {name: torch.full((2,), float(i)) for i, name in enumerate(names)}


def wrapped(prefix):
    return {prefix + name: tensor for name, tensor in tensors(NAMES).items()}


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "_orig_mod.", "module.", "model.", "state_dict.", "module._orig_mod.", "_orig_mod.module."),
        *("model._orig_mod.", "model.module._orig_mod.", "state_dict.model."),
    ],
)
@pytest.mark.parametrize("envelope", ["", "state_dict", "model", "module", "model_state_dict"])
def test_names_are_those_of_the_network(prefix, envelope):
    content = {"epoch": 3, envelope: wrapped(prefix)} if envelope else wrapped(prefix)
    state = found(content)
    assert list(state.entries) == list(NAMES)
    assert [float(tensor[0]) for tensor in state.entries.values()] == [0, 1, 2]
    assert state.wrappers == prefix


def test_a_part_that_was_compiled_by_itself_has_its_own_names():
    state = found(
        {"state_dict": tensors(["encoder._orig_mod.a.weight", "encoder.b._orig_mod._orig_mod.c", "decoder.d"])}
    )
    assert list(state.entries) == ["encoder.a.weight", "encoder.b.c", "decoder.d"]
    assert state.wrappers == "_orig_mod."
    assert found(tensors(["module.encoder._orig_mod.a"])).wrappers == "module. and _orig_mod."


def test_other_entries_may_have_other_wrappers():
    state = found({"state_dict": tensors(["model.encoder.a", "loss.disc.main", "module.lpips.b"])})
    assert list(state.entries) == ["encoder.a", "loss.disc.main", "lpips.b"]
    assert state.wrappers == "model."


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["encoder.a", "module.decoder.b"], "different beginnings (encoder.a, module.decoder.b), expected one for all"),
        (["_orig_mod.encoder.a", "encoder.b"], "different beginnings (_orig_mod.encoder.a, encoder.b), expected one"),
        (["module.encoder.a", "_orig_mod.module.encoder.b"], "got names with different beginnings"),
        (["model.encoder.a", "model_ema.encodera"], "different beginnings (model.encoder.a, model_ema.encodera)"),
        (["module.encoder.a", "encoder.a"], "has encoder.a twice, as module.encoder.a and encoder.a, expected one"),
        (["encoder._orig_mod.a", "encoder.a"], "has encoder.a twice, as encoder._orig_mod.a and encoder.a"),
        (["module.loss.a", "loss.a"], "has loss.a twice, as module.loss.a and loss.a"),
    ],
)
def test_mixed_names_and_second_copies_are_refused_by_name(names, words):
    with pytest.raises(UserError) as caught:
        found({"state_dict": tensors(names)})
    assert words in str(caught.value)
    assert str(caught.value).startswith("some.ckpt: ")
    assert str(caught.value).endswith("; save the state_dict() of the network alone")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"encoder.weight": torch.zeros(2), "epoch": 3},
            r"got a dictionary of 2 keys \(encoder.weight, epoch\) without",
        ),
        ({}, "got an empty dictionary"),
        ([1, 2], "got a list without `state_dict`"),
        ({"state_dict": [1]}, r"got a dictionary of 1 keys \(state_dict\)"),
        ({"state_dict": {1: torch.zeros(2)}}, r"got a dictionary of 1 keys \(state_dict\)"),
        ({1: torch.zeros(2)}, r"got a dictionary of 1 keys \(1\)"),
        ({"state_dict": {}, "model": tensors(NAMES)}, "has `state_dict` and `model`, expected one"),
    ],
)
def test_a_checkpoint_without_one_state_dict_is_refused(content, message):
    with pytest.raises(UserError, match=f"^some.ckpt: {message}"):
        found(content)


def test_a_name_that_would_begin_a_line_is_made_visible():
    with pytest.raises(UserError, match=r"has encoder\.a\\n twice") as caught:
        found(tensors(["encoder.a\n", "module.encoder.a\n"]))
    assert str(caught.value).isprintable()
