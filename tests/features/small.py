"""Ten small clips, a small network, and rows of params.yaml that name them, for the tests of features."""

import msgspec
import numpy as np
import torch

from trajprobe.backbones import magvit2_tiny
from trajprobe.features.extract import FeatureMaker
from trajprobe.features.plan import Plan
from trajprobe.files import video_shards
from trajprobe.files.feature_shards import Coordinates, folder
from trajprobe.files.shards import ShardWriter

ARCHITECTURE = {"channels": 4, "multipliers": [1, 1, 2], "residual_blocks": 1, "bits": 4}
NET = {
    "family": "magvit2_tiny",
    "clips": "small",
    "weights": "w",
    "like": "net",
    "architecture": ARCHITECTURE,
    "layer": "hidden",
    "pooling": "tmean",
}
COMPUTE = {"threads": 2, "instruction_set": "native"}
VIDEO = np.random.default_rng(0).integers(0, 256, (10, 5, 16, 16, 3), dtype=np.uint8)
POINTS = np.random.default_rng(1).uniform(0, 15, (10, 5, 2))


def built(seed=0, architecture=ARCHITECTURE):
    torch.manual_seed(seed)
    return magvit2_tiny.build(msgspec.convert(architecture, magvit2_tiny.Architecture))


def written(folder, cuts, video=VIDEO, levels=()):
    """Clips in shards that begin at 0 and at each of `cuts`; beside clips at `levels` of clutter, if any."""
    meta = {"scene": {}, "format": {"frames": video.shape[1], "resolution": video.shape[2]}}
    writer = ShardWriter(folder, meta | {"tracks": "t1"} | ({"levels": levels} if levels else {}))
    points = np.resize(POINTS, (len(video), *POINTS.shape[1:]))
    for part, places in zip(np.split(video, cuts), np.split(points, cuts), strict=True):
        writer.add(video_shards.packed(part, places, meta), len(part))
    writer.close()


def values(microbatch=4, seeds=2, memory=1, compute=COMPUTE, **changes):
    """params.yaml with two rows: `net`, and `trained`, which is like it and so has its pretrained network alone."""
    net = NET | changes
    trained = {key: net[key] for key in ("family", "clips", "weights", "like")}
    return {
        "compute": compute,
        "features": {"seeds": seeds, "microbatch": microbatch, "memory": memory},
        "rows": {"net": net, "trained": trained},
    }


def place(row, network="pretrained", input="plain", layer="hidden.tmean"):  # noqa: A002 (the coordinate's name)
    """The folder of a row's features."""
    return folder(Coordinates(row, network, input, layer))


def files(top):
    """The bytes of all files below a folder, by their paths in it."""
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def maker(row="trained", network="pretrained", input="plain", **changes):  # noqa: A002 (the coordinate's name)
    plan = Plan.of(values(**changes), row)
    return FeatureMaker(plan, network, input)


def hidden_means(network, video=VIDEO):
    """What layer `hidden` and pooling `tmean` are of a network: [b t d]."""
    with torch.no_grad():
        hidden = network.eval().hidden(torch.from_numpy(video).permute(0, 4, 1, 2, 3) / 127.5 - 1)
    return hidden.mean(dim=(3, 4)).transpose(1, 2).numpy()
