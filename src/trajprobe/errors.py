"""How a process ends before its work is done, by a user's mistake, Ctrl-C or SIGTERM; and the text of its messages.

Names in a file (classes, groups, keys, tensors) are anyone's text, and are made visible before they are shown. A
newline in one would begin a line that looks like ours, an escape sequence would repaint the terminal, and a character
that changes the direction of text would reorder the line.
"""

import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

STATUS = 130  #: the exit status after Ctrl-C, as shells have it
#: Set by DVC for the commands that it runs.
UNDER_DVC = "DVC_STAGE"
#: Characters of a message and of a name that are shown at most. The middle is left out: advice stands at the end.
MESSAGE, NAME = 4000, 100
#: What to do about an error of the operating system.
ADVICE = {
    errno.EACCES: "get access to it (its owner and mode: `ls -ld`), or use a folder of your own",
    errno.EPERM: "get access to it (its owner and mode: `ls -ld`), or use a folder of your own",
    errno.EROFS: "the filesystem is read-only: mount it for writing, or work in another folder",
    errno.EISDIR: "a file is expected there: rename the folder",
    errno.ENOTDIR: "a folder is expected there: rename the file",
    errno.EEXIST: "something else stands there: rename it",
    errno.ENOENT: "run from the top of the repository; `dvc repro` makes what is missing, `dvc pull` fetches it",
    errno.EIO: "the disk or the network filesystem fails: check it, then run again",
    errno.ESTALE: "the network filesystem has lost it: mount it again, then run again",
    errno.EMFILE: "too many files are open: raise `ulimit -n`, then run again",
    errno.ENAMETOOLONG: "use a shorter name",
}
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(Exception):
    """A mistake that the user can mend, in one line: got X, expected Y, do Z. The process ends with status 2."""


def exit_while_importing() -> None:
    """From now on Ctrl-C ends this process at once: there is nothing to clean up before the work begins.

    Without it modules that are being imported would print a traceback, or take the interrupt for a failed import.
    """
    signal.signal(signal.SIGINT, _exit)


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a handler's signature)
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is None or multiprocessing.parent_process() is None:  # a worker's parent says it
        os.write(sys.stderr.fileno(), b"interrupted\n")
    os._exit(STATUS)


@contextmanager
def interruptible() -> Iterator[None]:
    """In this block Ctrl-C and SIGTERM raise KeyboardInterrupt, and whatever error they lead to counts as that."""
    received = False

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal received
        received = True
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception:
        if received:  # an import that was interrupted may say that it failed
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_dvc() -> None:
    """Interrupts this process when the DVC that started it is gone: DVC itself does not end its stages."""
    if os.environ.get(UNDER_DVC):
        threading.Thread(target=_wait_for_dvc, daemon=True).start()


def _wait_for_dvc() -> None:
    import psutil

    try:
        parents = parent_processes()
        while all(parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE for parent in parents):
            time.sleep(0.5)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied:
        return
    os.kill(os.getpid(), signal.SIGTERM)


def parent_processes() -> "list[psutil.Process]":
    """The process that started this one; where that is a shell for this command alone, what started the shell too.

    Raises:
        psutil.Error: they are gone, or another user's.
    """
    import psutil

    parents = [psutil.Process(os.getppid())]
    if "-c" in parents[0].cmdline():  # the shell that DVC started
        parents += filter(None, [parents[0].parent()])
    return parents


def visible(text: object, most: int = MESSAGE) -> str:
    r"""`text` in one line of printable characters, at most about `most` of them.

    Control characters, line breaks, surrogates, and characters without width or for the direction of text become
    escapes such as \n and \u202e. Of a longer text the beginning and the end are kept.
    """
    line = str(text)
    if len(line) > most:
        end = most // 3
        line = f"{line[: most - end]} ... ({len(line) - most:,} characters) ... {line[-end:]}"
    if line.isprintable():
        return line
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in line
    )


def visible_name(name: object) -> str:
    """A name that a file supplied, as `visible`; without backticks, so that those of a message are always ours."""
    return visible(name, NAME).replace("`", r"\x60")


def visible_names(names: Iterable[object], most: int = 10) -> str:
    """The first `most` of several such names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(map(visible_name, every[:most])) + more


def system_reason(error: OSError | MemoryError, disk_full: str) -> str:
    """What the operating system refused, in a line: PATH: REASON; what to do. `disk_full` is the advice on a full disk.

    The path is left out where the system does not name it.
    """
    if isinstance(error, MemoryError):
        return f"too little memory ({error or 'none was left'}); end other programs, or take fewer or shorter tracks"
    path = error.filename2 or error.filename
    advice = disk_full if error.errno in DISK_FULL else ADVICE.get(error.errno or 0, "correct that, then run again")
    return f"{f'{path}: ' if path else ''}{error.strerror or error}; {advice}"


def escape_output() -> None:
    """Lets standard output escape what its encoding (that of LANG=C, say) does not have, as standard error always does.

    By default Python would end a run with a traceback after its work is done.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
