"""Folders of tiny models, as they are published."""

import pytest

from trajprobe.files.atomic import file_sha256
from trajprobe.files.checked_json import write_checked_json


@pytest.fixture
def recorded(tmp_path):
    """A function: the folder of a model as `weights add` keeps it, with its provenance."""
    from small_transformers import MODELS, OTHERS, save  # transformers takes seconds, and most tests need none

    def make(name):
        folder = save(tmp_path / name, name)
        told = {"sha256": file_sha256(folder / "model.safetensors"), "unexpected": (MODELS | OTHERS)[name][3]}
        write_checked_json(folder / "provenance.json", told)
        return folder

    return make
