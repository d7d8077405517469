"""What is brought in is under DVC, or everything is as it was."""

import subprocess
import sys

import pytest

from trajprobe.errors import UserError
from trajprobe.repository.tracking import check_top, pointer, tracked


@pytest.fixture
def top(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)
    return tmp_path


def make(place, text):
    place.parent.mkdir(exist_ok=True)
    if place.suffix:
        place.write_text(text)
    else:
        place.mkdir()
        (place / text).write_text(text)


def spoil(place):
    with tracked(place):
        make(place, "third")
        pointer(place).write_text("spoilt")
        _ = 1 / 0


def contents(top):
    """What the user sees in data/."""
    return {path: path.read_text() if path.is_file() else None for path in (top / "data").rglob("*")}


@pytest.mark.parametrize("name", ["set.npz", "folder"])
def test_a_file_or_a_folder_is_tracked_replaced_and_put_back(top, name):
    place = top / "data" / name
    with pytest.raises(ZeroDivisionError):
        spoil(place)
    assert not place.parent.exists()
    with tracked(place):
        make(place, "first")
    first = contents(top)
    assert pointer(place) in first
    with tracked(place):
        assert not place.exists()
        make(place, "second")
    second = contents(top)
    assert second[pointer(place)] != first[pointer(place)]
    assert "second" in second.values()
    assert "first" not in second.values()
    with pytest.raises(ZeroDivisionError):
        spoil(place)
    assert contents(top) == second


def test_what_dvc_refuses_leaves_nothing_behind(top):
    place = top / "data/folder"
    (top / "dvc.yaml").write_text("stages: {make: {cmd: mkdir data/folder, outs: [data/folder]}}")
    with pytest.raises(UserError, match=r"^dvc add \S*data/folder: .*overlap") as told, tracked(place):
        make(place, "first")
    assert "\n" not in str(told.value)
    assert not (top / "data").exists()


def test_what_a_killed_process_set_aside_comes_back_or_goes(top):
    place, aside = top / "data/set.npz", top / "data/.set.npz.aside"
    place.parent.mkdir()
    aside.write_text("old")
    with pytest.raises(ZeroDivisionError), tracked(place):
        _ = 1 / 0
    assert contents(top) == {place: "old"}
    aside.write_text("older")
    with tracked(place):
        make(place, "new")
    assert contents(top).keys() == {place, pointer(place), place.parent / ".gitignore"}


def test_a_folder_that_is_no_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is not the top of the repository"):
        check_top()
