"""Kills the project's commands at random times. After each kill `doctor` runs, then the same command again.

It must succeed and leave the bytes that it leaves without a kill, nothing lost and no file of a process that is gone.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from dvc.cli import main as dvc_main

from trajprobe.errors import UserError
from trajprobe.importers.data_set import import_data_set
from trajprobe.importers.options import ImportOptions
from trajprobe.repository import dvc_add
from trajprobe.repository.doctor import examine
from trajprobe.repository.dvc_command import DVC_TEMPORARY
from trajprobe.repository.pull import pull
from trajprobe.repository.scratch_store import prune_store

#: What part of the kills a command gets. Imports are cheap, and have most to lose.
SHARES = {"prune": 0.3, "import": 0.5, "compare": 0.12, "render": 0.05, "pull": 0.02, "repro": 0.01}


def dvc(*arguments):
    """`dvc ARGUMENTS` in this process, which has loaded it already."""
    if dvc_main(list(map(str, arguments))):
        raise UserError(f"dvc {' '.join(map(str, arguments))}")
    return ""


def started(action):
    """A process, with a group of its own, that does `action`; it has loaded all modules already."""
    if pid := os.fork():
        return pid
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(null, stream)
        warnings.simplefilter("ignore")  # pytest makes errors of DVC's own
        dvc_add.dvc = dvc
        action()
    except BaseException as error:  # noqa: BLE001 (the parent sees the status)
        Path(os.environ["TRAJPROBE_STORE"]).with_suffix(".error").write_text(repr(error))
        os._exit(1)
    os._exit(0)


def finished(action):
    """Does `action` in a process; the seconds that it took. It must succeed."""
    begun = time.monotonic()
    status = os.waitpid(started(action), 0)[1]
    assert status == 0, Path(os.environ["TRAJPROBE_STORE"]).with_suffix(".error").read_text()
    return time.monotonic() - begun


def killed(action, after):
    """Begins `action`, and kills it with all that it has started; whether it was still at work."""
    pid = started(action)
    time.sleep(after)
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # before it has a group
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL


def state():
    """What must not depend on a kill: git's view, and the bytes of all that DVC and git keep."""
    paths = [path for top in ("data", "metrics") for path in Path(top).rglob("*")]
    paths += [Path("dvc.lock"), Path(".dvc/config.local")]
    files = {
        path.as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and path.name != ".gitignore"
    }
    return files, subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout


def leftovers():
    tops = ("data", "metrics", ".dvc", os.environ["TRAJPROBE_STORE"])
    every = [path for top in tops for path in Path(top).rglob("*")]
    return [path for path in every if ".trajprobe-" in path.name or DVC_TEMPORARY.fullmatch(path.name)]


def healed():
    """Lets doctor mend what it can, and does what it says for the rest; how often it had something to say."""
    count = 0
    for _ in range(3):
        findings = examine()
        count += len(findings)
        for text in (finding.text for finding in findings if not finding.mended):
            command = re.search("run `(git checkout [^`]*)`", text)
            assert command, text
            subprocess.run(["bash", "-c", command[1]], check=True, capture_output=True)
        if not findings:
            return count
    raise AssertionError(findings)


def survives(chance, action, expected, duration, between=lambda: None):
    """Kills `action` once, heals, checks what is there `between`, and does it again; how many findings there were.

    None where it had ended before it was killed.
    """
    struck = killed(action, chance.uniform(0, duration))
    findings = healed()
    assert leftovers() == []
    between()
    finished(action)
    assert state() == expected
    assert leftovers() == []
    assert healed() == 0
    return findings if struck else None


class Imports:
    """A data set that is imported in two versions by turns: one file and one .dvc file, both old or both new."""

    def __init__(self, folder):
        self.files = [folder / f"{number}.npz" for number in (1, 2)]
        for number, file in enumerate(self.files):
            tracks = np.random.default_rng(number).random((300, 20, 2)).cumsum(1)
            np.savez(file, trajectories=tracks, labels=np.arange(300) % 2)
        self.states, self.pairs, self.turn = [], [], 1
        for number in (0, 1):
            self.seconds = finished(self.action(number))
            self.states.append(state())
            self.pairs.append(self.pair())

    def action(self, number):
        return lambda: import_data_set((self.files[number],), "mine", ImportOptions(), replace=True)

    def pair(self):
        return Path("data/raw/mine.npz").read_bytes(), Path("data/raw/mine.npz.dvc").read_bytes()

    def kill(self, chance):
        self.turn = 1 - self.turn

        def both():
            assert self.pair() in self.pairs

        return survives(chance, self.action(self.turn), self.states[self.turn], 1.1 * self.seconds, both)


def stage(*arguments):
    """The kill of a command of DVC that makes again what is there."""

    def kill(chance):
        expected, action = state(), lambda: dvc("repro", *arguments)
        return survives(chance, action, expected, 1.05 * kill.seconds)

    kill.seconds = finished(lambda: dvc("repro", *arguments))
    return kill


def prune_kill(chance):
    """A store of many shards, which a prune deletes."""
    store = Path(os.environ["TRAJPROBE_STORE"])
    mine = store / "ab/model-00001-of-00002.safetensors"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_bytes(b"the user's")
    for number in range(300):
        name = hashlib.sha256(str(number).encode()).hexdigest()
        (store / name[:2]).mkdir(exist_ok=True)
        (store / name[:2] / f"{name[:32]}-{name}.safetensors").write_bytes(b"x")
    findings = survives(chance, lambda: prune_store(0), state(), 0.05)
    assert [path for path in store.rglob("*") if path.is_file()] == [mine]
    return findings


def pull_kill(top, chance):
    """A clone without data that pulls."""
    laptop, here = Path(os.environ["TRAJPROBE_STORE"]).with_name("laptop"), Path.cwd()
    shutil.rmtree(laptop, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", top, laptop], check=True)
    shutil.copy(top / ".dvc/config.local", laptop / ".dvc")
    os.chdir(laptop)
    try:
        if pull_kill.expected is None:
            pull_kill.seconds = finished(lambda: pull(lambda _: None))
            pull_kill.expected = state()
            return None
        return survives(chance, lambda: pull(lambda _: None), pull_kill.expected, pull_kill.seconds)
    finally:
        os.chdir(here)


pull_kill.expected = None


def failures(folder, original, kills, chance, shares=None):
    """What went wrong when commands were killed so often in a copy of `original`, a line each; it works in `folder`.

    All commands need a reproduced, committed repository with a default remote to which all was pushed; `import` and
    `prune` need no more than a repository of DVC.
    """
    os.environ["TRAJPROBE_STORE"], os.environ["TRAJPROBE_WORKERS"] = f"{folder}/store", "1"
    shutil.copytree(original, folder / "copy", symlinks=True)
    os.chdir(folder / "copy")
    prepared = {
        "prune": lambda: prune_kill,
        "import": lambda: Imports(folder).kill,
        "compare": lambda: stage("--force", "--single-item", "compare"),
        "render": lambda: stage("--force", "--single-item", "render@t17", "features@noise", "probe@noise"),
        "pull": lambda: lambda chance: pull_kill(original, chance),
        "repro": lambda: stage("--force"),
    }
    lines, shares = [], shares or SHARES
    for command, share in shares.items():
        done = misses = findings = 0
        kill = prepared[command]()
        while done < round(kills * share) and misses < 100:
            try:
                count = kill(chance)
            except (AssertionError, OSError, UserError) as error:
                lines.append(f"{command}, kill {done + 1}: {error!r:.2000}")
                count = 0
            done, misses, findings = done + (count is not None), misses + (count is None), findings + (count or 0)
        sys.stdout.write(f"{command}: {done} kills, {findings} findings of doctor, {len(lines)} failures so far\n")
        sys.stdout.flush()
    return lines
