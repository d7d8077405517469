"""The arrow of time through all stages, which run here, one after the other, in this process."""

import json

import in_process
import numpy as np
import pytest
from tiny_repository import ARCHITECTURE

from trajprobe.files import probe_results
from trajprobe.files.feature_shards import load_features
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.params import read, section
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.settings import Probe

TRACKS, POINTS = 80, 17
NET = {"family": "magvit2_tiny", "clips": "t17", "weights": "random", "like": "net", "layer": "hidden"}
CONTROLS = ("pixels", "kinematics", "coordinates", "extent")


def outwards():
    """Tracks that leave the middle, ever slower, in all directions: (n t 2)."""
    generator = np.random.default_rng(0)
    heading, speed = generator.uniform(0, 2 * np.pi, TRACKS), generator.uniform(0.7, 1, TRACKS)
    time = np.linspace(0, 1, POINTS)
    radius = speed[:, None] * (1 - (1 - time) ** 2)
    tracks = radius[..., None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)[:, None]
    return tracks + generator.normal(0, 0.02, tracks.shape)


def palindromes():
    """Tracks that come back the way they went."""
    half = np.random.default_rng(1).normal(size=(TRACKS, POINTS // 2 + 1, 2)).cumsum(axis=1)
    return np.concatenate([half, half[:, -2::-1]], axis=1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs all stages over tracks, and returns the arrow of time by row and network."""
    net = NET | {"architecture": ARCHITECTURE}

    def whole(tracks):
        # Labels that say nothing of the tracks: the question needs none.
        labels = np.arange(len(tracks)) % 2
        details = in_process.run(tmp_path, monkeypatch, tracks, labels, CONTROLS, {"net": net}, arrow_of_time="all")
        return {
            (row, network): next(iter(part["plain"].values()))["arrow_of_time"]
            for row in ("net", *CONTROLS)
            for network, part in details[row].items()
        }

    return whole


def test_pixels_and_kinematics_tell_which_way_time_runs_and_what_has_no_time_in_it_does_not(run, tmp_path):
    of = run(outwards())
    assert set(of) == {*((row, "none") for row in CONTROLS), ("net", "random")}
    pixels, kinematics, extent = (of[row, "none"] for row in ("pixels", "kinematics", "extent"))
    assert pixels["mean"] > 0.9
    assert pixels["minus_chance"]["verdict"] == 1
    assert kinematics["mean"] == 1  # of the tracks themselves
    # The box around a track is the same both ways: one of each pair is right, neither more nor less.
    assert extent["mean"] == 0.5
    assert extent["ci_low"] < 0.5 < extent["ci_high"]
    assert (extent["minus_chance"]["verdict"], extent["minus_chance"]["mean"]) == (0, 0)
    summary = json.loads((tmp_path / "metrics/summary.json").read_text())
    assert summary["net"]["arrow_of_time"] == {"mean": pytest.approx(of["net", "random"]["mean"], abs=1e-4)}
    assert "arrow_of_time" not in summary["pixels"]
    table = (tmp_path / "data/report/table.md").read_text()
    assert "| arrow of time |" in table
    assert "above chance |" in next(line for line in table.splitlines() if line.startswith("| pixels |"))

    # What of the pixels says so: their differences in time, and not their mean over it.
    ways = [load_features("pixels", input=name).features for name in ("plain", "reversed")]
    np.testing.assert_array_equal(ways[1], ways[0][:, ::-1])
    assert told(np.diff(ways[0], axis=1), np.diff(ways[1], axis=1)) > 0.9
    assert abs(told(ways[0].mean(axis=1), ways[1].mean(axis=1)) - 0.5) < 0.01

    places, reversed_places = (load_features("coordinates", input=name).features for name in ("plain", "reversed"))
    np.testing.assert_array_equal(reversed_places, places[:, ::-1])
    (probed,) = probe_results.load("net").variants
    assert (probed.network, probed.input, len(probed.networks)) == ("random", "plain", 2)


def told(forwards, backwards):
    """The share of directions that a probe of these features tells."""
    variant = VariantFeatures([[forwards.reshape(TRACKS, -1)]], False, [[backwards.reshape(TRACKS, -1)]])
    (((network,), *_),) = probe_networks(
        [variant], Labelling.load(LABELLING), section(read(), Probe, "probe"), "pixels"
    )
    return np.mean(network.arrow_of_time) / 2


def test_palindromes_are_at_chance_for_every_row(run, tmp_path):
    of = run(palindromes())
    assert set(of) == {*((row, "none") for row in CONTROLS), ("net", "random")}
    for name, arrow in of.items():
        assert arrow["ci_low"] <= 0.5 <= arrow["ci_high"], name
        assert arrow["minus_chance"]["verdict"] == 0, name
        assert abs(arrow["mean"] - 0.5) < 0.05, name
    table = (tmp_path / "data/report/table.md").read_text()
    assert "No row's arrow of time is above chance" in table
