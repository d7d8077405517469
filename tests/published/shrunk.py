"""The command `trajprobe` with Open-MAGVIT2 shrunk: all its names, at most two along each axis, so files are small.

python tests/published/shrunk.py weights add open-magvit2 ...
"""

import json
from pathlib import Path

import torch

from trajprobe.cli import main
from trajprobe.published import source_open_magvit2

#: [name, shape, type] of each entry of the training layout, as upstream's code makes it.
LAYOUT = json.loads((Path(__file__).parent / "open_magvit2_636_keys.json").read_text())


def expected():
    return {
        name: torch.empty([min(size, 2) for size in shape])
        for name, shape, _ in LAYOUT
        if name.startswith(("encoder.", "decoder."))
    }


def state(losses=False):
    """Random entries of the released layout, or with the `losses` those of the training layout, shrunk."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.rand([min(size, 2) for size in shape], generator=generator).to(getattr(torch, kind.split(".")[1]))
        for name, shape, kind in LAYOUT
        if losses or not name.startswith(("loss.", "model_ema.loss"))
    }


if __name__ == "__main__":
    source_open_magvit2.expected_tensors = expected
    main()
