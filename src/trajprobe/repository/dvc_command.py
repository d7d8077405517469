"""Runs DVC's own commands, as a user would type them."""

import subprocess
import sys

from trajprobe.errors import UserError

DVC = (sys.executable, "-m", "dvc")


def dvc(*arguments: str) -> str:
    """What `dvc ARGUMENTS` printed on standard output.

    Raises:
        UserError: DVC refuses; in one line, with its reason.
    """
    done = run(*arguments)
    if done.returncode:
        raise UserError(f"dvc {' '.join(arguments[:2])}: {reason(done)}")
    return done.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DVC, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 (no shell)


def show(*arguments: str) -> int:
    """Runs `dvc ARGUMENTS`, which prints what it prints; returns its exit status."""
    return subprocess.run([*DVC, *arguments], check=False).returncode  # noqa: S603


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """Why a command failed, in one line."""
    last = done.stderr.rpartition("ERROR: ")[2] or done.stdout
    return " ".join(last.partition("Traceback")[0].split())
