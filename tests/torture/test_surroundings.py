"""What surrounds a run: a full disk, read-only folders, another run, clocks, locales, strange paths.

Disks and read-only folders are real ones, mounted in a namespace of this test's own; it skips where Linux gives none. A
longer run: TRAJPROBE_CASES=200 pytest tests/torture/test_surroundings.py
"""

import hashlib
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import warm_python
from limits import CASES
from ruamel.yaml import YAML
from waiting import wait_until

#: What a run makes again here: clips, features and a probe of a row without a network, the table and the page.
STAGES = ("render@t17", "features@noise", "probe@noise", "compare", "report")
REPRO = ("dvc", "repro", "--force", "--single-item", *STAGES)
FORCED = shlex.join(REPRO)
#: Rounds of a test that takes half a minute each.
ROUNDS = 1 + CASES // 100


def made(repository):
    """The bytes of all that a run makes."""
    files = [path for top in ("data", "metrics") for path in (repository.folder / top).rglob("*") if path.is_file()]
    files = [path for path in [*files, repository.folder / "dvc.lock"] if path.name != ".gitignore"]
    return {
        path.relative_to(repository.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


@pytest.fixture
def own(clone, tmp_path):
    """A clone with a cache of its own in it, as most users have; and what it holds."""
    cache = clone.run("dvc", "cache", "dir").strip()
    clone.run("dvc", "config", "--local", "--unset", "cache.dir")
    shutil.copytree(cache, clone.cache, dirs_exist_ok=True)
    return clone


def in_namespace(script, **variables):
    """Runs a script of bash where it may mount; standard output and error together, and the status.

    Its processes are new ones: those of `warm_python` would not see what is mounted.
    """
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces here, in which a test may mount a disk")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "TRAJPROBE_WORKERS": "1",
    }
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-uc", script], env=environment | variables, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.stdout, done.returncode


@pytest.mark.harm("full disk")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_disk_that_fills_up_at_any_moment_costs_no_more_than_the_run(own, tmp_path, record_property):
    """The checkout, DVC's cache and the store are on it; when there is space again, doctor and the same command do."""
    expected, chance, failed = made(own), random.Random(0), 0
    for number in range(ROUNDS):
        disk, after = tmp_path / f"disk{number}", tmp_path / f"after{number}"
        disk.mkdir()
        left = chance.randrange(300) if number else 16  # kB
        script = f"""
            mount -t tmpfs -o size=200m none {disk} && cp -a {own.folder} {disk}/work && cd {disk}/work || exit 9
            export TRAJPROBE_STORE={disk}/store PYTHONDONTWRITEBYTECODE=1; mkdir $TRAJPROBE_STORE
            head -c $(( $(df --output=avail -B1 . | tail -1) - {left} * 1024 )) /dev/zero > {disk}/filler
            {FORCED}; echo "first: $?"
            rm {disk}/filler
            trajprobe doctor --json > {disk}/doctor; echo "doctor: $?"
            grep -o '`git checkout [^`]*`' {disk}/doctor | tr -d '`' | bash
            {FORCED}; echo "second: $?"
            trajprobe doctor --json > /dev/null; echo "doctor: $?"
            cp -a {disk}/work {after}
        """
        told, status = in_namespace(script)
        assert status == 0, told
        first, second = told.split("\nsecond: ")[0].rsplit("first: ", 1)
        failed += second.split()[0] != "0"
        assert second.split()[0] == "0" or re.search(
            "No space left on device|disk I/O error|database or disk is full", first
        ), told
        assert "Traceback" not in first, told
        assert told.count("\nsecond: 0\ndoctor: 0") == 1, told
        assert made(type(own)(after)) == expected, told
        assert not [path for path in after.rglob("*") if ".trajprobe-" in path.name]
    record_property("times", ROUNDS)
    record_property("found", ("runs that ended early", failed))
    assert failed


COMMANDS = (
    "trajprobe check", "trajprobe doctor", "trajprobe data list", "trajprobe data show synthetic",
    "trajprobe clips show t17 --out x.png",
    "trajprobe weights list", "trajprobe cache show", "trajprobe table", "trajprobe export noise --out x.npz",
    "trajprobe data import $SET --name mine", "trajprobe remote add /elsewhere", "trajprobe push", "trajprobe pull",
    "trajprobe cache prune --days 0", "trajprobe report --against HEAD", FORCED,
)  # fmt: skip


@pytest.mark.harm("read-only")
@pytest.mark.parametrize("where", [".", "store", "remote", *(("data", "metrics", ".dvc") if CASES else ())])
def test_where_nothing_may_be_written_a_command_says_so_in_a_line_or_does_without(
    own, tmp_path, where, record_property
):
    np.savez(tmp_path / "set.npz", trajectories=np.random.default_rng(0).random((20, 9, 2)), labels=np.arange(20) % 2)
    store = tmp_path / "store"
    store.mkdir()
    assert own.trajprobe("remote", "add", tmp_path / "remote")[0] == 0
    assert own.trajprobe("push")[0] == 0
    before = made(own)
    folder = {"store": store, "remote": tmp_path / "remote"}.get(where, own.folder / where)
    script = "\n".join(
        [
            f"cd {own.folder}; export TRAJPROBE_STORE={store} SET={tmp_path}/set.npz PYTHONDONTWRITEBYTECODE=1",
            f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} || exit 9; cd {own.folder}",
            *(f'echo {shlex.quote(f"=== {command}")}; {command} 2>&1; echo "status $?"' for command in COMMANDS),
        ]
    )
    told, status = in_namespace(script)
    assert status == 0, told
    shown = re.findall(r"^=== (.+)\n((?:.*\n)*?)status (\d+)$", told, re.M)
    assert [command for command, _, _ in shown] == list(COMMANDS), told
    assert "Traceback" not in told, told
    statuses = {command: int(number) for command, _, number in shown}
    for command, output, _ in shown:
        if command == FORCED:
            assert statuses[FORCED] == 0 or "Read-only file system" in output, output
        elif command != "trajprobe doctor":  # it lists what it finds
            assert statuses[command] in (0, 2), output
            assert output.count("trajprobe: error: ") == (statuses[command] == 2), output
    if where == ".":
        assert statuses[FORCED] != 0
        reading = ("check", "data list", "data show synthetic", "weights list", "cache show", "report --against HEAD")
        assert [statuses[f"trajprobe {command}"] for command in reading] == [0] * len(reading), told
    if where != "store" and where != "remote":
        changed = {path for path, digest in made(own).items() if before.get(path) != digest}
        assert changed <= {"data/raw/mine.npz", "data/raw/mine.npz.dvc"}, told
    record_property("times", len(COMMANDS))


def at_once(*commands):
    """Processes that are started together: the status and the output of each."""
    started = [
        subprocess.Popen(
            command, cwd=repository.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=warm_python.environment() | {"TRAJPROBE_WORKERS": "1"},
        )
        for repository, command in commands
    ]  # fmt: skip
    outputs = [process.communicate()[0] for process in started]
    return [(process.returncode, output) for process, output in zip(started, outputs, strict=True)]


@pytest.mark.harm("two in one checkout")
def test_two_runs_in_one_checkout_leave_what_one_leaves(own, record_property):
    expected = made(own)
    for _ in range(ROUNDS):
        ended = at_once((own, REPRO), (own, REPRO))
        assert 0 in [status for status, _ in ended], ended
        for status, told in ended:
            assert status == 0 or re.search("Unable to acquire lock|is busy, it is being blocked", told), told
            assert "Traceback" not in told
        assert made(own) == expected
    status, told = own.trajprobe("doctor", "--json")
    assert (status, '"mended": true' in told) == (0, False), told
    record_property("times", ROUNDS)


@pytest.mark.harm("two in one checkout")
def test_a_second_experiment_that_changes_parameters_stops_the_first_before_results_are_mixed(own, tmp_path):
    """DVC refuses the second one, but has written its value into params.yaml by then, and would leave it there."""
    variables = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "TRAJPROBE_WORKERS": "1"}
    first = subprocess.Popen(
        ["dvc", "exp", "run", "--set-param", "probe.permutations=3"], cwd=own.folder, env=os.environ | variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    begun = [own.folder / "logs" / f"probe-{name}.log" for name in own.params()["rows"]]
    wait_until(lambda: any(log.exists() for log in begun))
    own.run("dvc", "exp", "run", "--set-param", "probe.seed=1", fails=True)
    told = first.communicate(timeout=300)[0]
    assert first.returncode != 0, told
    assert "has changed since this run began: `probe.seed` from 0 to 1" in told
    assert "Traceback" not in told
    assert "NoneType" not in told
    values = own.params()["probe"]
    assert (values["permutations"], values["seed"]) == (3, 1)
    own.run("dvc", "repro")
    assert own.stale() == set()
    results = made(own)
    alone = type(own)(shutil.copytree(own.folder, tmp_path / "alone", symlinks=True))
    probes = [f"probe@{name}" for name in alone.params()["rows"]]
    alone.run("dvc", "repro", "--force", "--single-item", *probes, "compare")
    assert made(alone) == results


@pytest.mark.harm("two in one checkout")
def test_two_imports_of_one_name_leave_one_of_them(own, tmp_path, record_property):
    files = [tmp_path / f"{number}.npz" for number in (0, 1)]
    for number, file in enumerate(files):
        tracks = np.random.default_rng(number).random((200, 20, 2)).cumsum(1)
        np.savez(file, trajectories=tracks, labels=np.arange(200) % 2)
    for _ in range(ROUNDS):
        ended = at_once(
            *((own, ("trajprobe", "data", "import", str(file), "--name", "mine", "--force")) for file in files)
        )
        assert 0 in [status for status, _ in ended], ended
        assert all(status in (0, 2) and "Traceback" not in told for status, told in ended), ended
        assert not any(status == 2 and "trajprobe: error: " not in told for status, told in ended), ended
        md5 = hashlib.md5((own.folder / "data/raw/mine.npz").read_bytes()).hexdigest()
        assert YAML(typ="safe").load((own.folder / "data/raw/mine.npz.dvc").read_text())["outs"][0]["md5"] == md5
        assert own.trajprobe("doctor")[0] == 0
    record_property("times", ROUNDS)


@pytest.mark.harm("two with one store")
def test_two_clones_that_run_at_once_with_one_store_make_the_same(clone, reproduced, tmp_path, record_property):
    expected, other = made(clone), reproduced.clone(tmp_path / "other", reproduced.cache)
    for _ in range(ROUNDS):
        ended = at_once((clone, REPRO), (other, REPRO))
        assert [status for status, _ in ended] == [0, 0], ended
        assert made(clone) == made(other) == expected
    record_property("times", ROUNDS)


@pytest.mark.harm("clocks")
@pytest.mark.parametrize("seconds", [86_400, 4_102_444_800], ids=["1970", "2100"])
def test_files_of_another_time_are_neither_stale_nor_old_nor_left_over(own, store_folder, seconds):
    expected = made(own)
    own.run(*REPRO)
    for top in (own.folder, store_folder):
        for path in top.rglob("*"):
            os.utime(path, (seconds, seconds), follow_symlinks=False)
    assert own.stale() == set()
    status, told = own.trajprobe("cache", "prune")
    assert status == 0
    assert (": 0 shards deleted" in told) == (seconds > 10**9), told
    assert "Stage 'probe@noise' didn't change, skipping" in own.run("dvc", "repro", "probe@noise")
    own.run(*REPRO, TZ="Asia/Kathmandu")
    assert made(own) == expected
    assert own.trajprobe("doctor")[0] == 0


#: Python would take UTF-8 all the same, unless it is told not to.
PLAIN_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
STRANGE = "Zürich 'a' $(touch x) \"b\" & ; 東京"


def strange_set(path):
    """A data set whose classes have letters of several scripts, spaces and quotes."""
    tracks = np.random.default_rng(0).random((20, 9, 2)).cumsum(1)
    np.savez(path, trajectories=tracks, labels=np.array(["gehen ü", "走 'る'"] * 10))


@pytest.mark.harm("locales")
def test_in_a_locale_without_unicode_all_is_made_to_the_same_bytes(own, tmp_path):
    expected = made(own)
    strange_set(tmp_path / "set.npz")
    environment = {name: value for name, value in warm_python.environment().items() if not name.startswith("LC_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    plain = environment | PLAIN_LOCALE | {"PATH": path, "TRAJPROBE_WORKERS": "1"}

    def run(*command):
        done = subprocess.run(command, cwd=own.folder, env=plain, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(*REPRO)
    assert made(own) == expected
    run("trajprobe", "data", "import", str(tmp_path / "set.npz"), "--name", "mine")
    shown = run("trajprobe", "data", "show", "mine")
    assert "gehen ü" in shown  # click writes UTF-8 where there would be ASCII; a stage escapes
    assert shown == own.trajprobe("data", "show", "mine")[1]


@pytest.mark.harm("paths")
def test_a_checkout_a_store_a_remote_and_files_at_strange_paths(reproduced, tmp_path, monkeypatch):
    place = tmp_path / STRANGE
    place.mkdir()
    strange = reproduced.clone(place / "work", reproduced.cache)
    expected = made(strange)
    monkeypatch.setenv("TRAJPROBE_STORE", str(place / "store"))
    strange.run(*REPRO)
    assert made(strange) == expected
    assert any((place / "store").rglob("*.safetensors"))
    strange_set(place / "a b ü.npz")
    for command in (
        ("data", "import", str(place / "a b ü.npz"), "--name", "mine"), ("doctor",),
        ("clips", "show", "t17", "--out", str(place / "clips ü.png")),
        ("export", "noise", "--out", str(place / "features ü.parquet")), ("cache", "verify"), ("cache", "prune"),
        ("remote", "add", str(tmp_path / "re mote's $(touch x)")), ("push",), ("pull",),
        ("report", "--against", "HEAD"),
    ):  # fmt: skip
        status, told = strange.trajprobe(*command)
        assert status == 0, told
    assert (place / "features ü.parquet").is_file()
    laptop = reproduced.clone(place / "laptop")
    assert laptop.trajprobe("remote", "add", tmp_path / "re mote's $(touch x)")[0] == 0
    assert laptop.trajprobe("pull")[0] == 0
    page = "data/report/report.html"
    assert (laptop.folder / page).read_bytes() == (strange.folder / page).read_bytes()
    assert not list(place.rglob("x"))
