"""The memory of this machine, and the refusal of what does not fit into it, before it is read or run."""

import os
from pathlib import Path

from trajprobe.errors import UserError

GB = 1e9
MEMINFO = Path("/proc/meminfo")
#: A container's limit, its use, and what of that is a cache of files, which gives way: in control groups of version 2,
#: and of version 1. Bytes.
CGROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def total() -> int:
    """Bytes of memory of this machine, or of the container that this process is in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *(limit for limit, _ in _limits())])


def free() -> int:
    """Bytes that a process can have now, without the memory of others."""
    left = [max(0, limit - used) for limit, used in _limits()]
    try:
        left.append(1024 * _numbers(MEMINFO)["MemAvailable:"])
    except (OSError, KeyError):  # no Linux
        left.append(total())
    return min(left)


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
    for group, limit, use, cache in CGROUPS:
        try:
            of_files = _numbers(group / "memory.stat").get(cache, 0)
            limits.append((int((group / limit).read_text()), int((group / use).read_text()) - of_files))
        except (OSError, ValueError):  # no such group, or no limit: `max`
            continue
    return limits


def _numbers(path: Path) -> dict[str, int]:
    """The numbers of a file of the kernel's, by the word before each."""
    words = (line.split() for line in path.read_text().splitlines())
    return {line[0]: int(line[1]) for line in words if len(line) > 1}
