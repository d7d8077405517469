"""Markdown: lines of tables, and text of others in it, which can not begin a list, a cell, a link or HTML."""

import re
from collections.abc import Sequence

from trajprobe.errors import visible

#: Characters that mean something to Markdown or HTML.
SPECIAL = re.compile(r"([\\|*_#\[\]~])")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "&#96;"}


def markdown(text: object) -> str:
    """`text` in one line that Markdown shows as it is; what stands in backticks stays code.

    Names that a file supplied have no backticks once `errors.visible_name` has made them visible.
    """
    parts = re.split("(`[^`]*`)", visible(text))
    parts[::2] = map(_escaped, parts[::2])  # between code
    return "".join(parts)


def _escaped(text: str) -> str:
    return "".join(ENTITIES.get(letter, letter) for letter in SPECIAL.sub(r"\\\1", text))


def table_line(*cells: object) -> str:
    """A line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def table_rule(header: Sequence[str]) -> str:
    """The line below its header."""
    return f"|{'---|' * len(header)}"
