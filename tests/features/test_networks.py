"""The networks of a row: with the weights of a folder, of a seed, or permuted; or refused."""

import hashlib
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from small import ARCHITECTURE, VIDEO, built, values, written

from trajprobe.backbones import huggingface, videogpt, weights
from trajprobe.errors import UserError
from trajprobe.features.networks import check_weights, open_network
from trajprobe.features.perturbations import permute_weights
from trajprobe.features.plan import Plan
from trajprobe.files.checked_json import read_checked_json, write_checked_json
from trajprobe.rows import Row

pytestmark = pytest.mark.usefixtures("project")
FOLDER = Path("data/weights/w")
SHAPE = {"n_hiddens": 8, "n_res_layers": 1, "embedding_dim": 4, "n_codes": 16, "resolution": 16}
VIDEOGPT = {"family": "videogpt", "architecture": SHAPE, "clips": "even", "layer": "codes", "pooling": "flatten"}


def opened(network="pretrained", **changes):
    return open_network(Plan.of(values(**changes), "net"), network)


def same(network, other):
    pairs = zip(network.state_dict().items(), other.state_dict().items(), strict=True)
    return all(name == name_of_other and torch.equal(a, b) for (name, a), (name_of_other, b) in pairs)


def test_pretrained_weights_are_those_of_the_file_and_their_source_says_so():
    network, source = opened()
    assert same(network, built(7))
    digest = hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
    assert source == {"name": "w", "sha256": digest, "trained_frames": 17}


def test_of_weights_trained_from_several_seeds_each_is_a_network_and_the_first_is_permuted():
    shutil.rmtree(FOLDER)
    for seed in (0, 1):
        weights.save(FOLDER / str(seed), built(20 + seed), {"seed": seed, "trained_frames": 17})
    for seed in (0, 1):
        network, source = opened(f"pretrained/{seed}")
        assert same(network, built(20 + seed))
        assert source["sha256"] == weights.recorded_digest(FOLDER / str(seed))
    expected = built(20)
    permute_weights(expected)
    assert same(opened("permuted-weights")[0], expected)


def test_random_weights_are_of_their_seed_and_need_no_file():
    (FOLDER / "model.safetensors").unlink()
    for seed in (0, 1, 12):
        network, source = opened(f"random/{seed}")
        assert same(network, built(seed))
        assert source == {"seed": seed, "digest": weights.digest(built(seed))}
    assert not same(built(0), built(1))


def test_permuted_weights_are_the_pretrained_ones_in_other_places():
    path = FOLDER / "model.safetensors"
    before = path.read_bytes()
    network, source = opened("permuted-weights")
    expected = built(7)
    permute_weights(expected)
    assert same(network, expected)
    assert not same(network, built(7))
    assert source == opened()[1]
    assert path.read_bytes() == before


def test_missing_weights_are_refused():
    with pytest.raises(UserError, match=r"data/weights/absent/provenance\.json: is not there; `dvc pull data"):
        opened(weights="absent")


def test_weights_of_another_shape_are_refused():
    with pytest.raises(UserError, match="is the architecture the one it was trained with"):
        opened(architecture=ARCHITECTURE | {"bits": 5})


def test_weights_of_another_family_are_refused():
    weights.save(FOLDER, built(7), {"family": "open_magvit2", "trained_frames": 17})
    message = "`rows.net.weights`: got data/weights/w of family open_magvit2, expected magvit2_tiny"
    with pytest.raises(UserError, match=message):
        opened()


def trained(**changes):
    """VideoGPT with weights of strides 4, 4, 4, whose provenance records them, and a row of other `architecture`."""
    torch.manual_seed(5)
    recorded = {key: value for key, value in SHAPE.items() if key != "resolution"} | {"downsample": [4, 4, 4]}
    network = videogpt.build(msgspec.convert(SHAPE, videogpt.Architecture))
    weights.save(FOLDER, network, {"architecture": recorded, "trained_frames": 16})
    return opened(**VIDEOGPT | {"architecture": SHAPE | changes})


@pytest.mark.parametrize("changes", [{}, {"downsample": [4, 4, 4]}, {"resolution": 32}])
def test_an_architecture_as_its_weights_record_it_is_taken(changes):
    assert trained(**changes)[1]["trained_frames"] == 16


def test_strides_that_the_weights_were_not_trained_with_are_refused():
    with pytest.raises(UserError) as caught:
        trained(downsample=[4, 2, 2])
    assert str(caught.value) == (
        "params.yaml: `rows.net.architecture`: got downsample [4, 2, 2], expected downsample [4, 4, 4], which the "
        "weights of data/weights/w were trained with"
    )


def edit_architecture(changes):
    path = FOLDER / weights.PROVENANCE
    content = read_checked_json(path)
    write_checked_json(path, content | {"architecture": content["architecture"] | changes})


def test_all_that_a_provenance_records_is_compared_not_strides_alone():
    trained()
    edit_architecture({"resolution": 32})
    with pytest.raises(UserError, match="got resolution 16, expected resolution 32, which the weights of"):
        opened(**VIDEOGPT)


def test_a_provenance_that_is_no_architecture_of_the_family_is_refused():
    trained()
    edit_architecture({"codes": 16})
    with pytest.raises(UserError, match=r"provenance\.json: `architecture`.*unknown key `codes`"):
        opened(**VIDEOGPT)


def test_weights_without_a_recorded_architecture_are_compared_by_their_tensors_alone():
    """A family whose architecture has no defaults has none to compare with, either."""
    vision = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    node = {"model": "CLIPVisionModel", "config": vision | {"image_size": 32, "patch_size": 16}}
    node |= {"resize": 32, "resample": "bilinear", "crop": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    row = Row(family="huggingface", clips="small", weights="w", like="net", architecture=node, layer="last")
    architecture = msgspec.convert(node, huggingface.Architecture)
    check_weights("net", row, architecture, {}, FOLDER)
    check_weights("net", row, architecture, {"family": "huggingface", "architecture": {}}, FOLDER)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_random_networks_codebook_is_of_the_clips_latents(seed):
    network, source = opened(f"random/{seed}", **VIDEOGPT)
    torch.manual_seed(seed)
    expected = videogpt.build(msgspec.convert(SHAPE, videogpt.Architecture))
    bare = weights.digest(expected)
    x = torch.from_numpy(VIDEO[:, :4]).permute(0, 4, 1, 2, 3) / 255 - 0.5
    videogpt.fill_codebook(expected, x[::2])  # of ten clips, five are the sample
    assert same(network, expected)
    assert source == {"seed": seed, "digest": weights.digest(expected)}
    assert source["digest"] != bare


def test_a_pretrained_networks_codebook_is_its_own():
    network, _ = trained()
    torch.manual_seed(5)
    assert same(network, videogpt.build(msgspec.convert(SHAPE, videogpt.Architecture)))


def test_other_clips_are_another_codebook_and_so_another_source():
    before = opened("random/0", **VIDEOGPT)[1]
    written(Path("data/clips/even"), [], np.flip(VIDEO[:, :4], axis=1).copy())
    after = opened("random/0", **VIDEOGPT)[1]
    assert before["digest"] != after["digest"]
