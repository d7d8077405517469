"""A reader's session for each document, with the files that the text speaks of."""

import sys

import numpy as np
import pytest
from documents import ROOT
from reader import Session

#: What the reader has beside the repository.
FILES = {
    "README.md": ["tracks.npz"],
    "docs/networks.md": ["vqvae.ckpt", "siglip"],
    "docs/extending.md": ["points.csv"],
}


@pytest.fixture
def session(clone, reproduced, tmp_path):
    """Makes the session of a document."""

    def make(document):
        for name in FILES.get(document, ()):
            MAKERS[name](clone)
        share = tmp_path / "share"
        share.mkdir()
        return Session(clone, lambda: reproduced.clone(tmp_path / "laptop"), {"/mnt/share": share})

    return make


def tracks(clone):
    """Two classes that differ in their speed."""
    generator = np.random.default_rng(0)
    points = np.cumsum(generator.normal(size=(40, 12, 2)) * np.repeat([1, 3], 20)[:, None, None], axis=1)
    np.savez(clone.folder / "tracks.npz", trajectories=points, labels=np.repeat(["slow", "fast"], 20))


def checkpoint(clone):
    clone.run(sys.executable, str(ROOT / "tests/published/videogpt_checkpoint.py"), "vqvae.ckpt")


def siglip(clone):
    clone.run(sys.executable, str(ROOT / "tests/backbones/small_transformers.py"), "siglip", "siglip")


def table_of_points(clone):
    lines = ["track,label,time,x,y"]
    for track in range(8):
        label = "left" if track % 2 else "right"
        lines += [f"{track},{label},{time},{time * (-1) ** track},{track}" for time in range(5 + track)]
    (clone.folder / "points.csv").write_text("\n".join(lines) + "\n")


MAKERS = {"tracks.npz": tracks, "vqvae.ckpt": checkpoint, "siglip": siglip, "points.csv": table_of_points}
