"""The memory of this machine, and the refusal of what does not fit into it, before it is read or run."""

import os
from pathlib import Path

from trajprobe.errors import UserError

GB = 1e9
MEMINFO = Path("/proc/meminfo")
#: Where a container's limit and use stand: control groups of version 2, and of version 1. Bytes.
CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def total() -> int:
    """Bytes of memory of this machine, or of the container that this process is in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *(limit for limit, _ in _limits())])


def free() -> int:
    """Bytes that a process can have now, without the memory of others."""
    available = _meminfo("MemAvailable")
    left = [max(0, limit - used) for limit, used in _limits()]
    return min([total() if available is None else available, *left])


def require(needed: int, what: str, remedy: str, room: int | None = None) -> None:
    """Raises UserError where `needed` bytes are more than `room`, by default what is free; `what` needs them."""
    room = free() if room is None else room
    if needed > room:
        raise UserError(
            f"{what}: too large: needs {_digits(needed)} GB of memory, the machine has {_digits(room)} GB; {remedy}"
        )


def _digits(size: int) -> str:
    return f"{size / GB:,.1f}" if size < 1e15 else f"{size / GB:.1e}"


def _limits() -> list[tuple[int, int]]:
    """Limit and use of each control group that has a limit."""
    limits = []
    for limit, use in CGROUPS:
        try:
            limits.append((int(limit.read_text()), int(use.read_text())))
        except (OSError, ValueError):  # no such group, or `max`
            continue
    return limits


def _meminfo(key: str) -> int | None:
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:  # no Linux
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), None)
