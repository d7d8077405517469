"""python benchmarks/bench_weights_add.py: the memory of `trajprobe weights add` on a checkpoint of the released size.

Random weights in the released layout (568 entries, 3 GB on disk), beside the bytes of encoder and decoder that are
kept; the limit is 1.5 times those. Needs 8 GB in the folder for temporary files (TMPDIR).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from measure import machine

from trajprobe.published.source_open_magvit2 import ema_name, expected_tensors

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

names = expected_tensors()
kept = sum(tensor.numel() * tensor.element_size() for tensor in names.values())
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    state = {key: torch.rand(tensor.shape) for key, tensor in names.items()}
    state |= {ema_name(key): torch.rand(tensor.shape) for key, tensor in names.items()}
    state |= {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(1, dtype=torch.int32)}
    torch.save({"state_dict": state}, folder / "full.ckpt")
    del state
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)
    told = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()
found = json.loads(told[-1])
print(f"weights add of 568 entries, {machine()}")
print(
    f"{found['seconds']:.1f} s; memory grew by {found['grown'] / 1e9:.2f} GB, {found['grown'] / kept:.2f} times the "
    f"{kept / 1e9:.2f} GB kept; the limit is {LIMIT}"
)
