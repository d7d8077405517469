"""What a user imported comes back, whatever DVC took over since; nothing that is nowhere else is replaced."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trajprobe.errors import UserError
from trajprobe.files import imported
from trajprobe.repository import doctor
from trajprobe.repository.dvc_add import added_to_dvc
from trajprobe.repository.dvc_command import dvc
from trajprobe.repository.restore import restore


@pytest.fixture(scope="module", params=["set.npz", "folder"])
def original(request, tmp_path_factory):
    """A repository with a file or a folder that was imported to data/, and its path there."""
    top = tmp_path_factory.mktemp("original")
    with contextlib.chdir(top):
        for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
            subprocess.run(command, check=True)
        path = Path("data", request.param)
        with added_to_dvc(path) as new:
            if path.suffix:
                new.write_text("good")
            else:
                new.mkdir()
                (new / "model").write_text("good")
                (new / "provenance").write_text("beside")
    return top, path


@pytest.fixture
def path(original, tmp_path, monkeypatch):
    """That path, in a copy of the repository."""
    shutil.copytree(original[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return original[1]


def damage(path):
    """Changes one file; returns it."""
    file = path if path.is_file() else path / "model"
    file.write_text("evil")
    return file


def content(path):
    return path.read_text() if path.is_file() else {file.name: file.read_text() for file in path.iterdir()}


@pytest.mark.harm("damage")
def test_what_was_imported_passes_and_a_changed_file_is_refused(path):
    imported.check(path)
    file = damage(path)
    with pytest.raises(UserError, match=rf"^{file}: is not the file that was imported; `trajprobe restore {path}` "):
        imported.check(path)
    imported.check(path, without=[file.name])
    file.unlink()
    with pytest.raises(UserError, match="is not the file that was imported"):
        imported.check(path)


def test_the_imported_bytes_come_back_after_dvc_took_over_the_damage(path):
    before, pointer = content(path), imported.dvc_file(path).read_bytes()
    damage(path)
    dvc("add", str(path))  # as `dvc repro` does, to a file that it only holds
    adopted = imported.dvc_file(path).read_bytes()
    assert adopted != pointer
    assert imported.recorded(path)  # DVC leaves `meta` as it is
    (finding,) = doctor.examine()
    assert finding.text.startswith(f"{path}: is not the data that was imported, and DVC has taken it over; `trajprobe ")
    assert not finding.mended
    with pytest.raises(UserError, match="is not the file that was imported"):
        imported.check(path)
    restore(path)
    assert doctor.examine() == []
    assert content(path) == before
    assert imported.dvc_file(path).read_text().split("outs")[1] == pointer.decode().split("outs")[1]
    imported.check(path)


def test_content_that_dvc_does_not_hold_is_not_replaced(path):
    file = damage(path)
    with pytest.raises(UserError, match=rf"^{file}: has content that DVC does not hold; move it elsewhere"):
        restore(path)
    assert file.read_text() == "evil"


def test_a_cache_without_an_intact_copy_is_named(path):
    for file in list(path.parent.parent.glob(".dvc/cache/files/md5/*/*")):
        file.chmod(0o644)
        file.write_text("damaged")
    with pytest.raises(UserError, match=r"DVC's cache has no intact copy of .*; import it again with --force, or"):
        restore(path)


def test_what_was_not_imported_passes_and_is_not_restored(path):
    imported.dvc_file(path).write_text(f"outs:\n- path: {path.name}\n")
    damage(path)
    imported.check(path)
    with pytest.raises(
        UserError, match=r"^PATH: got .*, expected data/raw/NAME\.npz or data/weights/NAME of something that was imp"
    ):
        restore(path)


@pytest.mark.harm("hostile names")
@pytest.mark.parametrize("name", ["../model", "/tmp/model", "a/../../model"])
def test_a_name_that_leads_out_of_the_folder_is_refused_and_nothing_is_written(path, tmp_path, name):
    text = imported.dvc_file(path).read_text().replace("model" if path.name == "folder" else "set.npz:", name + ":", 1)
    imported.dvc_file(path).write_text(text.replace("::", ":"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=rf"{path}\.dvc: got a file outside of {path}, expected names in it"):
        restore(path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("text", ["", "outs: [", "- a", "meta: 3", "meta: {imported: 3}"])
def test_a_damaged_dvc_file_is_refused_by_its_name(path, text):
    imported.dvc_file(path).write_text(text)
    with pytest.raises(UserError, match=rf"{path}\.dvc: is damaged; `git checkout {path}\.dvc` brings it back"):
        imported.recorded(path)


def test_an_md5_that_looks_like_a_number_stays_text(path, monkeypatch):
    monkeypatch.setattr(imported, "file_md5", lambda file: "0123456789e1" + "0" * 20)
    imported.record(path)
    assert set(imported.recorded(path).values()) == {"0123456789e1" + "0" * 20}
