"""What a checkpoint names is never run: plain objects become data, and whatever would call something is refused."""

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
from trajprobe.published.checkpoint import load, some


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
    "new": (Eager, "test_stand_ins.Eager"),
    "slots": (lambda mark: Stateful((None, {"mark": mark})), "test_stand_ins.Stateful"),
    "both": (lambda mark: Stateful(({"x": 1}, {"mark": mark})), "test_stand_ins.Stateful"),
    "class": (lambda mark: Stateful({"mark": mark, "__class__": Eager}), "test_stand_ins.Stateful"),
    "setter": (lambda mark: Stateful({"mark": mark, "__setstate__": Eager}), "test_stand_ins.Stateful"),
    "list": (lambda mark: Listed([mark]), "test_stand_ins.Listed"),
    "numbers": (lambda mark: Stateful({"mark": mark, 1: 2}), "test_stand_ins.Stateful"),
}


@pytest.fixture
def mark(tmp_path):
    """The path of a file that is there if something has run."""
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


@pytest.mark.parametrize("case", CALLS)
def test_whatever_calls_something_is_not_called_and_not_loaded(saved, mark, refused, case):
    make, name = CALLS[case]
    inside = saved({"state_dict": {}, "callbacks": make(mark)})
    nested = videogpt_checkpoint.save(inside.with_name("nested.ckpt"), optimizer=make(mark))
    pathlib.Path(mark).unlink(missing_ok=True)
    for path in (inside, nested):
        refused("--from", path, name="videogpt", words=[f"{path}: wants to run code when it is opened ({name}"])
        assert not pathlib.Path(mark).exists()
    # Our own bytes, opened as a careless reader would: else the mark's absence above would prove nothing.
    made = torch.load(inside, weights_only=False)["callbacks"]
    if case == "open":
        made.close()
    assert pathlib.Path(mark).exists()


def test_all_that_a_file_would_call_is_named(saved, mark):
    path = saved([Reduces(eval, ("1",)), Eager(mark), Plain(), Reduces(subprocess.call, ("true",)), np.float64(1)])
    with pytest.raises(UserError, match=r"opened \(builtins.eval, commands.call, test_stand_ins.Eager\)"):
        load(path)


def test_a_call_without_arguments_is_one_too(saved):
    with pytest.raises(UserError, match=r"wants to run code .*\(builtins.breakpoint\)"):
        load(saved(Reduces(breakpoint, ())))


def test_what_torch_itself_would_call_for_the_file_is_refused_as_well(assembled):
    arguments = named("some.run") + named("some.Kind") + pickle.EMPTY_TUPLE + pickle.NONE + pickle.TUPLE
    path = assembled(named("torch._tensor._rebuild_from_type_v2"), pickle.MARK, arguments, pickle.REDUCE)
    with pytest.raises(UserError, match=r"wants to run code .*\(some.run\)"):
        load(path)


def test_modules_that_torch_never_opens_are_told_by_name(saved):
    for thing, name in ((os.getcwd, f"{os.getcwd.__module__}.getcwd"), (sys.exc_info, "sys.exc_info")):
        with pytest.raises(UserError, match=rf"wants to run code .*\({name}\)"):
            load(saved({"state_dict": {}, "thing": thing}))


def test_a_name_may_stand_anywhere_and_an_object_becomes_its_attributes(saved):
    thing = Plain()
    thing.width, thing.inner, thing.odd = 3, Plain(), {Plain: [Eager, len]}
    loaded = load(saved({Plain: 1, Eager: 2, "thing": thing, "again": thing}))
    assert loaded.foreign == ["builtins.len", "test_stand_ins.Eager", "test_stand_ins.Plain"]
    content = loaded.content
    plain, eager, *_ = content
    assert (content[plain], content[eager]) == (1, 2)
    assert (repr(plain), repr(eager)) == (
        "<stand-in for test_stand_ins.Plain>",
        "<stand-in for test_stand_ins.Eager>",
    )
    assert plain is not Plain
    found = content["thing"]
    assert found is content["again"]
    assert type(found) is plain
    assert repr(found) == "<stand-in for an object of test_stand_ins.Plain>"
    assert vars(found).keys() == {"width", "inner", "odd"}
    assert (found.width, vars(found.inner)) == (3, {})
    assert found.odd[plain][0] is eager


def test_attributes_do_not_change_what_a_stand_in_is(assembled):
    spoofed = table(*(text(key) + text("numpy.dtype") for key in ("foreign", "wanted", "note")))
    loaded = load(assembled(OBJECT, spoofed, pickle.BUILD)).content
    assert vars(loaded) == dict.fromkeys(("foreign", "wanted", "note"), "numpy.dtype")
    assert repr(loaded) == "<stand-in for an object of some.Thing>"
    worse = table(text("__class__") + named("some.Other"))
    with pytest.raises(UserError, match=r"wants to run code .*\(some.Thing\)"):
        load(assembled(OBJECT, spoofed, pickle.BUILD, worse, pickle.BUILD))


def test_records_of_training_load_and_tell_nothing(saved):
    records = {"score": np.float64(3), "kind": np.dtype(">f4"), "paths": [pathlib.Path("a/b"), pathlib.PurePath("c")]}
    records |= {"windows": pathlib.PureWindowsPath("d"), "state_dict": {"a": torch.arange(3.0)}}
    loaded = load(saved(records))
    assert torch.equal(loaded.content["state_dict"]["a"], torch.arange(3.0))
    assert [repr(loaded.content[key]) for key in ("score", "kind")] == [
        "<stand-in for an object of numpy._core.multiarray.scalar>",
        "<stand-in for an object of numpy.dtype>",
    ]
    assert vars(loaded.content["kind"]) == {}
    assert type(loaded.content["kind"]).__name__ == "dtype"
    assert {"numpy._core.multiarray.scalar", "numpy.dtype", "pathlib.PurePosixPath"} <= set(loaded.foreign)


@pytest.mark.parametrize("name", ["numpy.core.multiarray.scalar", "pathlib.WindowsPath", "pathlib._local.PosixPath"])
def test_records_of_other_versions_load_as_well(assembled, name):
    load(assembled(named(name), text("a"), pickle.TUPLE1, pickle.REDUCE))


def test_a_record_hides_no_call(assembled):
    inner = named("some.run") + text("a") + pickle.TUPLE1 + pickle.REDUCE
    path = assembled(named("numpy.dtype"), inner, pickle.TUPLE1, pickle.REDUCE)
    with pytest.raises(UserError, match=r"wants to run code .*\(some.run\)"):
        load(path)


def test_a_dictionary_with_attributes_becomes_a_plain_one(saved):
    with videogpt_checkpoint.lightning():
        path = saved(videogpt_checkpoint.AttributeDict(a=1, b=Plain()))
    loaded = load(path)
    assert type(loaded.content) is OrderedDict
    assert list(loaded.content) == ["a", "b"]
    assert loaded.foreign == ["pytorch_lightning.utilities.parsing.AttributeDict", "test_stand_ins.Plain"]


class Table(dict):
    """A dictionary that torch does not fill."""


def test_what_only_the_class_could_make_is_refused_with_the_names(saved):
    with pytest.raises(UserError, match=r"was not loaded \(it names test_stand_ins.Table\); get it") as told:
        load(saved(Table(a=1)))
    assert "weights_only" not in str(told.value)  # torch would have them load it without any protection


def test_what_torch_was_told_of_before_is_left_as_it_was(saved, mark):
    mine = [(SimpleNamespace, "some.Name")]
    with torch.serialization.safe_globals(mine):
        before = set(torch.serialization.get_safe_globals())
        load(saved(Plain()))
        assert set(torch.serialization.get_safe_globals()) == before
        for value in (Eager(mark), Table(a=1)):
            with pytest.raises(UserError):
                load(saved(value))
            assert set(torch.serialization.get_safe_globals()) == before


def test_a_pickle_of_another_protocol_is_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt", pickle_protocol=4)
    with pytest.raises(UserError, match="of an unusual kind, and was not loaded; get it again, or ask for a file with"):
        load(tmp_path / "other.ckpt")


def test_names_are_fit_to_be_printed():
    assert some(["c", "a", "d", "b"]) == "a, b, c and 1 more"
    assert some(["a\x1b[2J", "b"], most=2) == r"'a\x1b[2J', b"
