"""Ends a transfer that stalls or drips: huggingface_hub waits anew for each byte, and so for ever."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from huggingface_hub.utils.tqdm import tqdm

T = TypeVar("T")


class TransferTooSlow(Exception):  # noqa: N818 (the hub's own errors are named alike)
    """Too few bytes came in the time that was allowed for them."""


class Bytes:
    """Counts the bytes of a transfer, from its progress bar."""

    def __init__(self) -> None:
        self.count = 0

    def bar(self) -> type[tqdm]:
        """A class of progress bars that report here, whether they are shown or not."""
        counter = self

        class Bar(tqdm):
            def update(self, n: float | None = 1) -> Any:
                counter.count += int(n or 0)
                return super().update(n)

        return Bar


def watched(call: Callable[[], T], received: Bytes, seconds: float, least: int) -> T:
    """The result of `call()`, which runs in a thread of its own.

    Args:
        call: the transfer.
        received: counts its bytes.
        seconds: the length of a window of time.
        least: bytes that must come in each window that the call does not end in.

    Raises:
        TransferTooSlow: fewer came. The thread is left to the end of the process.
        Exception: whatever `call` raises.
    """
    results: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            results.put((call(), None))
        except BaseException as error:  # noqa: BLE001 (raised again by the caller)
            results.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    while True:
        before = received.count
        try:
            result, error = _next(results, seconds)
        except queue.Empty:
            if (came := received.count - before) < least:
                raise TransferTooSlow(f"{came:,} bytes came in {seconds:g} s, fewer than {least:,}") from None
            continue
        if error:
            raise error
        return result  # type: ignore[return-value]


def _next(results: "queue.Queue[T]", seconds: float) -> T:
    """The next of `results`, or queue.Empty after so many seconds; Ctrl-C is noticed on the way."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            return results.get(timeout=min(left, 1))
        except queue.Empty:
            continue
    raise queue.Empty
