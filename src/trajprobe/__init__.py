"""trajprobe: do pretrained video features tell motion classes apart better than random weights, and by how much?"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trajprobe.files.feature_shards import load_features as load_features


def __getattr__(name: str) -> Any:
    """Imports `load_features` when it is asked for, so that a stage imports (and depends on) what it uses alone."""
    if name == "load_features":
        from trajprobe.files.feature_shards import load_features

        return load_features
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
