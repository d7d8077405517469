"""python benchmarks/bench_videogpt.py: VideoGPT's encoder and codebook at the published shape, random weights.

Clips of 16 x 128 x 128 to codes, beside the composition of torch's layers that upstream has.
"""

import resource

import torch
from measure import machine, ratio
from plain_videogpt import PlainVideoGPT

from trajprobe.backbones.videogpt import VideoGPT, fill_codebook
from trajprobe.features import forecast

THREADS, CLIPS, FRAMES, SIDE = 2, 4, 16, 128


def memory() -> float:
    """The most GB that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


torch.set_num_threads(THREADS)
torch.manual_seed(0)
with torch.device("meta"):
    bare = VideoGPT()
cost = forecast.cost(lambda video: [bare.codes(bare.encode(video.movedim(-1, 1).float()))], (FRAMES, SIDE, SIDE))
network = VideoGPT().requires_grad_(False)
x = torch.rand(CLIPS, 3, FRAMES, SIDE, SIDE) - 0.5
print(f"VideoGPT to codes, {CLIPS} clips of {FRAMES} x {SIDE} x {SIDE}, in clips; {THREADS} threads; {machine()}")
before = memory()
with torch.inference_mode():
    network.codes(network.encode(x))
print(
    f"encoding {CLIPS} clips at once takes {memory() - before:.2f} GB beside the weights; "
    f"forecast {CLIPS * cost.memory / 1e9:.2f} GB"
)
fill_codebook(network, x)
plain = PlainVideoGPT().eval()
plain.load_state_dict({key: value for key, value in network.state_dict().items() if key in plain.state_dict()})
with torch.inference_mode():
    latents, peer = network.encode(x), plain(x)
    ours, theirs = network.codes(latents), plain.codes(peer)
    away = [(latents - network.codebook.vectors(codes)).square().sum(dim=1) for codes in (ours, theirs)]
    print(
        f"latents differ by {float((latents - peer).abs().max()):.1e}, {int((ours != theirs).sum())} codes of "
        f"{ours.numel()}, whose rows are nearer or farther by {float((away[0] - away[1]).abs().max()):.1e}"
    )
    rate = ratio(
        "to codes",
        lambda: network.codes(network.encode(x)),
        {"as upstream composes it": lambda: plain.codes(plain(x))},
        CLIPS,
        runs=5,
        digits=2,
    )
    ratio("latents to codes", lambda: network.codes(latents), {"upstream": lambda: plain.codes(latents)}, CLIPS)
gflop = cost.flop / 1e9  # upstream's pads, copies and one-hot table are no arithmetic
print(f"GFLOP/s: {', '.join(f'{name} {gflop * each:.0f}' for name, each in rate.items())}, of {gflop:.1f} a clip")
