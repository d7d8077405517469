"""A name that a file supplied is text in Markdown, whatever it holds."""

import pytest

from trajprobe.report.markdown import markdown


@pytest.mark.parametrize(("text", "shown"), [
    ("plain words, 86.7 % [of 3]", r"plain words, 86.7 % \[of 3\]"),
    ("g|0\n- fake", r"g\|0\\n- fake"),
    ("<img src=x onerror=alert(1)> &lt;", r"&lt;img src=x onerror=alert(1)&gt; &amp;lt;"),
    ("[link](http://x) ![i](y) <http://z>", r"\[link\](http://x) !\[i\](y) &lt;http://z&gt;"),
    ("*bold* _it_ # head ~~gone~~ \\|", r"\*bold\* \_it\_ \# head \~\~gone\~\~ \\\|"),
    ("mend `split`, or `a_b: <c>`", "mend `split`, or `a_b: <c>`"),
    ("one ` alone _x_", r"one &#96; alone \_x\_"),
    ("`a` b ` c_d", r"`a` b &#96; c\_d"),
    ("\x1b[0m", r"\\x1b\[0m"),
])  # fmt: skip
def test_markdown_shows_the_text_as_it_is_and_only_backticks_stay_code(text, shown):
    assert markdown(text) == shown
