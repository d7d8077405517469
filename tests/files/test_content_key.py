"""The hash of code changes with code, and with nothing else."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import trajprobe
from trajprobe.files import content_key
from trajprobe.files.content_key import code_hash, import_closure

SOURCE = Path(trajprobe.__file__).parent
FAMILIES = sorted(path.stem for path in (SOURCE / "backbones").glob("*.py") if path.stem not in ("family", "weights"))
#: Every module whose code enters a recipe.
KEYED = [f"trajprobe.backbones.{name}" for name in FAMILIES]
KEYED += ["trajprobe.features.tokens", "trajprobe.features.perturbations", "trajprobe.clips.scene"]
HASHES = """
import sys; sys.path.insert(0, {source!r})
from trajprobe.files.content_key import code_hash
for name in {names!r}: print(code_hash(name))
"""


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package, which is what is hashed."""
    package = tmp_path / "trajprobe"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(content_key, "PACKAGE", package)
    return package


def hashes():
    return {name: code_hash(name) for name in KEYED}


def changed_since(before):
    return {name for name, key in hashes().items() if key != before[name]}


def replace(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def reworded(text):
    """The source with other words in each docstring, in comments and in the messages of errors."""
    lines = text.splitlines(keepends=True)
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            first = node.body[0]
            line = lines[first.lineno - 1]
            lines[first.lineno - 1] = line.replace('"""', '"""Reworded: ', 1)
    return re.sub(r'(raise \w+\(\s*f?")', r"\1Reworded: ", "".join(lines)) + "\n\n# A comment.\n"


def test_a_reworded_docstring_comment_or_message_changes_no_key(copy):
    before = hashes()
    for path in copy.rglob("*.py"):
        text = path.read_text()
        path.write_text(reworded(text))
        assert path.read_text().count("Reworded") > 0
    assert changed_since(before) == set()


def test_an_operator_in_a_family_changes_its_key_and_no_other(copy):
    before = hashes()
    replace(copy / "backbones/extent.py", "np.ptp(batch.points, axis=1", "-np.ptp(batch.points, axis=1")
    assert changed_since(before) == {"trajprobe.backbones.extent"}


def test_an_operator_in_a_part_changes_the_keys_of_the_families_that_use_it(copy):
    before = hashes()
    replace(copy / "backbones/parts/lfq.py", "return latents > 0", "return latents >= 0")
    users = {f"trajprobe.backbones.{name}" for name in ("magvit2_tiny", "open_magvit2")}
    assert changed_since(before) == users


@pytest.mark.parametrize("module", ["errors", "params", "stage"])
def test_what_can_change_no_feature_stands_outside(copy, module):
    before = hashes()
    (copy / f"{module}.py").write_text("EVERYTHING = 'else'\n")
    assert hashes() == before


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("x = 1\n", "x = 2\n"),
        ("x = 1\n", "x = 1.0\n"),
        ("def f(a): return a\n", "def f(a): return\n"),
        ("def f(a): return None\n", "def f(a): return\n"),
        ("if a: raise E('x')\n", "if b: raise E('x')\n"),
        ("x = a[1:]\n", "x = a[:1]\n"),
        ("f(a, b=c)\n", "f(a, c=c)\n"),
        ("x = f'{a}'\n", "x = f'{a!r}'\n"),
        ("class A: x = 'not a docstring'\n", "class A: x = 'another'\n"),
        ("import a\n", "import b\n"),
    ],
)
def test_other_code_has_another_key(copy, code, other):
    path = copy / "backbones/tried.py"
    path.write_text(code)
    first = code_hash("trajprobe.backbones.tried")
    path.write_text(other)
    assert code_hash("trajprobe.backbones.tried") != first
    path.write_text(f'"""A docstring."""\n\n{code}# A comment.\n')
    assert code_hash("trajprobe.backbones.tried") == first


def test_what_stands_under_type_checking_is_not_imported(copy):
    (copy / "backbones/tried.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from trajprobe.data import raw\n"
        "else:\n    from trajprobe.files import tracks\n"
    )
    closure = import_closure("trajprobe.backbones.tried")
    assert "trajprobe.files.tracks" in closure
    assert "trajprobe.data.raw" not in closure


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_the_hash_is_the_same_on_every_python(version):
    pyenv = Path(os.environ.get("PYENV_ROOT", "/nowhere"))
    candidates = [shutil.which(f"python{version}"), *sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")))]
    python = next((path for path in candidates if path and runs(path)), None)
    if not python:
        pytest.skip(f"no Python {version} here")
    script = HASHES.format(source=str(SOURCE.parent), names=KEYED)
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [code_hash(name) for name in KEYED]


def runs(python):
    return subprocess.run([python, "-c", ""], capture_output=True, check=False, timeout=60).returncode == 0
