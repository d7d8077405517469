"""Columns are plain lines, or drawn for a terminal; names in them forge neither a line nor a colour."""

import pytest

from trajprobe.errors import UserError
from trajprobe.inspection.listing import Listing
from trajprobe.inspection.refusals import LISTED, check_ending, check_one_of

LISTING = Listing(["NAME", "MB", "WHAT"], [["a", "1,234", "short"], ["long name", "5", "a longer text"]], (1,))


def test_plain_lines_stand_below_each_other_and_have_no_blanks_at_their_ends():
    assert LISTING.plain() == [
        "NAME          MB  WHAT",
        "a          1,234  short",
        "long name      5  a longer text",
    ]


def test_a_last_column_of_numbers_stands_to_the_right():
    assert Listing(["a", "b"], [["x", "1"], ["y", "100"]], (1,)).plain() == ["a    b", "x    1", "y  100"]


def test_a_terminal_gets_the_same_cells_and_long_ones_wrap(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    LISTING.draw()
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [line.split() for line in LISTING.plain()]
    monkeypatch.setenv("COLUMNS", "30")
    Listing(["A", "B"], [["name", "word " * 20]]).draw()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 30
    assert " ".join(lines).split().count("word") == 20
    names = ["a-long-name-of-a-network", "a-long-name-of-another"]
    for width in (60, 20):
        monkeypatch.setenv("COLUMNS", str(width))
        Listing(["A", "B"], [[name, "word " * 20] for name in names]).draw()
        text = capsys.readouterr().out
        assert all(name in text for name in names), "a name is whole, also where the terminal is too narrow"
        assert "\N{HORIZONTAL ELLIPSIS}" not in text, "nothing is cut"


def test_names_forge_nothing(capsys):
    columns = Listing(["A"], [["[red]x[/red]\n- fake\x1b[2J"]])
    expected = r"[red]x[/red]\n- fake\x1b[2J"
    assert columns.plain() == ["A", expected]
    columns.draw()
    assert capsys.readouterr().out.split("\n")[1].rstrip() == expected


def test_values_are_refused_with_those_that_there_are(tmp_path):
    check_one_of("ROW", "a", ["a"])
    with pytest.raises(UserError, match=r"^ROW: got 'b', expected one of a, c; do d$"):
        check_one_of("ROW", "b", ["a", "c"], "do d")
    with pytest.raises(UserError, match=r"^ROW: got 'b', expected one of none, for now$"):
        check_one_of("ROW", "b", [])
    with pytest.raises(UserError, match=r" and 5 more$"):
        check_one_of("ROW", "b", [f"r{number}" for number in range(LISTED + 5)])
    assert check_ending(tmp_path / "a.PNG", (".png", ".svg")) == ".png"
    for name in ("a.pdf", "a"):
        with pytest.raises(UserError, match=r"^--out: got '.*', expected a name that ends in \.png or \.svg$"):
            check_ending(tmp_path / name, (".png", ".svg"))
