"""What stands in for the classes and functions that a checkpoint names, none of which is imported or run.

torch's restricted unpickler makes what is put in their place. A file may name them, as a key or as a value, and may
have plain objects of them, whose attributes are then read as data. Whatever would run their code is noted instead.
"""

from typing import Any

#: Called with plain values wherever a training run's records are pickled; the stand-in drops what they are given.
HARMLESS = {
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    *(
        f"{module}.{kind}"
        for module in ("pathlib", "pathlib._local")
        for kind in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    ),
}


class Foreign(type):
    """The class of the stand-ins, each of which is a class: dictionaries may have them as keys."""

    foreign: str  #: the name that the file has
    wanted: set[str]  #: where the names are noted whose code would have run

    def note(cls) -> None:
        if cls.foreign not in HARMLESS:
            cls.wanted.add(cls.foreign)

    def __call__(cls, *_arguments: object, **_options: object) -> Any:
        cls.note()
        return super().__call__()

    def __repr__(cls) -> str:
        return f"<stand-in for {cls.foreign}>"


class StandIn(metaclass=Foreign):
    """An object of a class that was not imported: its attributes, and nothing else."""

    def __new__(cls, *arguments: object) -> Any:
        """What unpickling an object calls in place of the class: plain ones are made without arguments."""
        if arguments:
            cls.note()
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Takes attributes. Others than named ones, and what Python itself would look up, are for code to set."""
        # Through the class alone: the attributes are the file's, and could be called `foreign` or `wanted` as well.
        kind = type(self)
        if isinstance(state, dict) and all(isinstance(key, str) and not key.startswith("__") for key in state):
            vars(self).update(state)
        else:
            kind.note()

    def __repr__(self) -> str:
        return f"<stand-in for an object of {type(self).foreign}>"


def stand_in(name: str, wanted: set[str]) -> type:
    """A class of its own for `name`, which is noted in `wanted` if the file would run it."""
    return Foreign(name.rpartition(".")[2], (StandIn,), {"foreign": name, "wanted": wanted})
