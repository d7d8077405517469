"""A checkpoint is read as data: a file that would run code is refused before it does, and so is a damaged file."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from trajprobe.errors import UserError
from trajprobe.published.checkpoint import load_checkpoint
from trajprobe.published.fetch import readable_sha256


class Runs:
    """Unpickled, this would write a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros(3))
    return buffer.getvalue()


def with_other_pickle(data, content):
    """The torch archive `data` with `content` in place of its pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name.endswith("/data.pkl") else old.read(name))
    return buffer.getvalue()


MAPS = Path("/proc/self/maps")


# Only Linux lists what a process has mapped; elsewhere the same reading is proven by the tests around this one.
@pytest.mark.skipif(not MAPS.exists(), reason="only Linux lists what is mapped")
def test_tensors_are_read_and_stay_on_disk(tmp_path):
    path = tmp_path / "good.ckpt"
    path.write_bytes(saved({"state_dict": {"a": torch.arange(3.0)}}))
    state = load_checkpoint(path).content["state_dict"]
    assert torch.equal(state["a"], torch.arange(3.0))
    assert str(path) in MAPS.read_text()


@pytest.mark.harm("hostile files")
def test_a_pickle_that_would_run_code_neither_runs_nor_loads(tmp_path):
    mark, path = tmp_path / "mark", tmp_path / "bad.ckpt"
    for content in (saved({"state_dict": {}, "callbacks": Runs(mark)}), pickle.dumps(Runs(mark))):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"would run code .*(pathlib\S*touch|getattr)|is a bare pickle") as caught:
            load_checkpoint(path)
        assert not mark.exists()
        assert str(path) in str(caught.value)
    # Our own bytes, opened as a careless reader would: else the mark's absence above would prove nothing.
    torch.load(io.BytesIO(saved(Runs(mark))), weights_only=False)
    assert mark.exists()  # so it would have


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved({"state_dict": {"a": torch.zeros(100)}})[:-200], "is cut short or damaged"),
        (saved({"state_dict": {"a": torch.zeros(100)}})[:40], "is cut short or damaged"),
        (b"<html>404</html>", "is no torch archive .it begins with b'<htm'"),
        (b"", "is empty"),
        (pickle.dumps({"state_dict": {}}), "is a bare pickle, as torch wrote it until version 1.5"),
        (npz(), "is a zip file but no torch archive"),
        (with_other_pickle(saved({"state_dict": {}}), b"\x80\x02garbage"), "was not loaded|is damaged"),
        (with_other_pickle(saved({"state_dict": {}}), b""), "is damaged"),
    ],
    ids=["end missing", "start alone", "no archive", "empty", "bare pickle", "npz", "garbage pickle", "empty pickle"],
)
def test_a_damaged_or_foreign_file_is_refused(tmp_path, content, message):
    path = tmp_path / "bad.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [load_checkpoint, readable_sha256])
@pytest.mark.parametrize(("name", "message"), [("nowhere", "No such file"), (".", "Is a directory")])
def test_a_missing_file_or_a_folder_is_refused(tmp_path, read, name, message):
    with pytest.raises(UserError, match=f"cannot be read .*{message}"):
        read(tmp_path / name)
