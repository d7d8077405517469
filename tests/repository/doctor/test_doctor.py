"""What kills and full disks leave of DVC's and git's files is mended where nothing can be lost, and named otherwise."""

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from in_order import GONE, LISTING, LOCK, MD5, OBJECT, found, kill

from trajprobe.cli import main
from trajprobe.errors import UserError
from trajprobe.files.temporary import temporary_path
from trajprobe.repository import doctor
from trajprobe.repository.doctor import mend
from trajprobe.repository.machine import Condition


@pytest.fixture
def of_machine(monkeypatch):
    """Has the command find so of this machine."""

    def found(*conditions):
        monkeypatch.setattr("trajprobe.repository.machine.conditions", lambda: list(conditions))

    return found


def test_nothing_is_found_in_a_repository_in_order(repository, capsys, of_machine):
    of_machine(Condition("python", "ok", "3.11"), Condition("remote", "ok", "none", "set one"))
    main(["doctor"])
    assert capsys.readouterr().out.splitlines() == [
        "STATUS  OF          WHAT IS FOUND, AND WHAT TO DO",
        "ok      python      3.11",
        "ok      remote      none; set one",
        "ok      repository  in order",
    ]
    mend(pytest.fail)


def test_what_is_mended_is_status_0_and_what_the_user_must_do_is_status_2(repository, capsys, of_machine):
    of_machine(Condition("memory", "warning", "1 GB", "end others"))
    Path(".dvc/tmp/rwlock").write_text('{"wri')
    main(["doctor"])
    text = ".dvc/tmp/rwlock: was cut short; deleted, since no process of DVC runs here"
    assert capsys.readouterr().out.splitlines()[1:] == [
        "warning  memory      1 GB; end others",
        f"mended   repository  {text}",
    ]
    Path("dvc.lock").write_text("")
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--json"])
    assert end.value.code == 2
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "machine": [{"name": "memory", "status": "warning", "found": "1 GB", "remedy": "end others"}],
        "repository": [{"text": "dvc.lock: is cut short or damaged; run `git checkout dvc.lock`", "mended": False}],
    }


def test_a_machine_on_which_a_run_would_fail_is_status_2(repository, capsys, of_machine):
    of_machine(Condition("torch", "error", "can't be imported", "install it again"))
    with pytest.raises(SystemExit) as end:
        main(["doctor"])
    assert end.value.code == 2
    assert "\nerror   torch       can't be imported; install it again\n" in capsys.readouterr().out


def test_before_another_command_what_is_mended_is_reported_and_what_is_not_is_refused(repository):
    lines = []
    Path(".dvc/tmp/rwlock").write_text("")
    mend(lines.append)
    assert len(lines) == 1
    Path("dvc.lock").write_text("")
    Path("data/raw/set.npz.dvc").write_text("")
    with pytest.raises(UserError, match=r"^dvc\.lock: .*; run `git checkout dvc\.lock` \(1 more: run `trajprobe doc"):
        mend(lines.append)


@pytest.mark.harm("damage")
@pytest.mark.parametrize("cut", [0, 5, 20, 60, 118, len(LOCK) - 5, len(LOCK) - 16])
def test_a_cut_dvc_lock_comes_back_by_the_command_that_is_named(repository, cut):
    Path("dvc.lock").write_text(LOCK[:cut])
    (text,) = found()[1]
    assert text == "dvc.lock: is cut short or damaged; run `git checkout dvc.lock`"
    assert Path("dvc.lock").read_text() == LOCK[:cut]
    subprocess.run(["git", "checkout", "--quiet", "dvc.lock"], check=True)
    assert found() == ([], [])
    assert Path("dvc.lock").read_text() == LOCK


def test_a_cut_dvc_lock_that_was_staged_comes_from_the_last_commit_and_one_that_git_lacks_is_put_aside(repository):
    Path("dvc.lock").write_text("stages:\n  a:\n")
    subprocess.run(["git", "add", "dvc.lock"], check=True)
    assert found()[1] == ["dvc.lock: is cut short or damaged; run `git checkout HEAD dvc.lock`"]
    subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=", "commit", "-qm", "x"], check=True)
    text = "dvc.lock: is cut short or damaged, and git does not have it; run `mv dvc.lock dvc.lock.damaged`"
    assert found()[1] == [f"{text}, then run `dvc repro`"]


@pytest.mark.harm("damage")
@pytest.mark.parametrize("text", ["", "outs:\n- md5: 0123", "outs:\n", "- x", "\udc80"])
def test_a_cut_dvc_file_comes_back_by_the_command_that_is_named(repository, text):
    path = Path("data/raw/set.npz.dvc")
    before = path.read_bytes()
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert found()[1] == [f"{path}: is cut short or damaged; run `git checkout {path}`"]
    subprocess.run(["git", "checkout", "--quiet", path], check=True)
    assert path.read_bytes() == before


@pytest.mark.harm("damage")
@pytest.mark.parametrize("text", ["", "{", '{"write": {"a": {"pid"', "[]", '{"write": {"a": 1}}', "\udc80"])
def test_a_cut_rwlock_is_deleted_unless_dvc_runs_here(repository, process, text):
    path = Path(".dvc/tmp/rwlock")
    path.write_bytes(text.encode(errors="surrogateescape"))
    pid = process("dvc")
    assert found() == ([], [f"{path}: is cut short; wait for the process {pid} (dvc -c 'import time; time.sleep(60)'), "
                            "then run this again"])  # fmt: skip
    assert path.exists()
    kill(pid)
    assert len(found()[0]) == 1  # a zombie, which nobody waits for
    assert not path.exists()


def test_processes_that_are_gone_are_removed_from_rwlock_and_those_that_run_stay(repository, process):
    path = Path(".dvc/tmp/rwlock")
    gone, here = {"pid": GONE, "cmd": "dvc repro"}, {"pid": process("dvc"), "cmd": "dvc repro"}
    path.write_text(json.dumps({"write": {"a": gone, "b": here}, "read": {"c": [gone, here], "d": [gone]}}))
    assert found() == ([f"{path}: named processes that are gone ({GONE}); removed them"], [])
    assert json.loads(path.read_text()) == {"write": {"b": here}, "read": {"c": [here]}}


def test_a_process_that_has_the_number_of_one_that_is_gone_does_not_count(repository):
    path = Path(".dvc/tmp/rwlock")
    path.write_text(json.dumps({"write": {"a": {"pid": os.getpid(), "cmd": "dvc repro"}}}))
    assert found() == ([], [])
    os.utime(path, (0, 0))  # before this process began
    assert len(found()[0]) == 1
    assert json.loads(path.read_text()) == {}


def test_a_list_that_dvc_is_editing_is_left_alone(repository):
    Path(".dvc/tmp/rwlock").write_text("{")
    with Path(".dvc/tmp/rwlock.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert found() == ([], [])
    assert Path(".dvc/tmp/rwlock").read_text() == "{"


def test_a_lock_that_stays_is_named(repository):
    """What `core.hardlink_lock` leaves: nobody can say from here whether another machine holds it."""
    Path(".dvc/tmp/lock").write_text("/somewhere/.dvc/tmp/0123.lock")
    (text,) = found()[1]
    assert text.endswith("run `rm .dvc/tmp/lock`")
    assert Path(".dvc/tmp/lock").exists()


@pytest.mark.harm("damage")
def test_empty_settings_are_deleted_and_cut_ones_are_named(repository):
    path = Path(".dvc/config.local")
    path.write_bytes(b"")
    assert found()[0][0].startswith(f"{path}: was empty")
    assert not path.exists()
    path.write_text("[core]\nremote = store\n['remote")
    Path(".dvc/config").write_text("[co")
    assert found() == (
        [],
        [
            ".dvc/config: is cut short or damaged; run `git checkout .dvc/config`",
            f"{path}: is cut short or damaged; correct it",
        ],
    )


@pytest.mark.harm("damage")
def test_objects_that_are_empty_are_deleted_and_others_of_a_wrong_size_are_named(repository):
    OBJECT.write_bytes(b"")
    LISTING.write_text('[{"md5": "0123')
    mended, remaining = found()
    assert mended == [f"{OBJECT}: was empty (data/raw/set.npz); deleted; `dvc pull` fetches it, `dvc repro` makes it"]
    assert remaining == [f"{LISTING}: is damaged (data/out); run `trajprobe cache verify`"]
    OBJECT.write_bytes(b"track")
    assert f"{OBJECT}: is damaged (data/raw/set.npz); run `trajprobe cache verify`" in found()[1]
    assert OBJECT.exists()


def test_a_file_that_was_cut_short_is_deleted_and_one_that_a_user_has_changed_is_not(repository):
    """DVC copies a file from its cache to its last name, and asks before it replaces half of one."""
    LISTING.write_text(json.dumps([{"md5": MD5, "relpath": "cut"}, {"md5": MD5, "relpath": "sub/whole"}]))
    paths = [Path("data/out/cut"), Path("data/out/sub/whole"), Path("data/raw/set.npz")]
    for path, text in zip(paths, ("trac", "tracks", "mine"), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert found() == ([f"{paths[0]}: was cut short; deleted, `dvc checkout {paths[0]}` brings it back"], [])
    assert [path.exists() for path in paths] == [False, True, True]


@pytest.mark.harm("damage")
def test_a_damaged_database_of_dvc_is_deleted_and_an_intact_one_is_not(repository):
    paths = [Path(".dvc/tmp", name) for name in ("intact.db", "cut.db", "none.db")]
    for path in paths[:2]:
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE a (b)")
        database.executemany("INSERT INTO a VALUES (?)", [("x" * 1000,)] * 50)
        database.commit()
        database.close()
    paths[1].write_bytes(paths[1].read_bytes()[:9000] + b"damage" * 500)
    paths[2].write_bytes(b"no database at all")
    assert found() == ([f"{path}: was damaged; deleted, DVC makes it again" for path in sorted(paths[1:])], [])
    assert [path.exists() for path in paths] == [True, False, False]


def test_files_of_processes_that_are_gone_are_deleted_and_all_others_stay(repository, monkeypatch, process):
    with monkeypatch.context() as context:
        context.setattr(os, "getpid", lambda: GONE)
        left = [temporary_path(Path(name)) for name in ("metrics/summary.json", ".dvc/config.local", "data/out")]
    left[2].mkdir()
    (left[2] / "half").write_text("x")
    token = "ABCDEFGHIJKLMNOPQRSTU-"
    of_dvc = [
        Path(f"metrics/summary.json.{token}.tmp"),
        Path(f"metrics/.{token}.tmp"),
        OBJECT.with_name(f".{token}.tmp"),
    ]
    users = [Path(name) for name in ("metrics/mine.tmp", "metrics/.summary.json.tmp", f"metrics/{token}", "mine.tmp")]
    running = temporary_path(Path("metrics/summary.json"))
    for path in (*left[:2], *of_dvc, *users, running):
        path.write_text("x")
    pid = process(sys.executable, "-m", "dvc")
    assert len(found()[0]) == len(left)
    assert all(path.exists() for path in (*of_dvc, *users, running))
    kill(pid)
    assert len(found()[0]) == len(of_dvc)
    assert all(path.exists() for path in (*users, running))
    assert not any(path.exists() for path in (*left, *of_dvc))


def test_it_takes_well_under_a_second_and_no_torch(repository):
    code = (
        "import sys, time; from trajprobe.cli import main; main(['doctor']); print(time.process_time(), *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *modules = done.stdout.splitlines()[-1].split()
    assert {"torch", "dvc", "sklearn"}.isdisjoint(modules)
    assert float(seconds) < 2  # 0.4 s on a free machine


def test_a_folder_that_is_no_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is not the root of the repository"):
        doctor.examine()
