"""How a process ends before its work is done: by a mistake of the user's, or by Ctrl-C or SIGTERM."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = 130  #: the exit status after Ctrl-C, as shells have it
#: Set by DVC for the commands that it runs.
UNDER_DVC = "DVC_STAGE"


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
        parents = [psutil.Process(os.getppid())]
        if "-c" in parents[0].cmdline():  # the shell that DVC started
            parents += filter(None, [parents[0].parent()])
        while all(parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE for parent in parents):
            time.sleep(0.5)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied:
        return
    os.kill(os.getpid(), signal.SIGTERM)
