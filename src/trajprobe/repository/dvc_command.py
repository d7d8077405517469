"""Runs DVC's own commands, as a user would type them."""

import re
import subprocess
import sys

from trajprobe.errors import UserError

DVC = (sys.executable, "-m", "dvc")
#: The names of files that DVC has not finished, beside those that they are to become.
DVC_TEMPORARY = re.compile(r".*\.[A-Za-z0-9_-]{22}\.tmp", re.DOTALL)
#: What DVC says of its own files after a kill or on a full disk.
LEFT_BY_A_KILL = re.compile(
    r"RWLock|acquire lock|index\.lock|is being blocked|corrupt|malformed|validation failed|parse"
    r"|unpack requires|Invalid index|data in index"  # of git's index
)


def dvc(*arguments: str) -> str:
    """Runs `dvc ARGUMENTS`; returns its standard output.

    Raises:
        UserError: DVC refuses; the message is one line with its reason.
    """
    process = run_dvc(*arguments)
    if process.returncode:
        reason = failure_reason(process)
        remedy = "; run `trajprobe doctor`" if LEFT_BY_A_KILL.search(reason) else ""
        raise UserError(f"dvc {' '.join(arguments[:2])}: {reason}{remedy}")
    return process.stdout


def run_dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `dvc ARGUMENTS`, whether it fails or not, and captures its output."""
    return subprocess.run([*DVC, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 (no shell)


def run_dvc_in_terminal(*arguments: str) -> int:
    """Runs `dvc ARGUMENTS` with its output on the terminal; returns its exit status."""
    return subprocess.run([*DVC, *arguments], check=False).returncode  # noqa: S603


def failure_reason(process: subprocess.CompletedProcess[str]) -> str:
    """Why a command of DVC failed, in one line."""
    message = process.stderr.rpartition("ERROR: ")[2] or process.stdout
    return " ".join(re.split(r"Traceback|Having any troubles\?", message)[0].split())
