"""trajprobe: do pretrained video features tell motion classes apart better than random weights, and by how much?"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trajprobe.errors import exit_while_importing

if TYPE_CHECKING:
    from trajprobe.files.feature_shards import load_features as load_features

# OpenMP's threads, left alone, spin so long for one another that beside one busy process a network takes ten times as
# long. Here, since whatever runs a network imports this first: OpenMP reads it once, when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

_program = Path(*sys.argv[:1])
if _program.name == "trajprobe" or _program.parent.name == "stages":  # not where somebody else's program imports us
    exit_while_importing()


def __getattr__(name: str) -> Any:
    """Imports `load_features` when it is asked for, so that a stage imports (and depends on) what it uses alone."""
    if name == "load_features":
        from trajprobe.files.feature_shards import load_features

        return load_features
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
