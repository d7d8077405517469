"""What the machine has: its own memory, less what a container may have, and what others use."""

import os

import pytest

from trajprobe.errors import UserError
from trajprobe.files import memory


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 8 GB, of which 3 are free, with a control group of the given limit and use (GB)."""

    def set_up(limit=None, use=0, cached=0):
        monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 2 * 10**6, "SC_PAGE_SIZE": 4000}.get)
        meminfo = tmp_path / "meminfo"
        meminfo.write_text(f"MemTotal: 7812500 kB\nMemAvailable:   {3 * 10**9 // 1024} kB\n")
        monkeypatch.setattr(memory, "MEMINFO", meminfo)
        for name, value in (("max", limit and limit * 10**9), ("current", use * 10**9)):
            (tmp_path / name).write_text(str("max" if value is None else value))
        (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {cached * 10**9}\n")
        monkeypatch.setattr(memory, "CGROUPS", ((tmp_path, "max", "current", "inactive_file"),))

    return set_up


def test_without_a_container_the_memory_is_the_machines(machine):
    machine()
    assert memory.total() == 8 * 10**9
    assert memory.free() == pytest.approx(3 * 10**9, abs=1024)


def test_a_container_has_no_more_than_its_limit_less_what_it_uses(machine):
    machine(limit=4, use=2)
    assert memory.total() == 4 * 10**9
    assert memory.free() == 2 * 10**9


def test_files_that_a_container_has_in_its_cache_are_no_use_of_memory(machine):
    machine(limit=4, use=4, cached=1)
    assert memory.free() == 10**9


def test_a_container_that_is_allowed_more_than_the_machine_has_has_what_the_machine_has(machine):
    machine(limit=1000)
    assert memory.total() == 8 * 10**9
    assert memory.free() == pytest.approx(3 * 10**9, abs=1024)


def test_where_the_system_does_not_say_what_is_free_it_is_all(machine, monkeypatch, tmp_path):
    machine()
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    assert memory.free() == 8 * 10**9


def test_what_does_not_fit_is_refused_with_both_numbers():
    memory.require(10, "a.npz", "take less", room=10)
    with pytest.raises(UserError) as caught:
        memory.require(72_800 * 10**9, "a.npz", "take less", room=25_300_000_000)
    assert str(caught.value) == ("a.npz: too large: needs 72,800.0 GB of memory, the machine has 25.3 GB; take less")


def test_the_memory_of_this_machine_is_a_number_of_bytes():
    assert 10**8 < memory.free() <= memory.total() < 10**15
