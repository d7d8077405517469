"""Kills the project's commands at random times. After each kill `doctor` runs, then the same command again.

It must succeed and leave the bytes that it leaves without a kill, nothing lost and no file of a process that is gone.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from dvc.cli import main as dvc_main

from trajprobe.errors import UserError
from trajprobe.files.atomic import file_md5
from trajprobe.importers.data_set import import_data_set
from trajprobe.importers.options import ImportOptions
from trajprobe.inspection.export import export
from trajprobe.repository import dvc_add
from trajprobe.repository.doctor import examine
from trajprobe.repository.dvc_command import DVC_TEMPORARY
from trajprobe.repository.pull import pull
from trajprobe.repository.push import push
from trajprobe.repository.remotes import CONFIG, add_remote
from trajprobe.repository.restore import restore
from trajprobe.repository.scratch_store import prune_store

#: The stages, by what is made again when one is killed.
STAGES = {
    name.partition("@")[0]: name
    for name in [
        *("synthetic", "prepare", "render@t17", "pretrain@magvit2-tiny", "features@noise", "probe@noise"),
        *("pictures@coordinates", "compare", "report"),
    ]
}
#: What part of the kills a command gets. Imports are cheap, and have most to lose.
SHARES = (
    {"prune": 0.15, "import": 0.3, "restore": 0.1, "export": 0.05, "remote add": 0.05, "push": 0.03, "pull": 0.02}
    | dict.fromkeys(STAGES, 0.03)
    | {"repro": 0.02}
)
#: What ends a command: a kill, a batch system, a user at a terminal.
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


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


def killed(action, after, number):
    """Begins `action`, and sends a signal to it and to all that it has started; whether it was still at work."""
    pid = started(action)
    time.sleep(after)
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # before it has a group
        os.kill(pid, number)
    status = os.waitpid(pid, 0)[1]
    with contextlib.suppress(ProcessLookupError):  # once the last of the group has cleaned up
        for _ in range(300):
            os.killpg(pid, 0)
            time.sleep(0.1)
        raise AssertionError("processes stay after the signal")
    return status != 0


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
    struck = killed(action, chance.uniform(0, duration), chance.choice(SIGNALS))
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


def restored(folder):
    """The kill of a command that brings a data set that is gone back from DVC's cache."""
    Imports(folder)
    path, expected = Path("data/raw/mine.npz"), state()

    def kill(chance):
        path.unlink()
        return survives(chance, lambda: restore(path), expected, 1.1 * kill.seconds)

    path.unlink()
    kill.seconds = finished(lambda: restore(path))
    return kill


def exported(folder):
    """The kill of a command that writes features to a file: there is the old one, or the new one."""
    out = folder / "features.parquet"

    def action():
        export("noise", out)

    def kill(chance):
        def whole():
            assert out.read_bytes() in (b"old", kill.bytes)

        out.write_bytes(b"old")
        findings = survives(chance, action, state(), 1.1 * kill.seconds, whole)
        assert out.read_bytes() == kill.bytes
        assert [path.name for path in folder.glob("*features*")] == [out.name]
        return findings

    kill.seconds, kill.bytes = finished(action), out.read_bytes()
    return kill


def remote_kill(chance):
    """A remote that is set in place of another one."""
    before = CONFIG.read_bytes() if CONFIG.exists() else None
    finished(lambda: add_remote("/far", Path()))
    new, expected = CONFIG.read_bytes(), state()
    finished(lambda: add_remote("/near", Path()))
    old = CONFIG.read_bytes()

    def either():
        assert CONFIG.read_bytes() in (old, new)

    findings = survives(chance, lambda: add_remote("/far", Path()), expected, 0.01, either)
    CONFIG.unlink()
    if before:
        CONFIG.write_bytes(before)
    return findings


def pushed(folder):
    """The kill of a push to a new folder: what is there under its name is whole, and the next push completes it."""
    remote = folder / "far"
    add_remote(str(remote), Path())

    def action():
        push(lambda _: None)

    def objects():
        return {path.relative_to(remote).as_posix() for path in remote.rglob("*") if path.is_file()}

    def kill(chance):
        def whole():
            for path in (remote / "files/md5").glob("??/*"):
                if not path.name.endswith(".tmp"):
                    assert file_md5(path) == path.parent.name + path.name.removesuffix(".dir")

        shutil.rmtree(remote)
        findings = survives(chance, action, state(), kill.seconds, whole)
        assert kill.objects <= objects()
        return findings

    kill.seconds, kill.objects = finished(action), objects()
    return kill


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
    """What went wrong when commands were killed so often in a copy of `original`, a line each; how often in all, and
    what doctor found. It works in `folder`.

    All commands need a reproduced, committed repository with a default remote to which all was pushed; `import` and
    `prune` need no more than a repository of DVC.
    """
    os.environ["TRAJPROBE_STORE"], os.environ["TRAJPROBE_WORKERS"] = f"{folder}/store", "1"
    shutil.copytree(original, folder / "copy", symlinks=True)
    os.chdir(folder / "copy")
    prepared = {
        "prune": lambda: prune_kill,
        "import": lambda: Imports(folder).kill,
        **{name: partial(stage, "--force", "--single-item", of) for name, of in STAGES.items()},
        "restore": lambda: restored(folder),
        "export": lambda: exported(folder),
        "remote add": lambda: remote_kill,
        "push": lambda: pushed(folder),
        "pull": lambda: lambda chance: pull_kill(original, chance),
        "repro": lambda: stage("--force"),
    }
    lines, shares, total, found = [], shares or SHARES, 0, 0
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
        total, found = total + done, found + findings
    return lines, total, found
