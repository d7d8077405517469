"""The documents: README.md and docs/*.md, and the blocks of code in them.

What a block is follows from its language and from the line before it:

    bash     commands, which are run
    console  commands that a test can't run: they need a hub, a cluster, sshd or S3
    text     after bash: what that printed
    python   a script, which is run
    yaml     a part of params.yaml, which is merged into it
    mermaid  a diagram
    (none)   an illustration

After "The file `PATH`:" any block is that file; after "At the end of `PATH`:" it is appended to it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
LANGUAGES = ("bash", "console", "text", "python", "yaml", "mermaid", "")
FENCE = re.compile(r"^(`{3,})(\w*)$")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    section: str  #: the `##` heading above it
    heading: str  #: the heading of any depth above it
    language: str
    text: str
    line: int  #: of its fence, counted from 1
    before: str  #: the line of prose before it

    @property
    def file(self):
        """The file that the block is, or None."""
        return _path(r"[Tt]he file `([^`]+)`:$", self.before)

    @property
    def appended_to(self):
        """The file that the block is appended to, or None."""
        return _path(r"[Aa]t the end of `([^`]+)`:$", self.before)


def read(document):
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document):
    """All blocks of a document, in order."""
    found, section, heading, before, fence, inside = [], "", "", "", None, []
    for number, line in enumerate(read(document).splitlines(), 1):
        if fence:
            if line == fence[0]:
                found.append(Block(section, heading, fence[1], "\n".join(inside) + "\n", fence[2], before))
                before, fence, inside = "", None, []
            else:
                inside.append(line)
        elif match := FENCE.match(line):
            fence = (match[1], match[2], number)
        elif line.startswith("#"):
            section, heading, before = (line if line.startswith("## ") else section), line, ""
        elif line:
            before = line
    assert not fence, f"{document}: a fence in line {fence[2]} is not closed"
    return found


def prose(document):
    """A document without its blocks."""
    return re.sub(r"^(`{3,})\w*\n.*?^\1$", "", read(document), flags=re.MULTILINE | re.DOTALL)


def tables(text):
    """The tables in a text: of each its lines, as lists of cells, the header first."""
    found, lines = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif lines:
            found.append(
                [cells for cells in lines if not set("".join(cells)) <= set("-:")] if len(lines) > 1 else lines
            )
            lines = []
    return found


def _path(pattern, line):
    match = re.search(pattern, line)
    return match[1] if match else None
