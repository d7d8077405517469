"""Lists the networks that there are weights of: size, cost, clips, licence, and whether they are here.

The figures stand in catalogue.yaml and are not counted here: torch and the networks would take seconds to import.
"""

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from trajprobe.params import Parameters, parse
from trajprobe.published.model_table import Published, PublishedAutoencoder, PublishedModel, read

FOLDER = Path(__file__).parent
CATALOGUE = FOLDER / "catalogue.yaml"
#: The tables of published models, by family.
TABLES: dict[str, type[Published]] = {"huggingface": PublishedModel, "diffusers": PublishedAutoencoder}
#: As rows.py has it, which needs numpy.
WEIGHTS = Path("data/weights")
#: The licence of weights whose table names none; `weights add` shows the hub's word.
UNKNOWN = "not stated"
HEADINGS = {
    "name": "NAME",
    "family": "FAMILY",
    "takes": "FRAMES",
    "clips": "FORMAT",
    "gflop": "GFLOP",
    "megabytes": "MB",
    "here": "HERE",
    "licence": "LICENCE",
}
NUMBERS = ("gflop", "megabytes")


class Entry(Parameters, frozen=True, kw_only=True):
    """A network of catalogue.yaml, which explains each key."""

    family: str
    takes: str | int
    frames: int
    resolution: int
    gflop: float
    megabytes: int
    architecture: dict[str, Any] | None = None
    licence: str | None = None


def catalogue() -> dict[str, Entry]:
    """The networks whose figures are known, by name.

    Raises:
        UserError: the table is not as `Entry` says.
    """
    return parse(YAML(typ="safe").load(CATALOGUE.read_text(encoding="utf-8")), dict[str, Entry], str(CATALOGUE))


def list_weights(*, as_json: bool) -> str:
    """A line for each network; with `as_json` a list of objects, in which what is not known is null."""
    rows = _rows()
    if as_json:
        return json.dumps(rows, indent=2)
    cells = [HEADINGS, *({key: _cell(value) for key, value in row.items()} for row in rows)]
    widths = {key: max(len(row[key]) for row in cells) for key in HEADINGS}
    lines = [
        "  ".join(row[key].rjust(widths[key]) if key in NUMBERS else row[key].ljust(widths[key]) for key in HEADINGS)
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def _rows() -> list[dict[str, Any]]:
    known = catalogue()
    tables = {family: read(FOLDER / f"{family}.yaml", struct) for family, struct in TABLES.items()}
    families = {name: entry.family for name, entry in known.items()}
    families |= {name: family for family, table in tables.items() for name in table}
    return [_row(name, family, known.get(name), tables.get(family, {}).get(name)) for name, family in families.items()]


def _row(name: str, family: str, entry: Entry | None, published: Published | None) -> dict[str, Any]:
    licence = published.licence if published else entry.licence if entry else None
    return {
        "name": name,
        "family": family,
        "takes": str(entry.takes) if entry else None,
        "clips": f"t{entry.frames}x{entry.resolution}" if entry else None,
        "gflop": entry.gflop if entry else None,
        "megabytes": entry.megabytes if entry else None,
        "here": _here(WEIGHTS / name),
        "licence": licence or UNKNOWN,
    }


def _here(folder: Path) -> str:
    if folder.is_dir():
        return "yes"
    return "dvc pull" if folder.with_name(f"{folder.name}.dvc").is_file() else "no"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
