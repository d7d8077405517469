"""Stub classes: they replace the classes and functions that a checkpoint names, so that none is imported or run.

torch's restricted unpickler makes objects of the stub classes. A file may use a name as a key or as a value, and may
hold plain objects, whose attributes are read as data. Where unpickling would run code, the stub records the name.
"""

from typing import Any

#: Pickled records of a training run call these with plain values. The stub drops the values and records no call.
HARMLESS = {
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    *(
        f"{module}.{path_class}"
        for module in ("pathlib", "pathlib._local")
        for path_class in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    ),
}


class StubClass(type):
    """The class of the stub classes. They are classes, not objects, because a file may use them as keys."""

    original: str  #: the name in the file
    calls: set[str]  #: collects the names whose code would have run

    def record_call(cls) -> None:
        if cls.original not in HARMLESS:
            cls.calls.add(cls.original)

    def __call__(cls, *_arguments: object, **_options: object) -> Any:
        cls.record_call()
        return super().__call__()

    def __repr__(cls) -> str:
        return f"<stub of {cls.original}>"


class StubObject(metaclass=StubClass):
    """An object of a class that was not imported: its attributes, and nothing else."""

    def __new__(cls, *arguments: object) -> Any:
        """Unpickling calls this in place of the original class; plain objects are made without arguments."""
        if arguments:
            cls.record_call()
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Takes named attributes. Any other state, and names that Python itself looks up, would need code to set."""
        # Through the type alone: the object's attributes are the file's, and may be called `original` or `calls`.
        stub = type(self)
        if isinstance(state, dict) and all(isinstance(key, str) and not key.startswith("__") for key in state):
            vars(self).update(state)
        else:
            stub.record_call()

    def __repr__(self) -> str:
        return f"<stub object of {type(self).original}>"


def make_stub(name: str, calls: set[str]) -> type:
    """A stub class for `name`. It adds `name` to `calls` if the file would run it."""
    return StubClass(name.rpartition(".")[2], (StubObject,), {"original": name, "calls": calls})
