"""Tables of published models, huggingface.yaml and diffusers.yaml: a row a model. Needs no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from msgspec import Meta, field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from trajprobe.errors import UserError
from trajprobe.params import Parameters, parse


class Published(Parameters, frozen=True, kw_only=True):
    """What all rows have. The tables explain each key."""

    architecture: dict[str, Any] = field(default_factory=dict)
    repository: str | None = None
    licence: str | None = None
    revision: str = "main"
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None

    def check_sha256(self, name: str, table: Path, path: Path, got: str) -> None:
        """Raises UserError unless the file at `path` is the one that the row `name` of `table` pins, if it does."""
        if self.sha256 not in (None, got):
            raise UserError(
                f"{path}: got sha256 {got}, expected {self.sha256} as `{name}` of {table.name} pins; change the row, "
                "or get that file"
            )

    def repository_of(self, name: str, table: Path) -> str:
        """The repository of the row `name` of `table`.

        Raises:
            UserError: it has none, since it is a user's own.
        """
        if not self.repository:
            raise UserError(
                f"weights add {name}: `{name}` of {table.name} has no `repository`; give a folder with --from"
            )
        return self.repository


class PublishedModel(Published, frozen=True, kw_only=True):
    """A model of transformers."""

    pooling: str
    unexpected: tuple[str, ...] = ()


class PublishedAutoencoder(Published, frozen=True, kw_only=True):
    """An autoencoder of diffusers."""

    subfolder: str = "vae"
    frames: int
    resolution: int


T = TypeVar("T", bound=Published)


def read(path: Path, struct: type[T]) -> dict[str, T]:
    """The rows of the table at `path`.

    Raises:
        UserError: it is no YAML, or a row is not as `struct` says.
    """
    try:
        rows = parse(YAML(typ="safe").load(path.read_text(encoding="utf-8")), dict[str, Any], str(path))
    except YAMLError as error:
        raise UserError(f"{path}: is no valid YAML: {' '.join(str(error).split())}") from None
    return {name: parse(row, struct, f"{path}: `{name}`") for name, row in rows.items()}


def shortest(node: Mapping[str, Any], stated: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The shortest `architecture` of params.yaml that stands for `values`.

    Args:
        node: the one of the table's row.
        stated: what it stands for.
        values: what the files state.
    """
    shortest = dict(node)
    for key, value in values.items():
        if key == "config":  # beside a preset, its keys replace the preset's one by one
            config = stated.get("config", {})
            if changed := {each: value[each] for each in value if each not in config or value[each] != config[each]}:
                shortest[key] = node.get(key, {}) | changed
        elif value != stated.get(key):
            shortest[key] = value
    return shortest
