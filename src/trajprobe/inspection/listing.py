"""Lines in columns: drawn by rich on a terminal, where long cells wrap; elsewhere as plain lines, for grep and diff."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from trajprobe.errors import visible

#: Between columns; and letters that a last column has at least.
GAP, LEAST = "  ", 12


@dataclass(frozen=True)
class Listing:
    """Cells in columns, below their headings."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Collection[int] = ()  #: columns that stand to the right, by their number

    def plain(self) -> list[str]:
        """A line each; only the last column may have a cell of any length without moving the others."""
        cells = [[visible(cell) for cell in row] for row in [self.headings, *self.rows]]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        widths[-1] = widths[-1] if len(widths) - 1 in self.numbers else 0
        return [GAP.join(map(self._placed, range(len(widths)), row, widths)).rstrip() for row in cells]

    def _placed(self, number: int, cell: str, width: int) -> str:
        return cell.rjust(width) if number in self.numbers else cell.ljust(width)

    def draw(self) -> None:
        """On the terminal that standard output is."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(highlight=False)
        cells = [
            [Text(visible(cell)) for cell in row] for row in [self.headings, *self.rows]
        ]  # Text: "[red]" is a name
        *first, _ = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
        # What wraps is the last column alone: half a name is of no use. A narrower terminal wraps whole lines.
        console.width = max(console.width, sum(first) + len(GAP) * len(first) + LEAST)
        table = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="bold")
        for number, heading in enumerate(cells[0]):
            justify: Literal["left", "right"] = "right" if number in self.numbers else "left"
            table.add_column(heading, justify=justify, no_wrap=number < len(first), overflow="fold")
        for row in cells[1:]:
            table.add_row(*row)
        console.print(table)
