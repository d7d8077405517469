"""Data that git and DVC hold and that is gone or changed is named, with the command that brings it back."""

import contextlib
import errno
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from raw_sets import walks

from trajprobe.check import check
from trajprobe.data import raw
from trajprobe.errors import UserError
from trajprobe.files.atomic import write_npz
from trajprobe.params import read
from trajprobe.repository import machine
from trajprobe.repository.dvc_add import added_to_dvc
from trajprobe.repository.held_data import lacks

ROOT = Path(__file__).parents[2]
DVC = (sys.executable, "-m", "dvc")
WALKS, WEIGHTS, OWN, README = map(
    Path, ("data/raw/walks.npz", "data/weights/mine", "data/raw/own.npz", "data/weights/none/README.md")
)


def run(*commands):
    for command in commands:
        subprocess.run(command, check=True)


def start():
    """A repository of git and DVC that has what a clone has."""
    run(["git", "init", "--quiet"], [*DVC, "init", "--quiet"], [*DVC, "config", "core.autostage", "true"])
    shutil.copy(ROOT / ".gitignore", ".gitignore")
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    README.parent.mkdir(parents=True)
    README.write_text("None.")


def commit():
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    run(["git", "add", "--all"], ["git", *identity, "commit", "--quiet", "--message", "Data"])


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Such a repository with an imported data set and weights, and a data set of a user's own `dvc add`, committed."""
    top = tmp_path_factory.mktemp("original")
    with contextlib.chdir(top):
        start()
        with added_to_dvc(WALKS) as new:
            write_npz(new, raw.as_arrays(walks(["a", "b"]).raw))
        with added_to_dvc(WEIGHTS) as new:
            new.mkdir()
            (new / "model.safetensors").write_text("weights")
            (new / "provenance.json").write_text("{}")
        shutil.copy(WALKS, OWN)
        run([*DVC, "add", "--quiet", OWN])
        commit()
    return top


@pytest.fixture
def top(original, tmp_path, monkeypatch):
    """A copy of it, the current folder."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def use(dataset):
    """Has params.yaml use a data set, and a row the weights."""
    text = Path("params.yaml").read_text().replace("dataset: synthetic", f"dataset: {dataset}")
    Path("params.yaml").write_text(text.replace("    weights: magvit2-tiny\n", "    weights: mine\n"))


def files():
    """The files below data/, without DVC's lists for git."""
    return {path: path.read_bytes() for path in Path("data").rglob("*") if path.is_file() and path.name != ".gitignore"}


def refusal():
    with pytest.raises(UserError) as caught:
        check(read())
    return str(caught.value)


def test_nothing_is_said_where_all_is_here_or_nothing_was_imported(top, tmp_path, monkeypatch):
    assert list(lacks()) == machine._data() == []
    (tmp_path / "synthetic").mkdir()
    monkeypatch.chdir(tmp_path / "synthetic")
    start()
    commit()
    assert list(lacks()) == []


@pytest.mark.parametrize("path", [WALKS, OWN, WEIGHTS])
def test_data_that_is_not_checked_out_is_named_and_the_command_brings_it(top, path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    command = f"dvc checkout {path}"
    text = f"{path}: is not here; run `{command}`, or `dvc pull {path}`"
    assert list(lacks()) == [(text, False)]
    use(path.stem)
    assert list(lacks()) == [(text, True)]
    assert machine._data() == [
        machine.Condition("data", "error", f"{path}: is not here", f"run `{command}`, or `dvc pull {path}`")
    ]
    run([*DVC, *command.split()[1:]])
    assert list(lacks()) == []


@pytest.mark.parametrize(
    ("path", "file", "text"),
    [
        (WALKS, WALKS, f"{WALKS}: is not the file that was imported; `trajprobe restore {WALKS}` brings"),
        (
            WEIGHTS,
            WEIGHTS / "provenance.json",
            f"{WEIGHTS}/provenance.json: is not the file that was imported; `trajprobe restore {WEIGHTS}` brings",
        ),
        (OWN, OWN, f"{OWN}: is not the file that {OWN}.dvc names; delete {OWN} and run `dvc checkout {OWN}`"),
    ],
)
def test_data_that_was_changed_is_named_with_what_restores_it(top, path, file, text):
    file.chmod(0o600)
    file.write_text("changed")
    assert list(lacks()) == []  # what no run reads is not read here either
    use(path.stem)
    (found,) = lacks()
    assert found.text.startswith(text)
    assert [of.status for of in machine._data()] == ["error"]


def test_a_file_that_cannot_be_read_is_one_line_of_the_table(top, monkeypatch):
    def unreadable(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    use("own")
    monkeypatch.setattr("trajprobe.repository.held_data.file_md5", unreadable)
    (found,) = machine._data()
    assert (found.status, found.found) == ("error", f"{OWN}: Permission denied")
    assert found.remedy.startswith("get access to it")


def test_an_image_is_needed_where_a_scene_names_it(top):
    image = Path("data/scenes/field.png")
    image.parent.mkdir()
    image.write_bytes(b"")
    commit()
    image.unlink()
    README.unlink()
    (found,) = machine._data()
    gone = f"{image} and 1 more file: gone from here, but not from git"
    assert (found.status, found.found) == ("warning", gone)
    assert found.remedy == f"run `git checkout {image} {README}`, or commit that they are removed"
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(
        re.sub("(?m)^scenes:.*\n", r"\g<0>  grass: {background: {image: field.png}}\n", text)
    )
    needed, spare = machine._data()
    assert (needed.status, needed.found) == ("error", f"{image}: gone from here, but not from git")
    assert needed.remedy == f"run `git checkout {image}`"
    assert (spare.status, spare.remedy) == ("warning", f"run `git checkout {README}`, or commit that it is removed")


@pytest.mark.parametrize(
    ("gone", "command"),
    [
        ([WALKS], f"git checkout {WALKS}.dvc && dvc checkout {WALKS}"),
        ([WALKS, WEIGHTS], f"git checkout {WALKS}.dvc {WEIGHTS}.dvc && dvc checkout {WALKS} {WEIGHTS}"),
        ([README], f"git checkout {README}"),
        ([], "git checkout data && dvc checkout"),
    ],
)
def test_what_git_tracks_and_is_gone_comes_back_by_the_command_that_is_named(top, gone, command):
    before = files()
    if not gone:
        shutil.rmtree("data")
    for path in gone:
        shutil.rmtree(path.parent if path == README else path) if path in (README, WEIGHTS) else path.unlink()
        Path(f"{path}.dvc").unlink(missing_ok=True)
    found = list(lacks())
    assert [of.text.split("; ", 1)[1].split("`")[1] for of in found] == [command]
    assert [of.needed for of in found] == [False]
    run(["bash", "-c", command.replace("dvc checkout", f"{sys.executable} -m dvc checkout")])
    assert files() == before
    assert list(lacks()) == []


def test_a_set_that_was_removed_on_purpose_is_no_error(top):
    run([*DVC, "remove", "--outs", f"{WALKS}.dvc"])
    (found,) = machine._data()
    assert (found.status, found.found) == ("warning", f"{WALKS}.dvc: gone from here, but not from git")
    assert found.remedy.endswith("`, or commit that it is removed")
    commit()
    assert machine._data() == []


def test_check_says_to_bring_back_what_git_has_and_not_to_import_it_again(top):
    use("walks")
    Path(f"{WEIGHTS}.dvc").unlink()
    where = "params.yaml: `rows.magvit2-tiny.weights`"
    way = f"git checkout {WEIGHTS}.dvc && dvc checkout {WEIGHTS}"
    assert refusal() == f"{where}: {WEIGHTS}.dvc, which git tracks, is gone; run `{way}`"
    run(["git", "checkout", "--quiet", "params.yaml"])
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("dataset: synthetic", "dataset: walks"))
    Path(f"{WALKS}.dvc").unlink()
    assert list(lacks())  # the file alone would do for a run of today, but for none of tomorrow
    WALKS.unlink()
    way = f"git checkout {WALKS}.dvc && dvc checkout {WALKS}"
    assert refusal() == f"params.yaml: `dataset`: {WALKS}.dvc, which git tracks, is gone; run `{way}`"
    shutil.rmtree("data")
    assert refusal().endswith("is gone; run `git checkout data && dvc checkout`")


def test_without_git_check_says_what_it_can(top, monkeypatch):
    check(read())
    shutil.rmtree(".git")
    Path(f"{WALKS}.dvc").unlink()
    WALKS.unlink()
    check(read())
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("dataset: synthetic", "dataset: walks"))
    expected = "params.yaml: `dataset`: got `walks`, expected one of own, synthetic; `trajprobe data import FILE"
    assert refusal().startswith(expected)
    monkeypatch.setenv("PATH", "/nowhere")
    assert refusal().startswith(expected)
    assert list(lacks()) == []
