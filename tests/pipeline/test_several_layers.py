"""Rows of several layers, and of tokens, through all stages, which run here in this process."""

import in_process
import pytest
from tiny_repository import ARCHITECTURE

from trajprobe.backbones import weights
from trajprobe.backbones.family import family
from trajprobe.errors import UserError
from trajprobe.inspection.export import export
from trajprobe.report.numbers import rounded

ROW = {"family": "magvit2_tiny", "clips": "t17", "architecture": ARCHITECTURE, "perturbations": ["shuffled-frames"]}
LAYERS = ["hidden", "latents", "codes", "histogram"]


@pytest.fixture
def details(tmp_path, monkeypatch):
    """Of tracks that go right or left: `every` has all layers, `looked` keeps its tokens."""
    of = family("magvit2_tiny")
    network = of.build(of.architecture(ARCHITECTURE, "rows.every"))
    weights.save(tmp_path / "data/weights/net", network, {})
    rows = {
        "every": ROW | {"weights": "net", "like": "every", "layer": "all", "pooling": ["tmean", "mean"]},
        "looked": ROW | {"weights": "net", "like": "looked", "layer": "hidden", "keep_tokens": True},
    }
    return in_process.run(tmp_path, monkeypatch, *in_process.right_or_left(60), ["pixels"], rows)


def test_all_layers_have_a_probe_and_the_row_the_chosen_one(details, tmp_path):
    views = [f"{layer}.{pooling}" for layer in LAYERS for pooling in ("tmean", "mean")]
    for network, shown in (("pretrained", "plain"), ("random", "plain"), ("pretrained", "shuffled-frames")):
        of = details["every"][network][shown]
        assert sorted(of) == sorted(["chosen", *views])
        assert set(of["hidden.mean"]) == {"accuracy"}
        folds = 2 * (2 if network == "random" else 1)
        assert sum(of["chosen"]["folds_that_chose"].values()) == folds
    assert "gain" in details["every"]["pretrained"]["plain"]["chosen"]
    summary = in_process.summary(tmp_path)
    chosen = details["every"]["pretrained"]["plain"]["chosen"]["accuracy"]
    assert summary["every"]["accuracy"]["mean"] == summary["headline"]["accuracy"]["mean"] == rounded(chosen["mean"])
    table = (tmp_path / "data/report/table.md").read_text()
    lines = [line for line in table.splitlines() if line.startswith("| hidden.tmean |")]
    assert len(lines) == 1
    assert "| layers of every | pretrained | random | pretrained shuffled-frames |" in table

    with pytest.raises(UserError, match=r"--layer: got none, expected one of codes\.mean, codes\.tmean, hidden\.mean"):
        export("every", tmp_path / "out.npz", "pretrained")
    line = export("every", tmp_path / "out.npz", "pretrained", layer="latents.mean")
    assert "60 clips, 1 x 6 features each" in line

    looked = details["looked"]
    for network in ("pretrained", "random"):
        assert sorted(looked[network]["plain"]) == ["hidden.none", "hidden.tmean"]
    assert sorted(looked["pretrained"]["shuffled-frames"]) == ["hidden.tmean"]
    assert set(looked["pretrained"]["plain"]["hidden.none"]) == {"accuracy", "gain"}
    assert "| looked | pretrained | hidden |" in table
    assert "60 clips, 12 x 8 features each" in export("looked", tmp_path / "out.npz", layer="hidden.none")
