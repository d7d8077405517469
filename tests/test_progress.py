"""Progress: nothing of what is quick, a bar on a terminal, a line each minute elsewhere."""

import io
import logging
import sys
import threading

import pytest

from trajprobe import stage
from trajprobe.stage import Progress, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets: `clock.now`."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(stage, "time", clock)
    return clock


def on_terminal(monkeypatch):
    """Standard error as a terminal. No fixture, since pytest changes it between a test's set-up and the test."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("NO_COLOR", "1")
    return screen


def test_what_ends_in_a_second_shows_nothing(clock, monkeypatch):
    terminal = on_terminal(monkeypatch)
    with Progress("net", 10, "clips") as shown:
        for _ in range(10):
            clock.now += 0.05
            shown.advance()
    assert terminal.getvalue() == ""


def test_a_bar_is_drawn_ten_times_a_second_at_most_and_once_at_the_end(clock, monkeypatch):
    terminal = on_terminal(monkeypatch)
    before, lengths = threading.active_count(), []
    with Progress("net [bold] random/0", 1000, "clips") as shown:
        for _ in range(10):
            for _ in range(100):
                clock.now += 0.002
                shown.advance()
            lengths.append(len(terminal.getvalue()))
        assert threading.active_count() == before, "a pool of processes is forked beside it"
    # 0.2 s between two of them: nothing in the first second, then a drawing each tenth of one.
    assert lengths[:4] == [0] * 4
    assert sorted(set(lengths[5:])) == lengths[5:]
    drawings = terminal.getvalue().count("\r")
    assert 10 <= drawings <= 13
    last = terminal.getvalue().split("\r")[-1]
    assert "net [bold] random/0" in last
    assert "1000/1000 clips" in last


def test_elsewhere_there_is_a_line_a_minute(clock, caplog, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    caplog.set_level(logging.INFO, "trajprobe")
    with Progress("net", 20_000, "clips") as shown:
        for _ in range(200):
            clock.now += 1
            shown.advance(100)
    assert caplog.messages == [f"net: {done} of 20,000 clips" for done in ("6,000", "12,000", "18,000")]
    assert sys.stderr.getvalue() == ""


def test_items_come_as_they_are_and_each_counts_when_it_is_done(clock, monkeypatch):
    terminal = on_terminal(monkeypatch)
    seen = []
    for item in progress(iter("abc"), "letters", "letters", 3):
        clock.now += 2
        seen.append((item, terminal.getvalue().count("letters")))
    assert [item for item, _ in seen] == ["a", "b", "c"]
    assert seen[0][1] == 0
    assert "3/3 letters" in terminal.getvalue()
