"""What options and arguments take: numbers and names, refused in the same words, and completed by the shell."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from trajprobe.errors import UserError

Context = click.Context


class NumberType(click.ParamType[float]):
    """A number, a whole one where `kind` is int, from `least` to `most`."""

    def __init__(self, kind: Callable[[str], float] = float, least: float | None = None, most: float | None = None):
        self.kind, self.least, self.most = kind, least, most
        self.name = "integer" if kind is int else "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: Context | None) -> float:
        try:
            number = self.kind(value)
        except ValueError:
            number = float("nan")
        low = float("-inf") if self.least is None else self.least
        high = float("inf") if self.most is None else self.most
        if not low <= number <= high:  # nor is it, where it is no number
            self._refuse(value, param, ctx)
        return number

    def _refuse(self, value: Any, param: click.Parameter | None, ctx: Context | None) -> None:
        expected = "a whole number" if self.kind is int else "a number"
        if self.most is not None:
            expected += f" from {self.least:g} to {self.most:g}"
        elif self.least is not None:
            expected += f", {self.least:g} or more"
        self.fail(f"got {str(value)!r}, expected {expected}", param, ctx)


class OneOf(click.ParamType[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words, self.name = words, "|".join(words)

    def get_metavar(self, param: click.Parameter, ctx: Context) -> str:  # noqa: ARG002 (click's signature)
        return f"[{self.name}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: Context | None) -> str:
        if value not in self.words:
            self.fail(f"got {value!r}, expected one of {', '.join(self.words)}", param, ctx)
        return str(value)

    def shell_complete(self, ctx: Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        return _starting(self.words, incomplete)


class Name(click.ParamType[str]):
    """A name of something in this repository; `names(context)` are those that the shell offers."""

    name = "name"

    def __init__(self, names: Callable[[Context], Iterable[str]]) -> None:
        self.names = names

    def shell_complete(self, ctx: Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        with suppress(UserError, OSError):  # no repository, say: a shell has no place for a message
            return _starting(self.names(ctx), incomplete)
        return []


def _starting(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def named_in(section: str) -> Name:
    """A name of a section of params.yaml: a row, a format of clips, a scene."""

    def names(_: Context) -> Iterable[str]:
        from trajprobe.params import read

        return map(str, read()[section])

    return Name(names)


def _data_sets(_: Context) -> Iterable[str]:
    return ["synthetic", *_imported(_)]


def _imported(_: Context) -> Iterable[str]:
    return [path.name.removesuffix(".npz.dvc") for path in sorted(Path("data/raw").glob("*.npz.dvc"))]


def _restorable(_: Context) -> Iterable[str]:
    pointers = [path for kind in ("raw", "weights") for path in sorted(Path("data", kind).glob("*.dvc"))]
    return [str(path).removesuffix(".dvc") for path in pointers]


def _published(_: Context) -> Iterable[str]:
    import json

    from trajprobe.published.list_weights import list_weights

    return [row["name"] for row in json.loads(list_weights(as_json=True))]


def _perturbations(_: Context) -> Iterable[str]:
    """Those of the rows in params.yaml; to ask for all that there are would take torch, and seconds."""
    from trajprobe.params import read

    every = [name for row in read()["rows"].values() for name in row.get("perturbations", ())]
    return [name for name in dict.fromkeys(every) if name != "permuted-weights"]


def of_features(coordinate: str) -> Name:
    """A network, input or layer of the row before it that has features here."""

    def names(ctx: Context) -> Iterable[str]:
        from trajprobe.files.feature_shards import networks_of

        row = ctx.params.get("row") or next(iter(ctx.args), "")  # click parses none, before an option without a value
        return dict.fromkeys(getattr(of, coordinate) for of in networks_of(row)) if row else ()

    return Name(names)


DATA_SET, IMPORTED, PUBLISHED = Name(_data_sets), Name(_imported), Name(_published)
RESTORABLE, PERTURBATION = Name(_restorable), Name(_perturbations)
FORMAT, ROW, SCENE = named_in("clips"), named_in("rows"), named_in("scenes")
NUMBER = NumberType()
