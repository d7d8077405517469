"""No name in a checkpoint is run: plain objects become data, and a file that would call something is refused."""

import builtins
import copyreg
import io
import os
import pathlib
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import videogpt_checkpoint

from trajprobe.errors import UserError
from trajprobe.published.checkpoint import load_checkpoint


class Reduces:
    """Pickled as what `how` says."""

    def __init__(self, *how):
        self.how = how

    def __reduce__(self):
        return self.how


class Plain:
    """An object of a class that the reader does not know."""


class Eager:
    """Writes a file when it is made with an argument, and when it takes a state."""

    def __new__(cls, mark=None):
        if mark:
            pathlib.Path(mark).touch()
        return object.__new__(cls)

    def __init__(self, mark):
        self.mark = mark

    def __getnewargs__(self):
        return (self.mark,)


class Stateful:
    """Its state is whatever it is given."""

    def __init__(self, state):
        self.state = state

    def __reduce__(self):
        return copyreg.__newobj__, (type(self),), self.state

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)
        if name == "mark":
            pathlib.Path(value).touch()

    def __setstate__(self, state):
        for part in state if isinstance(state, tuple) else (state,):
            for name, value in (part or {}).items():
                setattr(self, str(name), value)


class Listed(Stateful):
    """Its state is a list."""

    def __setstate__(self, state):
        pathlib.Path(state[0]).touch()


CALLS = {
    "open": (lambda mark: Reduces(builtins.open, (mark, "w")), "io.open"),
    "touch": (lambda mark: Reduces(pathlib.Path.touch, (pathlib.Path(mark),)), "builtins.getattr"),
    "system": (lambda mark: Reduces(os.system, (f"touch {mark}",)), f"{os.name}.system"),
    # Python 2 called the module so, for which torch.save writes.
    "subprocess": (lambda mark: Reduces(subprocess.check_call, (["touch", mark],)), "commands.check_call"),
    "eval": (lambda mark: Reduces(eval, (f"open({mark!r}, 'w').close()",)), "builtins.eval"),
    "new": (Eager, "test_stub_classes.Eager"),
    "slots": (lambda mark: Stateful((None, {"mark": mark})), "test_stub_classes.Stateful"),
    "both": (lambda mark: Stateful(({"x": 1}, {"mark": mark})), "test_stub_classes.Stateful"),
    "class": (lambda mark: Stateful({"mark": mark, "__class__": Eager}), "test_stub_classes.Stateful"),
    "setter": (lambda mark: Stateful({"mark": mark, "__setstate__": Eager}), "test_stub_classes.Stateful"),
    "list": (lambda mark: Listed([mark]), "test_stub_classes.Listed"),
    "numbers": (lambda mark: Stateful({"mark": mark, 1: 2}), "test_stub_classes.Stateful"),
}


@pytest.fixture
def mark(tmp_path):
    """The path of a file that exists if something has run."""
    return str(tmp_path / "mark")


@pytest.fixture
def saved(tmp_path):
    """Writes a value as torch does; returns the path."""

    def write(value, name="some.ckpt"):
        torch.save(value, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def assembled(tmp_path):
    """Writes a torch archive whose pickle has the given instructions."""

    def write(*instructions, name="made.ckpt"):
        buffer = io.BytesIO()
        torch.save({}, buffer)
        with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(tmp_path / name, "w") as new:
            for member in old.namelist():
                made = pickle.PROTO + b"\x02" + b"".join(instructions) + pickle.STOP
                new.writestr(member, made if member.endswith("/data.pkl") else old.read(member))
        return tmp_path / name

    return write


def named(name):
    module, _, last = name.rpartition(".")
    return pickle.GLOBAL + f"{module}\n{last}\n".encode()


def text(value):
    return pickle.BINUNICODE + len(value.encode()).to_bytes(4, "little") + value.encode()


def table(*pairs):
    return pickle.EMPTY_DICT + pickle.MARK + b"".join(pairs) + pickle.SETITEMS


OBJECT = named("some.Thing") + pickle.EMPTY_TUPLE + pickle.NEWOBJ


@pytest.mark.harm("hostile files")
@pytest.mark.parametrize("case", CALLS)
def test_a_file_that_calls_something_is_neither_run_nor_loaded(saved, mark, refused, case):
    make, name = CALLS[case]
    inside = saved({"state_dict": {}, "callbacks": make(mark)})
    nested = videogpt_checkpoint.save(inside.with_name("nested.ckpt"), optimizer=make(mark))
    pathlib.Path(mark).unlink(missing_ok=True)
    for path in (inside, nested):
        refused("--from", path, name="videogpt", words=[f"{path}: would run code when it is loaded ({name}"])
        assert not pathlib.Path(mark).exists()
    # Our own bytes, opened as a careless reader would: else the mark's absence above would prove nothing.
    made = torch.load(inside, weights_only=False)["callbacks"]
    if case == "open":
        made.close()
    assert pathlib.Path(mark).exists()


def test_all_names_that_a_file_would_call_are_reported(saved, mark):
    path = saved([Reduces(eval, ("1",)), Eager(mark), Plain(), Reduces(subprocess.call, ("true",)), np.float64(1)])
    with pytest.raises(UserError, match=r"loaded \(builtins.eval, commands.call, test_stub_classes.Eager\)"):
        load_checkpoint(path)


def test_a_call_without_arguments_is_refused(saved):
    with pytest.raises(UserError, match=r"would run code .*\(builtins.breakpoint\)"):
        load_checkpoint(saved(Reduces(breakpoint, ())))


def test_a_call_that_torch_itself_would_make_is_refused(assembled):
    arguments = named("some.run") + named("some.Kind") + pickle.EMPTY_TUPLE + pickle.NONE + pickle.TUPLE
    path = assembled(named("torch._tensor._rebuild_from_type_v2"), pickle.MARK, arguments, pickle.REDUCE)
    with pytest.raises(UserError, match=r"would run code .*\(some.run\)"):
        load_checkpoint(path)


def test_blocked_modules_are_reported_by_name(saved):
    for thing, name in ((os.getcwd, f"{os.getcwd.__module__}.getcwd"), (sys.exc_info, "sys.exc_info")):
        with pytest.raises(UserError, match=rf"would run code .*\({name}\)"):
            load_checkpoint(saved({"state_dict": {}, "thing": thing}))


def test_a_name_may_be_a_key_or_a_value_and_an_object_becomes_its_attributes(saved):
    thing = Plain()
    thing.width, thing.inner, thing.odd = 3, Plain(), {Plain: [Eager, len]}
    loaded = load_checkpoint(saved({Plain: 1, Eager: 2, "thing": thing, "again": thing}))
    assert loaded.foreign_names == ["builtins.len", "test_stub_classes.Eager", "test_stub_classes.Plain"]
    content = loaded.content
    plain, eager, *_ = content
    assert (content[plain], content[eager]) == (1, 2)
    assert (repr(plain), repr(eager)) == (
        "<stub of test_stub_classes.Plain>",
        "<stub of test_stub_classes.Eager>",
    )
    assert plain is not Plain
    thing = content["thing"]
    assert thing is content["again"]
    assert type(thing) is plain
    assert repr(thing) == "<stub object of test_stub_classes.Plain>"
    assert vars(thing).keys() == {"width", "inner", "odd"}
    assert (thing.width, vars(thing.inner)) == (3, {})
    assert thing.odd[plain][0] is eager


def test_attributes_do_not_change_what_a_stub_is(assembled):
    spoofed = table(*(text(key) + text("numpy.dtype") for key in ("original", "calls", "record_call")))
    loaded = load_checkpoint(assembled(OBJECT, spoofed, pickle.BUILD)).content
    assert vars(loaded) == dict.fromkeys(("original", "calls", "record_call"), "numpy.dtype")
    assert repr(loaded) == "<stub object of some.Thing>"
    worse = table(text("__class__") + named("some.Other"))
    with pytest.raises(UserError, match=r"would run code .*\(some.Thing\)"):
        load_checkpoint(assembled(OBJECT, spoofed, pickle.BUILD, worse, pickle.BUILD))


def test_records_of_a_training_run_load_without_their_values(saved):
    records = {"score": np.float64(3), "kind": np.dtype(">f4"), "paths": [pathlib.Path("a/b"), pathlib.PurePath("c")]}
    records |= {"windows": pathlib.PureWindowsPath("d"), "state_dict": {"a": torch.arange(3.0)}}
    loaded = load_checkpoint(saved(records))
    assert torch.equal(loaded.content["state_dict"]["a"], torch.arange(3.0))
    assert [repr(loaded.content[key]) for key in ("score", "kind")] == [
        "<stub object of numpy._core.multiarray.scalar>",
        "<stub object of numpy.dtype>",
    ]
    assert vars(loaded.content["kind"]) == {}
    assert type(loaded.content["kind"]).__name__ == "dtype"
    assert {"numpy._core.multiarray.scalar", "numpy.dtype", "pathlib.PurePosixPath"} <= set(loaded.foreign_names)


@pytest.mark.parametrize("name", ["numpy.core.multiarray.scalar", "pathlib.WindowsPath", "pathlib._local.PosixPath"])
def test_records_of_other_versions_load_too(assembled, name):
    load_checkpoint(assembled(named(name), text("a"), pickle.TUPLE1, pickle.REDUCE))


def test_a_record_hides_no_call(assembled):
    inner = named("some.run") + text("a") + pickle.TUPLE1 + pickle.REDUCE
    path = assembled(named("numpy.dtype"), inner, pickle.TUPLE1, pickle.REDUCE)
    with pytest.raises(UserError, match=r"would run code .*\(some.run\)"):
        load_checkpoint(path)


def test_an_attribute_dictionary_becomes_a_plain_one(saved):
    with videogpt_checkpoint.lightning():
        path = saved(videogpt_checkpoint.AttributeDict(a=1, b=Plain()))
    loaded = load_checkpoint(path)
    assert type(loaded.content) is OrderedDict
    assert list(loaded.content) == ["a", "b"]
    assert loaded.foreign_names == ["pytorch_lightning.utilities.parsing.AttributeDict", "test_stub_classes.Plain"]


class Table(dict):
    """A dictionary that torch does not fill."""


def test_an_object_that_only_its_class_could_make_is_refused_by_name(saved):
    with pytest.raises(UserError, match=r"was not loaded \(it names test_stub_classes.Table\); get it") as caught:
        load_checkpoint(saved(Table(a=1)))
    assert "weights_only" not in str(caught.value)  # torch would have them load it without any protection


def test_the_safe_globals_of_torch_stay_as_they_were(saved, mark):
    mine = [(SimpleNamespace, "some.Name")]
    with torch.serialization.safe_globals(mine):
        before = set(torch.serialization.get_safe_globals())
        load_checkpoint(saved(Plain()))
        assert set(torch.serialization.get_safe_globals()) == before
        for value in (Eager(mark), Table(a=1)):
            with pytest.raises(UserError):
                load_checkpoint(saved(value))
            assert set(torch.serialization.get_safe_globals()) == before


def test_a_pickle_of_another_protocol_is_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt", pickle_protocol=4)
    with pytest.raises(
        UserError, match="of an unusual kind, and was not loaded; get it again, or ask its authors for a file"
    ):
        load_checkpoint(tmp_path / "other.ckpt")
