"""Data sets are listed, and removed so that nothing is lost that DVC's cache does not hold."""

import contextlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from raw_sets import walks

from trajprobe.data import raw
from trajprobe.errors import UserError
from trajprobe.files.atomic import write_npz
from trajprobe.params import read
from trajprobe.repository.dvc_add import added_to_dvc
from trajprobe.repository.inventory import data_sets, listing, remove_data_set

ROOT = Path(__file__).parents[2]
WALKS = Path("data/raw/walks.npz")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with one imported data set, committed."""
    top = tmp_path_factory.mktemp("repository")
    with contextlib.chdir(top):
        for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
            subprocess.run(command, check=True)
        with added_to_dvc(WALKS, "tracks.csv") as new:
            write_npz(new, raw.as_arrays(walks(["a", "b"]).raw))
        subprocess.run(["git", "add", "--all"], check=True)
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, "commit", "--quiet", "--message", "Walks"], check=True)
    return top


@pytest.fixture
def values():
    return read(ROOT / "params.yaml")


@pytest.fixture
def top(repository, tmp_path, monkeypatch):
    """A copy of that repository."""
    shutil.copytree(repository, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(top):
    return {path: path.read_bytes() for path in (top / "data").rglob("*") if path.is_file()}


def test_sets_are_listed_a_line_each_and_the_one_in_use_has_a_star(top, values):
    assert listing(data_sets(values)).plain() == [
        "   NAME       TRACKS      POINTS  CLASSES  FROM",
        "*  synthetic   1,000  100 in 3-D       10  drawn by the stage `synthetic`, as params.yaml says",
        "   walks           8   12 in 2-D        2  tracks.csv",
    ]
    WALKS.unlink()
    assert listing(data_sets(values | {"dataset": "walks"})).plain()[2] == (
        "*  walks           -           -        -  is not here; run `dvc checkout data/raw/walks.npz`, or "
        "`dvc pull data/raw/walks.npz`"
    )
    WALKS.write_bytes(b"no npz")
    assert "-  data/raw/walks.npz: is no npz file" in listing(data_sets(values)).plain()[2]


def test_a_script_gets_the_facts_of_the_list(top, values):
    drawn, walks = data_sets(values)
    assert (drawn["name"], drawn["used"], drawn["tracks"], drawn["classes"]) == ("synthetic", True, 1000, 10)
    assert walks == {
        "name": "walks",
        "used": False,
        "tracks": 8,
        "points": [12, 12],
        "dimensions": 2,
        "classes": 2,
        "origin": "tracks.csv",
        "problem": None,
    }
    WALKS.unlink()
    missing = data_sets(values)[1]
    assert (missing["tracks"], missing["origin"]) == (None, "tracks.csv")
    assert missing["problem"].startswith("is not here; ")


def test_a_removed_set_comes_back_by_the_command_that_is_printed(top, values):
    before, content = files(top), WALKS.read_bytes()
    lines = remove_data_set("walks", values).splitlines()
    assert lines[0] == "data/raw/walks.npz: removed; DVC's cache keeps its content until `dvc gc`"
    assert [path.name for path in files(top) if path.name.startswith("walks")] == []
    assert "walks" not in "".join(data.decode() for path, data in files(top).items() if path.name == ".gitignore")
    command = lines[1].removeprefix("to bring it back: ")
    assert command.startswith("git checkout ")
    for part in command.split(" && "):
        words = shlex.split(part)
        subprocess.run([sys.executable, "-m", *words] if words[0] == "dvc" else words, check=True, capture_output=True)
    assert WALKS.read_bytes() == content
    assert {path: data for path, data in files(top).items() if path.name != ".gitignore"} == {
        path: data for path, data in before.items() if path.name != ".gitignore"
    }


def test_a_set_that_git_does_not_have_comes_back_by_an_import(top, values):
    subprocess.run(["git", "rm", "--quiet", "--cached", "data/raw/walks.npz.dvc"], check=True)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", "None"], check=True)
    content = WALKS.read_bytes()
    copy, again = remove_data_set("walks", values).splitlines()[1].removeprefix("to bring it back: ").split(" && ")
    subprocess.run(shlex.split(copy), check=True)
    assert Path("walks.npz").read_bytes() == content
    assert again == "trajprobe data import walks.npz --name walks"


def test_a_set_whose_file_is_not_here_is_removed(top, values):
    WALKS.unlink()
    remove_data_set("walks", values)
    assert not Path("data/raw/walks.npz.dvc").exists()


@pytest.mark.parametrize(("name", "change", "message"), [
    ("walks", {"dataset": "walks"}, "params.yaml: `dataset`: uses walks; set another one there"),
    ("synthetic", {}, "params.yaml: `dataset`: uses synthetic"),
    ("synthetic", {"dataset": "walks"}, r"^data/raw/synthetic.npz: .* not imported, so it is not removed"),
    ("synthetic_pool", {}, "^NAME: got 'synthetic_pool', expected one of synthetic, walks; `trajprobe data import"),
    ("hands", {}, "^NAME: got 'hands', expected one of synthetic, walks; "),
    ("../raw/walks", {}, "^NAME: got '../raw/walks'"),
])  # fmt: skip
def test_only_an_imported_set_that_is_not_in_use_is_removed(top, values, name, change, message):
    write_npz(Path("data/raw/synthetic.npz"), {"a": np.zeros(1)})
    before = files(top)
    with pytest.raises(UserError, match=message):
        remove_data_set(name, values | change)
    assert files(top) == before


def test_content_that_dvc_does_not_hold_is_not_removed(top, values):
    held = next(path for path in (top / ".dvc/cache").rglob("*") if path.is_file())
    whole = WALKS.read_bytes()
    WALKS.chmod(0o644)
    WALKS.write_bytes(b"changed by its owner")
    with pytest.raises(UserError, match=r"^data/raw/walks\.npz: has content that DVC does not hold; move it elsewhere"):
        remove_data_set("walks", values)
    assert WALKS.read_bytes() == b"changed by its owner"
    WALKS.write_bytes(whole)
    held.unlink()
    with pytest.raises(
        UserError, match=r"DVC's cache has no intact copy of it; run `dvc commit data/raw/walks\.npz\.dvc`"
    ):
        remove_data_set("walks", values)
    subprocess.run([sys.executable, "-m", "dvc", "commit", "--quiet", "data/raw/walks.npz.dvc"], check=True)
    remove_data_set("walks", values)
    assert not WALKS.exists()
