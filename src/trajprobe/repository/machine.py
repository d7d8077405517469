"""What a run needs of this machine: Python, torch and its device, cores, memory, disk, DVC, a remote, a store, data.

torch and DVC are asked in processes of their own: whether they work can't be told otherwise, and `trajprobe doctor`
would take twice as long if it asked one after the other.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from trajprobe.errors import UserError
from trajprobe.files import memory
from trajprobe.files.locked_shards import cache_folder
from trajprobe.files.memory import GB
from trajprobe.files.store import VARIABLE, Store
from trajprobe.params import read, section
from trajprobe.repository.dvc_command import failure_reason, run_dvc
from trajprobe.repository.held_data import lacks
from trajprobe.stage import WORKERS, Compute, workers

#: As features/plan.py and execution/producing.py have them, which need torch.
DEVICE, EXECUTOR = "TRAJPROBE_DEVICE", "TRAJPROBE_EXECUTOR"
#: Bytes: below these a run of the default size may fail. A process of it takes up to 0.7 GB of memory; the data take
#: 0.2 GB of disk, and as much each in DVC's cache and in the store, where these can't be links.
LEAST_MEMORY, LEAST_DISK = 1.5 * GB, 1.0 * GB
PYTHON = (3, 11)
CPUINFO = Path("/proc/cpuinfo")
#: What torch says of itself; the device is tried as a run would.
ASK_TORCH = """
import json, sys, torch
gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
try:
    torch.empty(0, device=torch.device(sys.argv[1]))
    reason = ""
except (RuntimeError, AssertionError) as error:
    reason = str(error).splitlines()[0]
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "gpus": gpus, "reason": reason}))
"""
Status = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Condition:
    """One thing that a run needs."""

    name: str
    status: Status
    found: str
    remedy: str = ""  #: what to do; nothing where all is well


def conditions() -> list[Condition]:
    """All of them, in their order. `warning`: a run works, yet not as it might; `error`: it would fail."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        asked_torch, settings = pool.submit(_ask_torch), pool.submit(run_dvc, "config", "--list")
        of_data = pool.submit(_data)
        store, of_store = _store()
        of_machine = _cores(), _memory(), _disk(store)
        of_dvc = _dvc(settings.result())
        return [_python(), *_torch(*asked_torch.result()), *of_machine, *of_dvc, of_store, *of_data.result()]


def _python() -> Condition:
    found = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info < PYTHON:
        return Condition("python", "error", found, "3.11 or newer is needed: `make repro PYTHON=python3.11`")
    return Condition("python", "ok", found)


def _ask_torch() -> tuple[dict[str, Any], str]:
    """What torch says of itself, and the last line of its error."""
    device = os.environ.get(DEVICE) or "cpu"
    done = subprocess.run([sys.executable, "-c", ASK_TORCH, device], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        return {}, (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    return json.loads(done.stdout.splitlines()[-1]), ""


def _torch(answer: dict[str, Any], error: str) -> tuple[Condition, Condition]:
    """Torch itself, and the device that networks run on."""
    asked = os.environ.get(DEVICE, "")
    if not answer:
        again = "install it again: `python -m pip install --force-reinstall torch`"
        if version := _version("torch"):
            again = f"install it again: `python -m pip install --force-reinstall torch=={version.partition('+')[0]}`"
        unknown = Condition("device", "error", f"{asked or 'cpu'} (torch is needed to try it)", "repair torch first")
        return Condition("torch", "error", f"{version or 'none'}: can't be imported ({error})", again), unknown
    build = f"for CUDA {answer['cuda']}" if answer["cuda"] else "for CPUs"
    torch = Condition("torch", "ok", f"{answer['version']}, {build}")
    return torch, _device(asked, answer)


def _device(asked: str, answer: dict[str, Any]) -> Condition:
    gpus = answer["gpus"]
    if os.environ.get(EXECUTOR) == "ray":
        return Condition("device", "ok", f"{asked or 'cpu'}, on the nodes of Ray's cluster, which are not asked here")
    if answer["reason"]:
        remedy = f"unset {DEVICE}, or set it to cpu" + (" or cuda" if gpus else "")
        if asked.startswith("cuda") and not answer["cuda"]:
            remedy = (
                f"install torch for CUDA (`make repro TORCH_INDEX=https://download.pytorch.org/whl/cu128`), or {remedy}"
            )
        return Condition("device", "error", f"{DEVICE}={asked} is none of this machine ({answer['reason']})", remedy)
    if asked.startswith("cuda"):
        return Condition("device", "ok", f"{asked}: {', '.join(gpus)}")
    if gpus and not asked:
        remedy = f"`export {DEVICE}=cuda` runs networks on it"
        return Condition("device", "warning", f"cpu, and {', '.join(gpus)} is not used", remedy)
    return Condition("device", "ok", f"{asked or 'cpu'}" + ("" if gpus else ", no GPU is seen"))


def _cores() -> Condition:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = f"{count} of {os.cpu_count()}"
    try:
        asked = workers(0)
    except UserError as error:
        got, _, expected = str(error).partition(", ")
        return Condition("cores", "error", f"{found}; {got}", f"{expected}; or unset {WORKERS}")
    if asked > count:
        remedy = f"set {WORKERS} to {count} at most, or unset it"
        return Condition("cores", "warning", f"{found}; {WORKERS} asks for {asked} processes", remedy)
    try:
        compute = section(read(), Compute, "compute")
    except UserError:  # `trajprobe check` says more of params.yaml
        return Condition("cores", "ok", found)
    if compute.instruction_set == "avx2" and not _has_avx2():
        remedy = "set `compute.instruction_set: native`; the last digits then differ from those that are committed"
        return Condition("cores", "warning", f"{found}, without AVX2, which params.yaml asks for", remedy)
    return Condition("cores", "ok", found)


def _has_avx2() -> bool:
    """Whether the CPU has AVX2; True where the system does not say."""
    try:
        flags = re.search(r"^(flags|Features)\s*:(.*)$", CPUINFO.read_text(), re.MULTILINE)
    except OSError:
        return platform.machine().lower() in ("x86_64", "amd64")
    return flags is None or "avx2" in flags[2].split()


def _memory() -> Condition:
    free, total = memory.free(), memory.total()
    found = f"{free / GB:.1f} GB free of {total / GB:.1f}"
    if free < LEAST_MEMORY:
        remedy = f"end other programs; {WORKERS}=1 has one process at a time"
        return Condition("memory", "warning", f"{found}; a process of the default run takes up to 0.7 GB", remedy)
    return Condition("memory", "ok", found)


def _disk(store: Store | None) -> Condition:
    """The filesystems of the repository, of DVC's cache and of the store, each once."""
    places = {Path(): "here", cache_folder(): "DVC's cache"} | ({store.folder: "the store"} if store else {})
    free: dict[int, tuple[int, list[str]]] = {}
    for place, name in places.items():
        exists = next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.exists())
        left = shutil.disk_usage(exists).free
        free.setdefault(exists.stat().st_dev, (left, []))[1].append(name)
    found = "; ".join(f"{left / GB:,.1f} GB free ({', '.join(names)})" for left, names in free.values())
    if min(left for left, _ in free.values()) < LEAST_DISK:
        remedy = "free some; `trajprobe cache prune --days 0` deletes what a run computes again"
        return Condition("disk", "warning", found, remedy)
    return Condition("disk", "ok", found)


def _dvc(settings: subprocess.CompletedProcess[str]) -> tuple[Condition, Condition]:
    """DVC itself, and the remote that its settings name."""
    version, program = _version("dvc"), shutil.which("dvc")
    unknown = Condition("remote", "error", "DVC is needed to read its settings", "repair DVC first")
    if settings.returncode:
        reason = failure_reason(settings) or settings.stderr.strip().rpartition("\n")[2]
        remedy = "install it again: `python -m pip install --force-reinstall dvc`" if not version else ""
        return Condition("dvc", "error", f"{version or 'none'}: {reason}", remedy or "correct .dvc/config"), unknown
    remote = _remote(dict(line.split("=", 1) for line in settings.stdout.splitlines() if "=" in line))
    if not shutil.which("git"):
        return Condition("dvc", "error", f"{version}, without git, which it needs", "install git"), remote
    if program is None:
        remedy = "`source .venv/bin/activate`"
        return Condition("dvc", "warning", f"{version}, and its command is not on the PATH", remedy), remote
    return Condition("dvc", "ok", f"{version}, {program}"), remote


def _remote(settings: dict[str, str]) -> Condition:
    name = settings.get("core.remote", "")
    if not name:
        remedy = "`trajprobe remote add URL` sets one, for `make push` and `make pull`"
        return Condition("remote", "ok", "none: what a run makes stays here", remedy)
    url = settings.get(f"remote.{name}.url", "")
    found = f"{url} ({name})"
    if settings.get(f"remote.{name}.verify", "").lower() != "true":
        remedy = f"`dvc remote modify {name} verify true`; without it DVC does not notice damaged files"
        return Condition("remote", "warning", f"{found}, without verify = true", remedy)
    if "://" not in url and not Path(".dvc", url).is_dir():  # a relative one starts from the settings' folder
        remedy = "mount it, or set another one: `trajprobe remote add URL`; `make push` makes it where it is new"
        return Condition("remote", "warning", f"{found} is not there", remedy)
    return Condition("remote", "ok", found + (", not asked here" if "://" in url else ""))


def _store() -> tuple[Store | None, Condition]:
    """The store, where there is one."""
    try:
        store = Store.here()
    except UserError as error:
        found, _, remedy = str(error).removeprefix(f"{VARIABLE}: ").partition("; ")
        return None, Condition("store", "error", found, remedy)
    sizes = [path.stat().st_size for path in store]
    holds = f"{store.folder}: {len(sizes):,} shards, {sum(sizes) / GB:.1f} GB"
    try:
        store.check_writable(["00"])
    except UserError as error:  # whoever only reads it has the shards that are there
        remedy = str(error).partition("; ")[2]
        return store, Condition("store", "warning", f"{holds}; it can't be written to, as new shards need", remedy)
    return store, Condition("store", "ok", holds)


def _data() -> list[Condition]:
    """What git or DVC holds and is not here as it was; nothing where all of it is."""
    return [Condition("data", "error" if lack.needed else "warning", *lack.text.split("; ", 1)) for lack in lacks()]


def _version(package: str) -> str:
    """Of an installed package; nothing where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
