"""The default scene's pixels are those that clips have had from the first day on: by their sha256."""

import hashlib

import numpy as np
import pytest
from renderings import rendering

from trajprobe.clips.scene import draw, framing, place
from trajprobe.data.synthetic import Synthetic, arrays
from trajprobe.files.tracks import Tracks

#: Of 120 clips of the synthetic set, made by the renderer before it had scenes.
DIGESTS = {
    ("xy", 17, 32): "5a2c6b80b81faeb9e53f96d8c1fcdf42842d44a7e84a023c210107bf0c602a7a",
    ("xy", 9, 27): "cfb518e547d7269807a0f7b95f7ab51faa1c99c445b11a58444f9380f629e333",
    ("xy", 5, 128): "431ece02478aaa7777bf4d0ef2468dc96e6f5058a298c4b4ff6afe061c796156",
    ("xz", 17, 32): "555b269bb2a17e1addc43a35dd183e29cc904a0df5aadffb95298ea8a0afecb3",
    ("xz", 9, 27): "b8033d23bc542e258062a4040a564769a6779c2e842fecdf8790d0b6220fbffa",
    ("xz", 5, 128): "5498f2538bef14e783e261478e958f175a3f22074c2e557f6140bf4b62c77526",
    ("yz", 17, 32): "698ca1be6ffacc1ae13ea465078fe26bfa7cb803e0b0782f59a452bfacc8f163",
    ("yz", 9, 27): "84e86999ce2d0f9acd5a3a7a766bb8a4f5032eee351c90acdf694e0b739deadf",
    ("yz", 5, 128): "edbfed02f682e0d0ae1190b2bac67a52fb323b38b36219510d212ccb27cbbc9a",
    ("perspective", 17, 32): "e2bfabeac29238ed5d0dda7944b41a36ae783a25869d30c61dbbfce4cf65e8a3",
    ("perspective", 9, 27): "557bc138fed04bc314cfc261065a94d2bb0dc9ad04209ea51e40b3364dd6b01b",
    ("perspective", 5, 128): "27d2c52b4a85782347128cfe1053faa4ce39b447a5a6077663543c697bb14602",
}


@pytest.fixture(scope="module")
def tracks():
    params = Synthetic(clips=120, pool=1, points=60, tilt=0.5, noise=0.008, seed=0, pool_seed=1)
    points = arrays(120, params, 0)["trajectories"].astype(np.float64)
    box = np.stack([points.min((0, 1)), points.max((0, 1))])
    return Tracks(points, np.tile(np.arange(60.0), (120, 1)), np.full(120, 60), box)


@pytest.mark.parametrize(("view", "frames", "resolution"), DIGESTS)
def test_the_default_scene_keeps_its_bytes(tracks, view, frames, resolution):
    drawn = rendering(frames, resolution, view=view)
    video = draw(place(tracks, framing(tracks, drawn.placement), drawn), drawn)
    assert hashlib.sha256(video.tobytes()).hexdigest() == DIGESTS[view, frames, resolution]
