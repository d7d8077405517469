"""Lines in columns: drawn by rich on a terminal, where long cells wrap; elsewhere as plain lines, for grep and diff."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from trajprobe.errors import visible


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
        return ["  ".join(map(self._placed, range(len(widths)), row, widths)).rstrip() for row in cells]

    def _placed(self, number: int, cell: str, width: int) -> str:
        return cell.rjust(width) if number in self.numbers else cell.ljust(width)

    def draw(self) -> None:
        """On the terminal that standard output is."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for number, heading in enumerate(self.headings):
            right = number in self.numbers
            table.add_column(Text(visible(heading)), justify="right" if right else "left", no_wrap=right)
        for row in self.rows:
            table.add_row(*(Text(visible(cell)) for cell in row))  # Text: a name in brackets is no markup
        Console(highlight=False).print(table)
