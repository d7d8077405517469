"""The state dict in a checkpoint, by the names that the network itself gives its tensors.

A network is often wrapped when it is saved: by torch.compile (`_orig_mod.`), by DataParallel (`module.`), or by a class
that has it as `model`. The names then begin with the wrapper's. With one beginning for all of them it is left out.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.published.checkpoint import Checkpoint

#: Keys of a checkpoint under which a state dict stands.
ENVELOPES = ("state_dict", "model_state_dict", "model", "module")
#: What wrappers put before a name.
WRAPPERS = re.compile(r"^(?:(?:_orig_mod|module|model|state_dict)\.)+")
#: Of a part that was compiled by itself, within its tensors' names.
INNER = re.compile(r"(?<=\.)(?:_orig_mod\.)+")


@dataclass(frozen=True)
class StateDict:
    """Entries of a checkpoint."""

    entries: Mapping[str, Any]  #: by the network's own names
    wrappers: str  #: what the names began with, or had within them; empty: nothing


def state_dict(checkpoint: Checkpoint, parts: Collection[str]) -> StateDict:
    """The state dict of a checkpoint, or the checkpoint itself where it is one.

    Args:
        parts: of the network: names of its tensors begin with one of them and a dot. Other entries of a checkpoint
            (losses) may have other wrappers.

    Raises:
        UserError: there is none, or more than one; its names begin with different wrappers, or two of its names are
            the same without these.
    """
    entries: dict[str, Any] = {}
    keys: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    inside = ""
    for key, value in _enveloped(checkpoint).items():
        unwrapped = WRAPPERS.sub("", key)
        wrappers = key.removesuffix(unwrapped)
        name, compiled = INNER.subn("", unwrapped)
        inside = "_orig_mod." if compiled else inside
        if name in entries:
            raise UserError(
                f"{checkpoint.path}: has {visible_name(name)} twice, as {visible_name(keys[name])} and "
                f"{visible_name(key)}, expected one copy; {_REMEDY}"
            )
        entries[name], keys[name] = value, key
        if name.partition(".")[0] in parts:
            beginnings.setdefault(wrappers, key)
    if len(beginnings) > 1:
        raise UserError(
            f"{checkpoint.path}: got names with different beginnings ({visible_names(beginnings.values(), 2)}), "
            f"expected one for all; {_REMEDY}"
        )
    return StateDict(entries, " and ".join(dict.fromkeys(filter(None, [*beginnings, inside]))))


_REMEDY = "save the state_dict() of the network alone"


def _enveloped(checkpoint: Checkpoint) -> Mapping[str, Any]:
    content = checkpoint.content
    if not isinstance(content, Mapping):
        got = f"a {visible_name(type(content).__name__)}"
    elif not content:
        got = "an empty dictionary"
    else:
        if names := [key for key in ENVELOPES if _is_named(content.get(key))]:
            if len(names) > 1:
                raise UserError(
                    f"{checkpoint.path}: has {' and '.join(f'`{name}`' for name in names)}, expected one; {_REMEDY}"
                )
            state: Mapping[str, Any] = content[names[0]]
            return state
        if _is_named(content) and all(isinstance(value, Tensor) for value in content.values()):
            return content
        got = f"a dictionary of {len(content)} keys ({visible_names(content, 3)})"
    raise UserError(
        f"{checkpoint.path}: got {got} without `state_dict`, expected a Lightning checkpoint, or tensors by their "
        "names; is it another model's?"
    )


def _is_named(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
