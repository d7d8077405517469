"""A reader's session for each document, with the files that the text speaks of."""

import pytest
from documents import ROOT, blocks
from reader import Session

#: What the reader has beside the repository.
FILES = {
    "README.md": ["tracks.npz"],
    "docs/data.md": ["files of tools"],
    "docs/networks.md": ["vqvae.ckpt", "siglip", "vae"],
}
#: Documents that speak of more rows, or of perturbations, than the smallest repository has.
ALL_ROWS = ("docs/reading-the-results.md",)


@pytest.fixture(scope="session")
def small(reproduced, tmp_path_factory):
    """The reproduced repository with three of its rows: each takes seconds of every document that runs all of them."""
    repository = reproduced.clone(tmp_path_factory.mktemp("docs") / "small", reproduced.cache)
    for row in ("magvit2-tiny-shuffled", "coordinates", "extent", "noise"):
        repository.set(None, "rows", row)
    repository.set(None, "pretrain", "magvit2-tiny-shuffled")
    repository.repro()
    repository.commit("Fewer rows")
    return repository


@pytest.fixture
def session(small, reproduced, tmp_path):
    """Makes the session of a document."""

    def make(document):
        repository = reproduced if document in ALL_ROWS else small
        clone = repository.clone(tmp_path / "clone", reproduced.cache)
        for name in FILES.get(document, ()):
            MAKERS[name](clone)
        share = tmp_path / "share"
        share.mkdir()
        return Session(clone, lambda: repository.clone(tmp_path / "laptop"), {"/mnt/share": share})

    return make


def tracks(clone):
    """The same as in docs/data.md, so that what both documents run is run once."""
    script = next(block.text for block in blocks("docs/data.md") if block.language == "python")
    clone.run("python", "-c", script)


def checkpoint(clone):
    clone.run("python", str(ROOT / "tests/published/videogpt_checkpoint.py"), "vqvae.ckpt")


def siglip(clone):
    clone.run("python", str(ROOT / "tests/backbones/small_transformers.py"), "siglip", "siglip")


def autoencoder(clone):
    clone.run("python", str(ROOT / "tests/small_autoencoders.py"), "wan-2.1", "vae")


def files_of_tools(clone):
    clone.run("python", str(ROOT / "tests/importers/tools.py"))


MAKERS = {
    "tracks.npz": tracks,
    "vqvae.ckpt": checkpoint,
    "siglip": siglip,
    "vae": autoencoder,
    "files of tools": files_of_tools,
}
