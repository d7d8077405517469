"""Families are found by name, and a family's closure is what it really imports."""

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import trajprobe
from trajprobe import backbones
from trajprobe.backbones import family
from trajprobe.errors import UserError
from trajprobe.files import content_key as closure

PACKAGE = Path(trajprobe.__file__).parent


def names(offers):
    modules = (
        importlib.import_module(f"trajprobe.backbones.{m.name}") for m in pkgutil.iter_modules(backbones.__path__)
    )
    return sorted(module.__name__.rpartition(".")[2] for module in modules if hasattr(module, offers))


@pytest.mark.parametrize(
    ("find", "offers", "one", "others"),
    [
        (family.network_family, "build", "magvit2_tiny", ["noise", "pixels", "lfq"]),
        (family.tokenizer_family, "FRAMES_PER_TOKEN", "magvit2_tiny", ["noise", "weights"]),
        (family.control_family, "features", "noise", ["magvit2_tiny", "family"]),
    ],
)
def test_an_unknown_family_is_refused_with_the_valid_names(find, offers, one, others):
    assert find(one).__name__ == f"trajprobe.backbones.{one}"
    assert one in names(offers)
    for name in [*others, "magvit3", "../params", "", "Noise"]:
        with pytest.raises(UserError) as told:
            find(name)
        assert f"got family `{name}`, expected one of {', '.join(names(offers))} (" in str(told.value)


def test_an_architecture_is_checked_by_its_family():
    tiny = family.network_family("magvit2_tiny")
    told = {"channels": 8, "multipliers": [1, 2, 4], "residual_blocks": 1, "bits": 18}
    assert family.architecture(tiny, told, "a-row").multipliers == (1, 2, 4)
    with pytest.raises(UserError, match=r"`a-row.architecture`.*unknown key `chanels`.*channels, multipliers"):
        family.architecture(tiny, {"chanels": 8}, "a-row")
    with pytest.raises(UserError, match=r"`a-row.architecture`, at `channels`"):
        family.architecture(tiny, told | {"channels": 6}, "a-row")


def test_the_closure_of_magvit2_tiny_is_four_files():
    files = {str(file.relative_to(PACKAGE)) for file in closure.closure("trajprobe.backbones.magvit2_tiny")}
    assert files == {"backbones/magvit2_tiny.py", "backbones/causal.py", "backbones/lfq.py", "params.py"}


LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sorted(m.__file__ for name, m in sys.modules.items() if name.startswith("trajprobe.") and m.__file__))
"""


@pytest.mark.parametrize("module", ["trajprobe.backbones.noise", "trajprobe.backbones.family"])
def test_a_closure_is_what_an_import_loads(module):
    done = subprocess.run([sys.executable, "-c", LOADED, module], capture_output=True, text=True, check=True)
    assert sorted(map(str, closure.closure(module))) == done.stdout.split()


HASHES = """
from trajprobe.closure import PACKAGE, closure_hash
print(PACKAGE, closure_hash("trajprobe.backbones.magvit2_tiny"), closure_hash("trajprobe.backbones.noise"))
"""


def hashes(source):
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", HASHES], env=environment, capture_output=True, text=True, check=True, cwd=source
    )
    package, *found = done.stdout.split()
    assert package == str(source / "trajprobe")
    return found


def test_the_hash_changes_with_an_imported_file_alone(tmp_path):
    copied = shutil.copytree(PACKAGE, tmp_path / "trajprobe", ignore=shutil.ignore_patterns("__pycache__"))
    tiny, noise = hashes(tmp_path)
    assert [tiny, noise] == [closure.closure_hash(f"trajprobe.backbones.{name}") for name in ("magvit2_tiny", "noise")]
    with (copied / "backbones" / "lfq.py").open("a") as file:
        file.write("# changed\n")
    changed, same = hashes(tmp_path)
    assert changed != tiny
    assert same == noise
    with (copied / "videos" / "clips.py").open("a") as file:
        file.write("# changed\n")
    assert hashes(tmp_path)[0] == changed
    assert hashes(tmp_path)[1] != noise


def test_all_imports_but_those_for_types_count(tmp_path, monkeypatch):
    package = tmp_path / "trajprobe"
    (package / "backbones").mkdir(parents=True)
    (package / "backbones" / "mine.py").write_text(
        "if TYPE_CHECKING:\n    import trajprobe.types\nelse:\n    import trajprobe.fallback\n"
        "def build(_):\n    if True:\n        import trajprobe.storage\n"
    )
    (package / "storage.py").write_text("import os\nfrom trajprobe import params\n")
    for name in ("params", "fallback", "types", "other"):
        (package / f"{name}.py").touch()
    monkeypatch.setattr(closure, "PACKAGE", package)
    found = {file.name for file in closure.closure("trajprobe.backbones.mine")}
    assert found == {"mine.py", "storage.py", "params.py", "fallback.py"}
