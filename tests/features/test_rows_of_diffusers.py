"""Rows of diffusers, from clips to the features of their pretrained and random networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small import files, place, values, written
from small_autoencoders import CONFIGS, node

from trajprobe.backbones import diffusers, weights
from trajprobe.backbones.family import family
from trajprobe.features.extract import extract
from trajprobe.files.feature_shards import read

pytestmark = pytest.mark.usefixtures("project")


def clips(name, count=6):
    """Written in two shards; returned, too."""
    shape = family("diffusers").architecture(node(name), "row")
    side = max(16, shape.pixels_per_token)
    size = (count, 1 + shape.frames_per_token, side, side, 3)
    video = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    written(Path("data/clips/videos"), [4], video)
    return video


def row(name, **changed):
    return {"family": "diffusers", "architecture": node(name), "clips": "videos", "layer": "latents"} | changed


def built(name, seed):
    torch.manual_seed(seed)
    shape = family("diffusers").architecture(node(name), "row")
    return diffusers.build(shape).eval().requires_grad_(False)


def means(network, video):
    """Mean of the latents over space: [b t d]."""
    return network(diffusers.preprocess(torch.from_numpy(video))).mean(dim=(3, 4)).transpose(1, 2).numpy()


@pytest.mark.parametrize("name", CONFIGS)
def test_a_row_has_the_features_of_each_of_its_networks_whatever_the_shards(name, monkeypatch, tmp_path):
    video = clips(name)
    weights.save(Path("data/weights/own"), built(name, 7), {"family": "diffusers"})
    extract(values(**row(name, weights="own")), "net")
    layer = "latents.tmean"
    got = {network: read(place("net", network, layer=layer))[0] for network in ("pretrained", "random/0", "random/1")}
    for network, seed in (("pretrained", 7), ("random/0", 0), ("random/1", 1)):
        np.testing.assert_allclose(got[network], means(built(name, seed), video), atol=2e-5)
    assert len({features.tobytes() for features in got.values()}) == 3
    recipe = read(place("net", "pretrained", layer=layer))[1]
    assert recipe["packages"] == {"diffusers": __import__("diffusers").__version__}
    # Each shard by itself, as another process would have it: no network remembers the clips before.
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "other"))
    written(Path("data/clips/videos"), [], video[4:])
    extract(values(**row(name, weights="own")), "net")
    assert np.array_equal(read(place("net", "pretrained", layer=layer))[0], got["pretrained"][4:])


def test_one_worker_and_two_make_the_same_bytes(monkeypatch, tmp_path):
    clips("wan-2.1")
    weights.save(Path("data/weights/own"), built("wan-2.1", 7), {"family": "diffusers"})
    made = []
    for count in ("1", "2"):
        monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / count))
        monkeypatch.setenv("TRAJPROBE_WORKERS", count)
        extract(values(**row("wan-2.1", weights="own", layer="hidden")), "trained")
        made.append(files(Path("data/features")))
    assert len(made[0]) == 2 + 1
    assert made[0] == made[1]
