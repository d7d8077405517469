"""VideoGPT's encoder and codebook, beside the composition of torch's layers that upstream has.

The published shape, clips of 16 x 128 x 128 to codes, with two threads. GFLOP/s are of what has to be computed:
upstream's pads, copies and one-hot table are no arithmetic.
"""

from collections.abc import Iterator

import torch
from measure import Row, compared, memory_of
from plain_videogpt import PlainVideoGPT

from trajprobe.backbones.videogpt import VideoGPT, fill_codebook
from trajprobe.features import forecast

FRAMES, SIDE = 16, 128


def rows(*, quick: bool) -> Iterator[Row]:
    side, clips, runs = (32, 1, 1) if quick else (SIDE, 4, 5)
    resolution = (FRAMES, side, side)
    torch.set_num_threads(2)
    torch.manual_seed(0)
    with torch.device("meta"):
        bare = VideoGPT()
    cost = forecast.cost(lambda video: [bare.codes(bare.encode(video.movedim(-1, 1).float()))], resolution)
    network = VideoGPT().requires_grad_(False)
    x = torch.rand(clips, 3, *resolution) - 0.5
    with torch.inference_mode():
        taken = memory_of(lambda: network.codes(network.encode(x)))
        yield Row(what=f"memory of {clips} clips, beside the weights", value=taken / 1e6, unit="MB", peer="forecast",
                  peer_value=clips * cost.memory / 1e6, ratio=taken / clips / cost.memory)  # fmt: skip
        fill_codebook(network, x)
        plain = PlainVideoGPT().eval()
        plain.load_state_dict({key: value for key, value in network.state_dict().items() if key in plain.state_dict()})
        latents, peer = network.encode(x), plain(x)
        ours, theirs = network.codes(latents), plain.codes(peer)
        away = [(latents - network.codebook.vectors(codes)).square().sum(dim=1) for codes in (ours, theirs)]
        note = (
            f"latents by {float((latents - peer).abs().max()):.0e} at most; these codes' rows are as near within "
            f"{float((away[0] - away[1]).abs().max()):.0e}"
        )
        yield Row(what=f"codes of {ours.numel()} that differ", value=int((ours != theirs).sum()), unit="", note=note)
        (whole,) = compared(
            "clips to codes",
            lambda: network.codes(network.encode(x)),
            {"upstream's composition": lambda: plain.codes(plain(x))},
            unit="clips/s",
            items=clips,
            runs=runs,
        )
        yield whole
        yield Row(what="clips to codes", value=(whole.value or 0) * cost.flop / 1e9, unit="GFLOP/s")
        yield from compared(
            "latents to codes",
            lambda: network.codes(latents),
            {"upstream's composition": lambda: plain.codes(latents)},
            unit="clips/s",
            items=clips,
            runs=runs,
        )
