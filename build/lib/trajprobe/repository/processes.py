"""Which processes of DVC and git work in this repository now: what they hold is not to be mended."""

import shlex
from collections.abc import Callable
from pathlib import Path

import psutil


def can_have_written(pid: int, written: float) -> bool:
    """Whether a process of that number runs that can have written a file at that time; a later one has its number."""
    try:
        process = psutil.Process(pid)
        later = process.create_time() > written + 1 and not _is_dvc(process.cmdline())
        return process.status() != psutil.STATUS_ZOMBIE and not later
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def running_dvc() -> str:
    """A process of DVC that works in this repository: its number and command; nothing where there is none."""
    return _running(_is_dvc)


def running_git() -> str:
    """A process of git that works in this repository: its number and command; nothing where there is none."""
    return _running(lambda words: Path(words[0]).name == "git")


def _is_dvc(words: list[str]) -> bool:
    """`dvc repro`, `python .venv/bin/dvc repro`, `python -m dvc repro`; not its daemon, which holds no lock."""
    return any(Path(word).name == "dvc" for word in words[:3]) and "daemon" not in words[:4]


def _running(is_it: Callable[[list[str]], bool]) -> str:
    top = Path.cwd()
    for process in psutil.process_iter(["cmdline", "cwd", "pid", "status"]):
        words, cwd = process.info["cmdline"], process.info["cwd"]
        if not words or process.info["status"] == psutil.STATUS_ZOMBIE or not is_it(words):
            continue
        if cwd is None or top == Path(cwd) or top in Path(cwd).parents:  # another user's may be anywhere
            return f"{process.info['pid']} ({shlex.join(words)[:60]})"
    return ""
