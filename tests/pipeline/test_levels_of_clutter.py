"""Rows that see cluttered clips, through all stages, which run here in this process."""

import in_process
import numpy as np
from tiny_repository import ARCHITECTURE

from trajprobe.backbones import weights
from trajprobe.backbones.family import family
from trajprobe.files import probe_results
from trajprobe.files.feature_shards import load_features

CLUTTER = ["clutter"]
SCENE = {"clutter": {"objects": 4, "distractors": 2, "noise": 0.1}}
FORMAT = {"frames": 9, "resolution": 16, "scene": "busy", "levels": [1, 4]}


def test_rows_see_each_level_by_the_probe_of_plain_clips_and_by_one_of_its_own(tmp_path, monkeypatch):
    """Of tracks that go right or left: clutter hides them the more, the higher its level."""
    of = family("magvit2_tiny")
    weights.save(tmp_path / "data/weights/net", of.build(of.architecture(ARCHITECTURE, "rows.net")), {})
    net = {"family": "magvit2_tiny", "clips": "t17", "weights": "net", "like": "net", "architecture": ARCHITECTURE}
    rows = {
        "net": net | {"layer": ["hidden", "latents"], "perturbations": ["middle-frame", *CLUTTER]},
        "pixels": {"family": "pixels", "clips": "t17", "weights": "none", "like": "pixels", "perturbations": CLUTTER},
    }
    details = in_process.run(
        tmp_path, monkeypatch, *in_process.right_or_left(60), [], rows, scenes={"busy": SCENE}, clips={"t17": FORMAT}
    )
    for row, network, layer in (
        ("net", "pretrained", "chosen"),
        ("net", "random", "chosen"),
        ("pixels", "none", "features"),
    ):
        robustness = details[row][network]["plain"][layer]["robustness"]
        for kind in ("from_plain", "fitted"):
            assert set(robustness[kind]) - {"gain"} == {"plain", "clutter-1", "clutter-4", "area"}
            assert robustness[kind]["plain"] == details[row][network]["plain"][layer]["accuracy"]
            area = np.trapezoid(
                [robustness[kind][name]["mean"] for name in ("plain", "clutter-1", "clutter-4")], [0, 1, 4]
            )
            assert abs(robustness[kind]["area"]["mean"] - area / 4) < 1e-5
            assert ("gain" in robustness[kind]) == (network == "pretrained")
        assert "clutter-1" not in details[row][network]
    pixels = details["pixels"]["none"]["plain"]["features"]["robustness"]
    assert pixels["from_plain"]["plain"]["mean"] > 0.95
    assert pixels["from_plain"]["clutter-4"]["mean"] < 0.95
    assert pixels["fitted"]["clutter-4"]["mean"] < 0.95
    assert "middle-frame" in details["net"]["pretrained"]
    gflop = [details["net"][network]["plain"]["chosen"]["gflop"] for network in ("pretrained", "random")]
    assert gflop[0] == gflop[1] > 0
    assert "gflop" not in details["pixels"]["none"]["plain"]["features"]
    assert "permuted-weights" not in details["net"]

    variants = {(part.network, part.input): part.networks for part in probe_results.load("pixels").variants}
    assert sorted(variants) == [("none", "clutter-1"), ("none", "clutter-4"), ("none", "plain")]
    assert len(variants["none", "clutter-4"][0].from_plain) == 60
    assert not variants["none", "plain"][0].from_plain
    clear, hidden = (load_features("pixels", input=name).features for name in ("plain", "clutter-4"))
    assert np.abs(clear - hidden).mean() > 0.05
    table = (tmp_path / "data/report/table.md").read_text()
    assert "| row | network | probe | level 0 | level 1 | level 4 | area | pretrained minus random |" in table
    assert table.count("| of plain clips |") == table.count("| at each level |") == 3
    summary = in_process.summary(tmp_path)
    assert set(summary["net"]["robustness"]) == {"mean", "gain"}
    assert "robustness" not in summary["pixels"]
