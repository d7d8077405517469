"""What a file supplied is made visible before a person sees it."""

import pytest

from trajprobe.errors import MESSAGE, NAME, visible, visible_name, visible_names


@pytest.mark.parametrize(("text", "shown"), [
    ("g|0\n- fake: all is well", r"g|0\n- fake: all is well"),
    ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
    ("a\r\t\0b", r"a\r\t\x00b"),
    ("pay\u202egpj.exe\u2066", r"pay\u202egpj.exe\u2066"),
    ("zero\u200bwidth\u2060\ufeff", r"zero\u200bwidth\u2060\ufeff"),
    ("lone \ud800 \udfff", r"lone \ud800 \udfff"),
    ("line\u2028par\u2029next\x85", r"line\u2028par\u2029next\x85"),
    ("tag\U000e0041", r"tag\U000e0041"),
    ("caf\u00e9 \u0416 \u6771 \U0001f600 \\n", "caf\u00e9 \u0416 \u6771 \U0001f600 \\n"),
    (b"bytes", "b'bytes'"),
    (None, "None"),
])  # fmt: skip
def test_what_is_not_printable_becomes_an_escape_and_all_else_stays(text, shown):
    assert visible(text) == shown
    assert visible(visible(text)) == shown


def test_a_long_text_keeps_its_beginning_and_its_end_where_the_advice_stands():
    shown = visible("got " + "x" * 10_000_000 + "; do this")
    assert len(shown) < MESSAGE + 50
    assert shown.startswith("got xx")
    assert "xx ... (9,996,013 characters) ... xx" in shown
    assert shown.endswith("xx; do this")


def test_a_name_is_short_and_cannot_close_our_backticks():
    assert visible_name("a`; ok: `b\n") == r"a\x60; ok: \x60b\n"
    assert len(visible_name("\n" * 10**6)) < 2 * NAME + 50


def test_of_many_names_the_first_are_shown_and_the_others_counted():
    assert visible_names(["a", "b\n"]) == r"a, b\n"
    assert visible_names(range(2000), 3) == "0, 1, 2 and 1,997 more"
