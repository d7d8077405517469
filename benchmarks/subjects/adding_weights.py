"""The memory of `trajprobe weights add` on a checkpoint of Open-MAGVIT2 in its released layout.

Random weights: 568 entries, 3 GB on disk, beside the bytes of encoder and decoder that are kept. It needs 8 GB in the
folder for temporary files (TMPDIR).
"""

import json
from collections.abc import Iterator

import torch
from measure import Row, run

from trajprobe.published import source_open_magvit2

LIMIT = 1.5
RUN = """
import json, time
from pathlib import Path
import torch, trajprobe.cli, trajprobe.published.add_weights

def most():  # not getrusage: that has what the parent process took
    return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

before, begun = most(), time.perf_counter()
trajprobe.cli.main(["weights", "add", "open-magvit2", "--from", "full.ckpt"])
print(json.dumps({"grown": most() - before, "seconds": time.perf_counter() - begun}))
"""


#: What makes the released names stand for small tensors, in either process.
SHRINK = """
import torch
from trajprobe.published import source_open_magvit2 as source
released = source.expected_tensors()
small = {name: torch.empty([min(side, 2) for side in tensor.shape]) for name, tensor in released.items()}
source.expected_tensors = lambda: small
"""


def rows(*, quick: bool) -> Iterator[Row]:
    if quick:
        exec(SHRINK, {})
    names = source_open_magvit2.expected_tensors()
    kept = sum(tensor.numel() * tensor.element_size() for tensor in names.values()) / 1e9
    state = {key: torch.rand(tensor.shape) for key, tensor in names.items()}
    state |= {source_open_magvit2.ema_name(key): torch.rand(tensor.shape) for key, tensor in names.items()}
    state |= {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(1, dtype=torch.int32)}
    torch.save({"state_dict": state}, "full.ckpt")
    del state
    run("git", "init", "--quiet")
    run("python", "-m", "dvc", "init", "--quiet")
    measured = json.loads(run("python", "-c", (SHRINK if quick else "") + RUN).splitlines()[-1])
    grown = measured["grown"] / 1e9
    yield Row(what="memory", value=grown, unit="GB", peer="bytes kept", peer_value=kept, ratio=grown / kept,
              at_most=LIMIT)  # fmt: skip
    yield Row(what="time", value=measured["seconds"], unit="s")
