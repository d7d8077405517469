"""The default remote is set in .dvc/config.local in one step; what else stands there stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trajprobe.errors import UserError
from trajprobe.repository.remotes import CONFIG, add_remote

OTHERS = "# mine\n[core]\n    remote = old\n[cache]\n    dir = /elsewhere/50%\n"


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    """What `dvc` takes for the root of a repository."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    return tmp_path


def settings():
    """What DVC itself reads."""
    done = subprocess.run([sys.executable, "-m", "dvc", "config", "--list"], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_dvc_reads_what_is_set_and_what_was_there(tmp_path):
    CONFIG.write_text(OTHERS)
    assert "verify = true" in add_remote("s3://bucket/a,b#c", Path(), "http://127.0.0.1:1")
    add_remote("s3://bucket/a,b#c", Path(), "http://127.0.0.1:1")
    assert settings() == {
        "core.no_scm": "true",
        "core.analytics": "false",
        "core.remote": "store",
        "cache.dir": "/elsewhere/50%",
        "remote.store.url": "s3://bucket/a,b#c",
        "remote.store.verify": "true",
        "remote.store.endpointurl": "http://127.0.0.1:1",
    }
    assert CONFIG.read_text().startswith("# mine\n")
    add_remote("store", tmp_path)
    assert settings()["remote.store.url"] == str(tmp_path / "store")
    assert "remote.store.endpointurl" not in settings()


@pytest.mark.parametrize("url", ["b\u00fccher", "s3://bucket/b\u00fccher", "x\ud800"])
def test_a_path_that_dvc_cannot_write_is_refused_and_nothing_is_lost(url):
    CONFIG.write_text(OTHERS)
    with pytest.raises(UserError, match=r"^URL: got .*, expected ASCII characters alone.* it empties that file"):
        add_remote(url, Path())
    assert CONFIG.read_text() == OTHERS


def test_a_link_to_such_a_path_is_taken_as_it_is(tmp_path):
    (tmp_path / "b\u00fccher").mkdir()
    (tmp_path / "books").symlink_to("b\u00fccher")
    add_remote("books", tmp_path)
    assert settings()["remote.store.url"] == str(tmp_path / "books")


@pytest.mark.parametrize("data", [b"[core\n", b"\xff\n"])
def test_settings_that_cannot_be_read_stay_as_they_are(data):
    CONFIG.write_bytes(data)
    with pytest.raises(UserError, match=r"^\.dvc/config\.local: cannot be read \(.*\); correct it, or rename it$"):
        add_remote("store", Path())
    assert CONFIG.read_bytes() == data


def test_a_full_disk_leaves_the_settings_as_they_were(monkeypatch):
    CONFIG.write_text(OTHERS)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        add_remote("store", Path())
    assert CONFIG.read_text() == OTHERS
    assert [path.name for path in CONFIG.parent.iterdir() if "config.local" in path.name] == ["config.local"]
