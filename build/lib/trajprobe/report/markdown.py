"""Text of others in Markdown: a name that a file supplied can't begin a list, a table's cell, a link or HTML."""

import re

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
