"""`trajprobe weights list`: its figures are those of the networks, and it needs none of them."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trajprobe.backbones import weights
from trajprobe.backbones.family import family
from trajprobe.errors import UserError
from trajprobe.features.plan import cost_of, encoding_of
from trajprobe.published import list_weights, source_diffusers, source_huggingface
from trajprobe.rows import Row

CATALOGUE = list_weights.catalogue()
#: Of each family, the layer up to which its networks are counted.
LAST = {"huggingface": "last", "efficientnet_lite": "last", "transnetv2": "block3"}


def architecture(name):
    entry, of = CATALOGUE[name], family(CATALOGUE[name].family)
    return of.architecture(entry.architecture or ({"preset": name} if of.PRESET else {}), f"rows.{name}")


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_figures_are_those_of_a_network_of_the_true_size(name):
    entry, shape = CATALOGUE[name], architecture(name)
    layer = LAST.get(entry.family, "latents")
    row = Row(family=entry.family, clips="c", weights="random", like=name, layer=layer)
    form = {"frames": entry.frames, "resolution": entry.resolution}
    cost = cost_of(encoding_of(name, row, shape), form)
    assert abs(cost.flop / 1e9 - entry.gflop) <= (0.51 if entry.gflop >= 10 else 0.051)
    assert abs(cost.weights / 1e6 - entry.megabytes) <= 0.51


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_lengths_of_clips_are_those_that_the_network_takes(name):
    entry, shape = CATALOGUE[name], architecture(name)
    taken = []
    for frames in range(2, 70):  # of one frame, docs/networks.md speaks
        try:
            family(entry.family).check_clips(shape, (frames, entry.resolution, entry.resolution), "row")
        except UserError:
            continue
        taken.append(frames)
    words = str(entry.takes)
    if words == "any":
        assert taken == list(range(2, 70))
    elif match := re.fullmatch(r"(\d)k( \+ 1)?", words):
        step, first = int(match[1]), 1 if match[2] else 0
        assert taken == [frames for frames in range(2, 70) if frames % step == first]
    else:
        assert taken == [int(words)]
    assert entry.frames in taken


def test_every_name_of_weights_is_listed_with_its_family():
    names = {}
    for path in Path(list_weights.__file__).parent.glob("source_*.py"):
        module = importlib.import_module(f"trajprobe.published.{path.stem}")
        names |= dict.fromkeys(module.NAMES, module.FAMILY)
    del names["videogpt"]  # any file: what it costs, the file says
    assert {name: entry.family for name, entry in CATALOGUE.items()} == names


def test_the_licences_are_those_of_the_tables():
    rows = {row["name"]: row for row in json.loads(list_weights.list_weights(as_json=True))}
    for source in (source_huggingface, source_diffusers):
        for name, row in source.ROWS.items():
            assert rows[name]["licence"] == (row.licence or "not stated")
            assert CATALOGUE[name].licence is None
    assert rows["transnetv2"]["licence"] == "MIT"


def test_what_is_here_and_what_dvc_holds_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list_weights.WEIGHTS == weights.WEIGHTS
    Path("data/weights/wan-2.1").mkdir(parents=True)
    Path("data/weights/mochi-1.dvc").touch()
    lines = list_weights.list_weights(as_json=False).splitlines()
    assert lines[0].split() == ["NAME", "FAMILY", "FRAMES", "FORMAT", "GFLOP", "MB", "HERE", "LICENCE"]
    found = {line.split()[0]: line for line in lines[1:]}
    assert found.keys() == CATALOGUE.keys()
    assert re.fullmatch(r"wan-2.1 +diffusers +4k \+ 1 +t9x128 +765 +214 +yes +apache-2.0", found["wan-2.1"])
    assert re.fullmatch(r"mochi-1 +diffusers +6k \+ 1 +t13x128 +933 +389 +dvc pull +apache-2.0", found["mochi-1"])
    assert re.search(r" 11,571 +1,304 +no +mit$", found["vjepa2-vitl"])
    assert re.search(r" t9x27 +3\.9 +10 +no +MIT$", found["transnetv2"])
    assert len({line.index(" no ") + 1 for line in lines[1:] if " no " in line}) == 1  # columns stand below each other


def test_a_row_of_the_user_s_own_is_listed_without_figures(monkeypatch, tmp_path):
    for table in list_weights.FOLDER.glob("*.yaml"):
        (tmp_path / table.name).write_bytes(table.read_bytes())
    with (tmp_path / "diffusers.yaml").open("a") as file:
        file.write("\nmine: {architecture: {preset: wan-2.1}, frames: 5, resolution: 64}\n")
    monkeypatch.setattr(list_weights, "FOLDER", tmp_path)
    assert re.search(r"\nmine +diffusers +- +- +- +- +no +not stated$", list_weights.list_weights(as_json=False))
    last = json.loads(list_weights.list_weights(as_json=True))[-1]
    nothing = dict.fromkeys(("takes", "clips", "gflop", "megabytes"))
    assert last == {"name": "mine", "family": "diffusers", "here": "no", "licence": "not stated"} | nothing


def test_the_command_imports_neither_torch_nor_a_network():
    code = (
        "import sys; from trajprobe.cli import main; main(['weights', 'list']); "
        "sys.exit(str(sorted({'torch', 'transformers', 'diffusers', 'numpy'} & sys.modules.keys())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "[]\n"
    assert "wan-2.1" in done.stdout
