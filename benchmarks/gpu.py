"""python benchmarks/gpu.py [PART...]: networks on this machine's GPU, beside its CPU and beside the GPU's own limit.

Prints Markdown; the tables under benchmarks/results are what it printed on the GPU that each names. Parts: `parity`
(features beside the CPU's), `batches` (clips a second and memory, from 1 to 64 clips at once), `copies` (clips that
come from the host's memory beside clips that the GPU has already), `layouts` (channels-last and torch.compile),
`stages` (the real stages, and the accuracy of both devices' features) and `memory` (what is said where the GPU's is
short). All weights are random but those of magvit2-tiny, which is pretrained where data/weights has it. `--device cpu`
tries the program itself where there is no GPU.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from measure import machine  # noqa: E402
from torch import Tensor  # noqa: E402

from trajprobe.errors import UserError  # noqa: E402
from trajprobe.features.extract import FeatureMaker  # noqa: E402
from trajprobe.features.networks import open_network  # noqa: E402
from trajprobe.features.plan import Plan  # noqa: E402
from trajprobe.features.tokens import microbatches, pool  # noqa: E402
from trajprobe.files.labelling import LABELLING, Labelling  # noqa: E402
from trajprobe.params import read  # noqa: E402

FORMATS = {
    "t17": {"frames": 17, "resolution": 32},
    "t5": {"frames": 5, "resolution": 128},
    "t17x128": {"frames": 17, "resolution": 128},
    "t16": {"frames": 16, "resolution": 128},
    "t16x224": {"frames": 16, "resolution": 224},
    "t5x224": {"frames": 5, "resolution": 224},
    "t9": {"frames": 9, "resolution": 27},
    "t9x64": {"frames": 9, "resolution": 64},
    "t9x128": {"frames": 9, "resolution": 128},
}
#: Rows: format, and what else differs from family NAME with random weights.
ROWS: dict[str, dict[str, Any]] = {
    "magvit2-tiny": {"family": "magvit2_tiny", "clips": "t17", "layer": "hidden"},
    "open-magvit2": {"family": "open_magvit2", "clips": "t5", "layer": "latents"},
    "open-magvit2-codes": {"family": "open_magvit2", "clips": "t5", "layer": "codes"},
    "open-magvit2-17": {"family": "open_magvit2", "clips": "t17x128", "layer": "latents"},
    "videogpt": {"family": "videogpt", "clips": "t16", "layer": "latents"},
    "videogpt-codes": {"family": "videogpt", "clips": "t16", "layer": "histogram"},
    "transnetv2": {"family": "transnetv2", "clips": "t9", "layer": "block3"},
    "efficientnet-lite0": {"family": "efficientnet_lite", "clips": "t9x64", "layer": "last"},
    "videomae-base": {
        "family": "huggingface", "architecture": {"preset": "videomae-base"}, "clips": "t16x224", "layer": "last"
    },
    "clip-vit-b32": {
        "family": "huggingface", "architecture": {"preset": "clip-vit-b32"}, "clips": "t5x224", "layer": "last",
        "pooling": "pooler",
    },
    "cosmos-cv8x8x8": {"family": "diffusers", "clips": "t9x128", "layer": "latents"},
    "wan-2-1": {"family": "diffusers", "architecture": {"preset": "wan-2.1"}, "clips": "t9x128", "layer": "latents"},
}  # fmt: skip
PRECISIONS = ("float32", "tf32", "bfloat16")
#: Clips at once.
SIZES = (1, 4, 16, 64)
#: Networks on the CPU.
NETWORKS: dict[tuple[str, str], torch.nn.Module] = {}
#: Clips whose features are held against the CPU's; open-magvit2-17 is 4 TFLOP a clip.
CLIPS = 4


@dataclass(frozen=True)
class Opened:
    """A network with random weights on a device, and the plan of its row."""

    plan: Plan
    network: torch.nn.Module

    def features(self, x: Tensor) -> Tensor:
        return self.plan.encoding.features(self.network, x)[0]

    @property
    def makes_codes(self) -> bool:
        return self.plan.row.layer in self.plan.family.DISCRETE


def opened(values: dict[str, Any], name: str, device: str, precision: str = "float32") -> Opened:
    """The network of a row as a features stage has it."""
    values = values | {"rows": values["rows"] | {name: values["rows"][name] | {"precision": precision}}}
    os.environ["TRAJPROBE_DEVICE"] = "cpu" if name.startswith("videogpt") else device  # its codebook is filled there
    plan = Plan.of(values, name)
    if (key := (plan.row.family, str(plan.architecture))) not in NETWORKS:  # 370 million numbers take seconds to draw
        NETWORKS[key] = open_network(plan, "random/0")[0].eval().requires_grad_(False)
    return Opened(plan, deepcopy(NETWORKS[key]).to(device, set_precision(precision)))


def video(values: dict[str, Any], name: str, device: str, clips: int) -> Tensor:
    """The first clips of a row's format, uint8 [b t h w c]; repeated where there are fewer."""
    os.environ["TRAJPROBE_DEVICE"] = "cpu"
    first = torch.from_numpy(Plan.of(values, name).clips[0].video[:clips])
    return first.repeat(-(-clips // len(first)), 1, 1, 1, 1)[:clips].to(device)


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def seconds(function: Callable[[], object], device: str, runs: int = 5) -> float:
    """The median of some runs after one that warms up, the device waited for."""
    taken = []
    for _ in range(runs + 1):
        wait(device)
        begun = time.perf_counter()
        function()
        wait(device)
        taken.append(time.perf_counter() - begun)
        if sum(taken) > 8:
            break
    return statistics.median(taken[1:] or taken)


def table(*columns: str) -> None:
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)


def line(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


@contextmanager
def failures(*cells: object) -> Iterator[None]:
    """Prints an error of torch as a line, so that the other lines are measured."""
    try:
        yield
    except RuntimeError as error:
        line(*cells, "failed:", str(error).partition("\n")[0])


def set_precision(precision: str) -> torch.dtype:
    """As a features stage does; returns the type of weights and activations."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def limits(device: str) -> dict[str, float]:
    """Prints FLOP/s of torch's own matrix product and bandwidths; returns the FLOP/s of each precision."""
    side, gib = (8192, 4) if device.startswith("cuda") else (512, 0.25)
    table("limit", "measured")
    peaks = {}
    for precision in PRECISIONS:
        square = torch.randn(side, side, device=device, dtype=set_precision(precision))
        peaks[precision] = 2 * side**3 / seconds(lambda square=square: square @ square, device)  # type: ignore[misc]
        line(f"matrix product, {side}, {precision}", f"{peaks[precision] / 1e12:.1f} TFLOP/s")
    here = torch.randint(256, (int(gib * 2**30),), device=device, dtype=torch.uint8)
    there = torch.empty_like(here)
    line("copy within memory", f"{2 * len(here) / seconds(lambda: there.copy_(here), device) / 1e9:,.0f} GB/s")
    host = torch.empty(len(here), dtype=torch.uint8, pin_memory=device.startswith("cuda"))
    line("copy from pinned memory", f"{len(here) / seconds(lambda: here.copy_(host), device) / 1e9:,.1f} GB/s")
    return peaks


def parity(values: dict[str, Any], device: str) -> None:
    """Features beside the CPU's in float32; codes beside the CPU's, and those among them whose latent is not near 0."""
    table("row", "precision", "relative difference", "greatest", "of codes differ", "runs differ")
    for name in values["rows"]:
        there = opened(values, name, "cpu")
        x = video(values, name, "cpu", 1 if name.endswith("-17") else CLIPS)
        with torch.inference_mode():
            expected = there.features(x).double()
            codes = there.plan.encoding.codes(there.network, x) if there.makes_codes else None
        for precision in PRECISIONS[: 1 if there.makes_codes else None]:
            here = opened(values, name, device, precision)
            differ = "-"
            with failures(name, precision), torch.inference_mode():
                first, second = (here.features(x.to(device)).cpu() for _ in range(2))
                if codes is not None:
                    others = here.plan.encoding.codes(here.network, x.to(device)).cpu()
                    differ = f"{int((codes != others).sum())} of {codes.numel()}"
                    if here.plan.row.family == "open_magvit2" and (codes != others).any():
                        latents = there.network.encode(there.plan.encoding._input(x))  # type: ignore[operator]
                        nearest = latents.abs().amin(dim=1)[codes != others].max()
                        differ += f", each with a latent within {float(nearest):.0e} of 0"
                change = first.double() - expected
                relative, greatest = float(change.norm() / expected.norm()), float(change.abs().max())
                same = "no" if torch.equal(first, second) else "YES"
                line(name, precision, f"{relative:.1e}", f"{greatest:.1e}", differ, same)


def batches(values: dict[str, Any], device: str, peaks: dict[str, float]) -> None:
    """Clips a second from 1 to 64 at once, in each precision."""
    table(
        "row", "precision", *map(str, SIZES), "GFLOP a clip", "share of the limit", "MiB a clip, forecast", "measured"
    )
    for name in values["rows"]:
        for precision in () if name.endswith("codes") else PRECISIONS:
            here, rates, used = opened(values, name, device, precision), [], "-"
            for size in SIZES[: -1 if name.endswith("-17") else None]:
                x = video(values, name, device, size)
                before = _gpu_bytes(device, reset=True)
                with failures(name, precision), torch.inference_mode():
                    rates.append(size / seconds(partial(here.features, x), device, 3))
                used = f"{(_gpu_bytes(device) - before) / size / 2**20:.0f}"
            cost = here.plan.cost
            rates += [float("nan")] * (len(SIZES) - len(rates))
            share = np.nanmax([0.0, *rates]) * cost.flop / peaks[precision]
            line(name, precision, *(f"{rate:,.1f}" for rate in rates), f"{cost.flop / 1e9:,.1f}", f"{share:.0%}",
                 f"{cost.memory / 2**20:.0f}", used)  # fmt: skip


def copies(values: dict[str, Any], device: str) -> None:
    """Sixteen clips at once, from the host's memory as a features stage takes them, and from the GPU's own."""
    table("row", "precision", "clips a second from the host", "from the GPU", "share kept")
    for name in values["rows"]:
        for precision in () if name.endswith(("codes", "-17")) else ("float32", "bfloat16"):
            here, clips = opened(values, name, device, precision), video(values, name, "cpu", 128)
            on_device = clips.to(device)

            def from_host(here: Opened = here, clips: Tensor = clips) -> list[Tensor]:
                parts = microbatches(clips.numpy(), 16, torch.device(device))
                return [here.features(x) for x, _ in parts]

            def from_device(here: Opened = here, clips: Tensor = on_device) -> list[Tensor]:
                return [here.features(x) for x in torch.split(clips, 16)]

            with failures(name, precision), torch.inference_mode():
                host, own = (128 / seconds(function, device, 3) for function in (from_host, from_device))
                line(name, precision, f"{host:,.1f}", f"{own:,.1f}", f"{host / own:.0%}")


def _gpu_bytes(device: str, *, reset: bool = False) -> int:
    """The most bytes of tensors on a GPU since the last reset."""
    if not device.startswith("cuda"):
        return 0
    if reset:
        torch.cuda.reset_peak_memory_stats()
    return torch.cuda.max_memory_allocated()


def layouts(values: dict[str, Any], device: str, peaks: dict[str, float]) -> None:
    """Other ways to run the same network, 16 clips at once."""
    table("row", "precision", "way", "clips a second", "share of the limit")
    ways: dict[str, tuple[bool, bool, bool, bool]] = {  # channels last, deterministic, benchmark, compiled
        "as it is": (False, True, False, False),
        "any algorithm": (False, False, False, False),
        "fastest algorithm": (False, False, True, False),
        "channels last": (True, True, False, False),
        "channels last, fastest algorithm": (True, False, True, False),
        "torch.compile": (False, True, False, True),
    }
    for name in [each for each in ("open-magvit2", "videomae-base") if each in values["rows"]]:
        for precision in reversed(PRECISIONS):
            for way, (last, deterministic, benchmark, compiled) in ways.items():
                if compiled and precision != "bfloat16":
                    continue
                here = opened(values, name, device, precision)
                torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic, benchmark
                x = video(values, name, device, 16)
                run = _way(here, last=last, compiled=compiled)
                with failures(name, precision), torch.inference_mode():
                    rate = 16 / seconds(partial(run, x), device, 3)
                    line(name, precision, way, f"{rate:,.1f}", f"{rate * here.plan.cost.flop / peaks[precision]:.0%}")
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False


def _way(here: Opened, *, last: bool, compiled: bool) -> Callable[[Tensor], Tensor]:
    """The function from video to features."""
    network: Any = here.network
    encoding, (view,) = here.plan.encoding, here.plan.row.views
    if compiled:
        tokens = torch.compile(partial(here.plan.family.layer, network))
        return lambda x: pool(tokens(encoding._input(x), view.layer).float(), view.pooling)
    if last:
        network.to(memory_format=torch.channels_last_3d)
        if here.plan.row.family == "open_magvit2":  # its own layout would undo it
            encoder = network.encoder

            def run(x: Tensor) -> Tensor:
                x = encoding._input(x).contiguous(memory_format=torch.channels_last_3d)
                return pool(encoder.conv_out(encoder.hidden(x)).float(), view.pooling)

            return run
    return here.features


def stages(values: dict[str, Any], device: str) -> None:
    """The real stages: seconds of a row of two networks, and the accuracy of features of both devices."""
    table("stage", "device", "workers", "seconds", "what it says")
    pairs = [("open-magvit2", device, 2), ("open-magvit2", device, 1)] if device.startswith("cuda") else []
    pairs += [("magvit2-tiny", "cpu", 1), ("magvit2-tiny", device, 1)]
    for row, where, workers in pairs:
        if row not in values["rows"]:
            continue
        said, taken = _stage("features", row, device=where, workers=workers)
        line(f"features, {row}", where, workers, f"{taken:.1f}", said)
        if row == "magvit2-tiny":
            _, taken = _stage("probe", row, device="cpu", workers=4)
            results = json.loads(Path(f"data/results/probes/{row}.json").read_text())
            for variant in results["variants"]:
                said = _accuracies(variant)
                line(f"probe, {row}, {variant['network']}", f"features of {where}", 4, f"{taken:.1f}", said)


def _accuracies(variant: dict[str, Any]) -> str:
    labels = Labelling.load(LABELLING).labels
    return "accuracies " + ", ".join(f"{np.mean(each['predictions'] == labels):.4f}" for each in variant["networks"])


def _stage(stage: str, *arguments: str, device: str, workers: int) -> tuple[str, float]:
    """The last line that a stage says, and the seconds it took, its imports and its store's emptiness included."""
    environment = os.environ | {
        "TRAJPROBE_DEVICE": device, "TRAJPROBE_WORKERS": str(workers), "TRAJPROBE_STORE": tempfile.mkdtemp(dir=".")
    }  # fmt: skip
    begun = time.perf_counter()
    command = [sys.executable, str(ROOT / f"stages/{stage}.py"), *arguments]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [each for each in process.stderr.splitlines() if each.strip()]
    if process.returncode:
        return f"FAILED: {' / '.join(lines[-3:])}", time.perf_counter() - begun
    return " / ".join(each for each in lines if "at once" in each or "clips to" in each), time.perf_counter() - begun


def memory(values: dict[str, Any], device: str) -> None:
    """What a features stage says where the GPU has its weights' room and 256 MiB more."""
    if not device.startswith("cuda"):
        return
    os.environ["TRAJPROBE_DEVICE"] = device
    here = FeatureMaker(Plan.of(values, "open-magvit2"), "random/0")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 2**28) / total)
    try:
        print(f"\nShort of memory, it went on: {here.forecast(100, 1)}")
    except UserError as error:
        print(f"\nShort of memory: {error}")
    torch.cuda.set_per_process_memory_fraction(1.0)


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", nargs="*", default=list(ROWS))
    options = parser.parse_args()
    parts = options.parts or ["parity", "batches", "copies", "stages", "memory", "layouts"]
    name = torch.cuda.get_device_name() if options.device == "cuda" else "no GPU"
    print(f"{name}; torch {torch.__version__}, CUDA {torch.version.cuda}, Python {sys.version.split()[0]}; {machine()}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shutil.copy(ROOT / "params.yaml", ".")
        values = settings(options.rows)
        Path("params.yaml").write_text(json.dumps(values))  # JSON is YAML
        if (ROOT / "data/weights").exists():
            shutil.copytree(ROOT / "data/weights", "data/weights")
        Path("data").mkdir(exist_ok=True)
        Path("data/shared_code.txt").write_text("")
        formats = sorted({row["clips"] for row in values["rows"].values()})
        for stage in (["synthetic"], ["prepare"], *(["render", each] for each in formats)):
            said, taken = _stage(*stage, device="cpu", workers=4)
            if "FAILED" in said:
                sys.exit(f"{' '.join(stage)}: {said}")
            print(f"- {' '.join(stage)}: {taken:.1f} s", flush=True)
        peaks = limits(options.device)
        for part in parts:
            begun = time.perf_counter()
            print(f"\n## {part}", flush=True)
            arguments = (values, options.device, peaks) if part in ("batches", "layouts") else (values, options.device)
            globals()[part](*arguments)
            print(f"\n({time.perf_counter() - begun:.0f} s)", flush=True)
        os.chdir("/")


def settings(rows: list[str]) -> dict[str, Any]:
    """params.yaml with 512 clips of all formats, and the rows that this program measures."""
    values = read()
    values["synthetic"] |= {"clips": 512, "pool": 16}
    values["features"] |= {"seeds": 2, "microbatch": 16, "memory": 32}
    values["probe"] |= {"permutations": 5}
    values["clips"] = FORMATS
    values["compute"] |= {"threads": 4}
    values["rows"] = {name: {"weights": "random", "like": name} | ROWS[name] for name in rows}
    if "magvit2-tiny" in rows and (ROOT / "data/weights/magvit2-tiny").exists():
        values["rows"]["magvit2-tiny"]["weights"] = "magvit2-tiny"
    return values


if __name__ == "__main__":
    main()
