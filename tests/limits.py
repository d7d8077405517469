"""How many cases a test of random changes makes, and what each of them may take."""

import os
import resource
import signal
from contextlib import contextmanager

#: Random changes of a test: some hundred in the suite, and as many as this variable says by hand.
CASES = int(os.environ.get("TRAJPROBE_CASES", "0"))
#: Of processor time, and of memory.
SECONDS, BYTES = 8, 500 * 10**6


def cases(few):
    """The numbers of the cases, each a seed: `few` of them by default."""
    return range(CASES or few)


@contextmanager
def limited():
    """Fails what takes longer than `SECONDS`, or raises the most memory that the process ever had by `BYTES`."""

    def fail(*_):
        raise AssertionError(f"took longer than {SECONDS} s")

    before, handler = peak(), signal.signal(signal.SIGPROF, fail)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
    assert peak() - before < BYTES


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
