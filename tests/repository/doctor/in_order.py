"""A repository in which doctor finds nothing, for tests that harm it; and what doctor finds then."""

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

from trajprobe.repository.doctor import examine

GONE = 2**22 + 1  #: a number that no process has
MD5 = hashlib.md5(b"tracks").hexdigest()
OBJECT = Path(".dvc/cache/files/md5", MD5[:2], MD5[2:])
LISTING = Path(".dvc/cache/files/md5/ab", "c" * 30 + ".dir")
OUT = f"    outs:\n    - path: data/out\n      hash: md5\n      md5: ab{'c' * 30}.dir\n      size: 8\n"
LOCK = f"schema: '2.0'\nstages:\n  prepare:\n    cmd: 'true'\n{OUT}  check:\n    cmd: 'true'\n"


def write(root):
    """dvc.lock and a .dvc file that git has, and the objects that they name."""
    files = {
        "dvc.lock": LOCK,
        "data/raw/set.npz.dvc": f"outs:\n- md5: {MD5}\n  size: 6\n  hash: md5\n  path: set.npz\n",
        ".dvc/config": "[core]\n    autostage = true\n",
        ".dvc/.gitignore": "/tmp\n/cache\n/config.local\n",
        ".dvc/tmp/rwlock": "{}",
        ".dvc/tmp/lock": " 12345\n",
        "metrics/summary.json": "{}",
        str(OBJECT): "tracks",
        str(LISTING): json.dumps([{"md5": MD5, "relpath": "a"}]),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=T", "-c", "user.email=", "commit", "-qmx"],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def found():
    """The findings: first what was mended, then what the user must do."""
    findings = examine()
    return [one.text for one in findings if one.mended], [one.text for one in findings if not one.mended]


def kill(pid):
    """Ends a process, which stays a zombie until it is waited for."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
