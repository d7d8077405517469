"""Rows that see each track by several cameras, through all stages, which run here in this process."""

import in_process
import numpy as np
from tiny_repository import ARCHITECTURE

from trajprobe import load_features
from trajprobe.files import probe_results
from trajprobe.inspection.export import export
from trajprobe.pictures.files import Pictures

ONE = {"frames": 9, "resolution": 16}
SCENES = {"both": {"camera": [{"view": "xy"}, {"view": "xz"}], "clutter": {"noise": 0.01}}}


def up_or_down(count):
    """Tracks that go up or down, (n 17 3), and which (n); from above nothing of it is seen."""
    flat, _ = in_process.right_or_left(count)
    labels = np.random.default_rng(1).permutation(np.arange(count) % 2)
    height = np.linspace(0, 1, 17) * np.where(labels, 1, -1)[:, None]
    return np.concatenate([flat, height[..., None]], axis=-1), labels


def test_a_probe_averages_over_the_cameras_and_says_so(tmp_path, monkeypatch):
    tracks, labels = up_or_down(60)
    net = {"family": "magvit2_tiny", "weights": "random", "architecture": ARCHITECTURE, "layer": "hidden"}
    pixels = {"family": "pixels", "weights": "none"}
    rows = {
        "net": net | {"clips": "t9", "like": "net", "perturbations": ["shuffled-frames", "clutter"]},
        "pixels-both": pixels | {"clips": "t9", "like": "pixels-both"},
        "pixels-above": pixels | {"clips": "t9xy", "like": "pixels-above"},
    }
    clips = {"t9": ONE | {"scene": "both", "levels": [1]}, "t9xy": ONE}
    details = in_process.run(
        tmp_path, monkeypatch, tracks, labels, [], rows, scenes=SCENES, clips=clips, arrow_of_time="all"
    )

    def accuracy(row):
        return details[row]["none"]["plain"]["features"]["accuracy"]

    assert accuracy("pixels-both")["mean"] > 0.9
    assert accuracy("pixels-above")["ci_low"] < 0.5 < accuracy("pixels-above")["ci_high"]
    table = (tmp_path / "data/report/table.md").read_text()
    assert "pixels-both: predictions are averaged over the 2 clips of each track, one by each camera." in table
    assert "pixels-above: predictions" not in table
    assert "Rows of 1 and 2 cameras are compared" in table

    held = {(part.network, part.input): part for part in probe_results.load("net").variants}
    assert set(held) == {("random", name) for name in ("plain", "shuffled-frames", "clutter-1")}
    assert {(part.cameras, len(part.networks[0].predictions)) for part in held.values()} == {(2, 60)}
    plain = held["random", "plain"].networks[0]
    assert (len(plain.code_bits), len(plain.arrow_of_time), len(plain.few_shot_areas)) == (60, 60, 60)

    loaded = load_features("net")
    assert (len(loaded.features), loaded.cameras) == (120, 2)
    np.testing.assert_array_equal(loaded.labels, np.repeat(labels, 2))
    np.testing.assert_array_equal(loaded.groups[::2], loaded.groups[1::2])
    np.testing.assert_array_equal(loaded.folds[::2], loaded.folds[1::2])
    export("net", tmp_path / "net.npz", "random/0", "plain")
    with np.load(tmp_path / "net.npz") as exported:
        np.testing.assert_array_equal(exported["predictions"], np.repeat(plain.predictions, 2))

    in_process.pictures_and_page()
    pictures = Pictures.of("net")
    assert pictures.facts.inputs == ["plain", "camera-2", "shuffled-frames", "clutter-1"]
    assert pictures.places.shape == (60, 9, 2)
    page = (tmp_path / "data/report/report.html").read_text()
    assert "One track of each class, as each of the 2 cameras shows it." in page
