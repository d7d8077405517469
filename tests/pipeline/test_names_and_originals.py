"""No name of params.yaml reaches a shell or makes DVC delete a user's folder; the last good copy is never lost."""

import numpy as np
import pytest
from ruamel.yaml import YAML

HOSTILE = [
    "x;touch PWNED",
    "$(touch PWNED)",
    "`touch PWNED`",
    "x\ntouch PWNED",
    "x' ; touch PWNED '",
    'x" ; touch PWNED "',
]


def write(clone, values):
    """Writes params.yaml, names with line breaks included."""
    with (clone.folder / "params.yaml").open("w") as file:
        YAML().dump(values, file)


@pytest.mark.harm("hostile names")
@pytest.mark.parametrize("section", ["clips", "pretrain", "rows"])
def test_no_name_reaches_a_shell(clone, section):
    values = clone.params()
    (example, *_) = values[section].values()
    values[section] |= {name: dict(example) | ({"like": name} if section == "rows" else {}) for name in HOSTILE}
    write(clone, values)
    stage = {"clips": "render", "pretrain": "pretrain", "rows": "features"}[section]
    targets = [f"{stage}@{name}" for name in HOSTILE]
    output = clone.run("dvc", "repro", "--single-item", "--keep-going", *targets, fails=True)  # around the first stage
    assert output.count("expected letters, digits, - and _; rename it") == len(HOSTILE), output
    assert not list(clone.folder.rglob("PWNED"))


@pytest.mark.harm("hostile names")
def test_dvc_deletes_no_folder_that_a_name_points_to(clone):
    (clone.folder / "precious").mkdir()
    (clone.folder / "precious/only.txt").write_text("a user's only copy")
    for section in ("clips", "pretrain", "rows"):
        values = clone.params()
        (example, *_) = values[section].values()
        values[section]["../../precious"] = dict(example)
        write(clone, values)
        output = clone.run("dvc", "repro", fails=True)
        refusal = f"`{section}.../../precious`: got '../../precious', expected letters, digits, - and _"
        if section == "rows":  # of which two stages would have that output: DVC refuses it before any stage
            refusal = "output 'precious' is specified in"
        assert refusal in output
        assert (clone.folder / "precious/only.txt").is_file()
        clone.git("checkout", "--quiet", "params.yaml")


@pytest.mark.harm("damage")
def test_a_damaged_data_set_is_refused_and_comes_back_though_dvc_took_it_over(clone, tmp_path):
    tracks = np.random.default_rng(0).random((12, 5, 2)).cumsum(axis=1)
    np.savez(tmp_path / "mine.npz", trajectories=tracks, labels=np.arange(12) % 2)
    assert clone.trajprobe("data", "import", tmp_path / "mine.npz", "--name", "mine")[0] == 0
    clone.set("mine", "dataset")
    clone.commit("Mine")
    path = clone.folder / "data/raw/mine.npz"
    pointer = (clone.folder / "data/raw/mine.npz.dvc").read_text()
    whole = path.read_bytes()
    path.unlink()  # a hard link into the cache must not be written through
    path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    output = clone.run("dvc", "repro", "prepare", fails=True)
    assert "data/raw/mine.npz: is not the file that was imported; `trajprobe restore data/raw/mine.npz`" in output
    assert (clone.folder / "data/raw/mine.npz.dvc").read_text() != pointer  # as DVC does
    status, output = clone.trajprobe("restore", "data/raw/mine.npz")
    assert (status, output) == (0, "data/raw/mine.npz: is as it was imported\n")
    assert (path.read_bytes(), (clone.folder / "data/raw/mine.npz.dvc").read_text()) == (whole, pointer)
    assert clone.git("status", "--porcelain", "data") == ""
    clone.run("dvc", "repro", "prepare")
