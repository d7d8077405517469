"""What a run needs of this machine is looked at, and what is wrong comes with what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML

from trajprobe.errors import UserError
from trajprobe.execution.producing import EXECUTOR as EXECUTOR_OF_PRODUCING
from trajprobe.features.plan import DEVICE as DEVICE_OF_PLAN
from trajprobe.files import memory
from trajprobe.files.store import Store
from trajprobe.repository import machine

ROOT = Path(__file__).parents[2]
NAMES = ["python", "torch", "device", "cores", "memory", "disk", "dvc", "remote", "store"]
CPU = {"version": "2.13.0+cpu", "cuda": None, "gpus": [], "reason": ""}
GPU = {"version": "2.13.0+cu128", "cuda": "12.8", "gpus": ["NVIDIA H100"], "reason": ""}


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    """A repository of DVC's that has nothing but params.yaml, the current folder."""
    for variable in (machine.DEVICE, machine.EXECUTOR, machine.WORKERS):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path(".dvc").mkdir()
    Path(".dvc/config").touch()
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    return tmp_path


@pytest.fixture(scope="module")
def answer():
    """What torch says of itself here, on a device that there is not."""
    os.environ[machine.DEVICE] = "cuda:99"
    try:
        return machine._ask_torch()[0]
    finally:
        del os.environ[machine.DEVICE]


def test_all_is_looked_at_and_well_here(monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(machine, "LEAST_MEMORY", 0)
    monkeypatch.setattr(machine, "LEAST_DISK", 0)
    found = {each.name: each for each in machine.conditions()}
    assert list(found) == NAMES
    assert {name: each.status for name, each in found.items() if name != "device"} == dict.fromkeys(
        [name for name in NAMES if name != "device"], "ok"
    )
    assert found["python"].found.endswith(sys.executable)
    assert found["remote"].remedy.startswith("`trajprobe remote add URL`")
    import torch

    assert found["torch"].found.startswith(torch.__version__)


def test_a_torch_that_fails_is_an_error_with_its_last_line(repository, monkeypatch):
    (repository / "torch.py").write_text("raise ImportError('libc10.so: no such file')")
    monkeypatch.setenv("PYTHONPATH", str(repository))
    torch, device = machine._torch(*machine._ask_torch())
    assert (torch.status, device.status, device.remedy) == ("error", "error", "repair torch first")
    assert "can't be imported (ImportError: libc10.so: no such file)" in torch.found
    assert torch.remedy.startswith("install it again: `python -m pip install --force-reinstall torch==2.")


def test_a_device_that_is_not_here_is_an_error(answer):
    device = machine._device("cuda:99", answer)
    assert device.status == "error"
    assert device.found.startswith("TRAJPROBE_DEVICE=cuda:99 is none of this machine (")
    assert device.remedy.endswith("unset TRAJPROBE_DEVICE, or set it to cpu" + " or cuda" * bool(answer["gpus"]))


@pytest.mark.parametrize(
    ("asked", "answer", "status", "found", "remedy"),
    [
        ("", CPU, "ok", "cpu, no GPU is seen", ""),
        ("cpu", GPU, "ok", "cpu", ""),
        ("cuda", GPU, "ok", "cuda: NVIDIA H100", ""),
        ("", GPU, "warning", "cpu, and NVIDIA H100 is not used", "`export TRAJPROBE_DEVICE=cuda` runs networks on it"),
        (
            "cuda",
            CPU | {"reason": "no"},
            "error",
            "TRAJPROBE_DEVICE=cuda is none of this machine (no)",
            "for CUDA (`make",
        ),
        (
            "gpu",
            GPU | {"reason": "no"},
            "error",
            "TRAJPROBE_DEVICE=gpu is none",
            "unset TRAJPROBE_DEVICE, or set it to cpu or",
        ),
    ],
)
def test_the_device_is_the_one_that_was_asked_for(asked, answer, status, found, remedy):
    device = machine._device(asked, answer)
    assert (device.status, device.found[: len(found)]) == (status, found)
    assert remedy in device.remedy
    assert bool(device.remedy) == bool(remedy)


def test_devices_of_a_cluster_are_not_asked(monkeypatch):
    monkeypatch.setenv(machine.EXECUTOR, "ray")
    assert machine._device("cuda", CPU | {"reason": "no"}).status == "ok"


def test_the_variables_are_those_that_runs_read():
    assert (machine.DEVICE, machine.EXECUTOR) == (DEVICE_OF_PLAN, EXECUTOR_OF_PRODUCING)


def test_processes_that_are_too_many_or_no_number_are_named(monkeypatch):
    assert machine._cores().status == "ok"
    monkeypatch.setenv(machine.WORKERS, "9999")
    cores = machine._cores()
    assert (cores.status, cores.remedy.startswith("set TRAJPROBE_WORKERS to ")) == ("warning", True)
    monkeypatch.setenv(machine.WORKERS, "many")
    cores = machine._cores()
    assert cores.status == "error"
    assert "TRAJPROBE_WORKERS: got 'many'" in cores.found
    assert cores.remedy == "expected a number of processes, 1 or more; or unset TRAJPROBE_WORKERS"


@pytest.mark.parametrize(("flags", "status"), [
    ("flags\t: fpu sse2 avx2 bmi", "ok"), ("flags\t: fpu sse2", "warning"), ("Features\t: fp asimd", "warning"),
    ("processor: 0", "ok"),
])  # fmt: skip
def test_a_cpu_without_avx2_is_named_where_params_ask_for_it(repository, monkeypatch, flags, status):
    (repository / "cpuinfo").write_text(f"processor: 0\n{flags}\n")
    monkeypatch.setattr(machine, "CPUINFO", repository / "cpuinfo")
    cores = machine._cores()
    assert (cores.status, "instruction_set: native" in cores.remedy) == (status, status != "ok")
    values = YAML(typ="safe").load(Path("params.yaml").read_text())
    values["compute"]["instruction_set"] = "native"
    with Path("params.yaml").open("w") as file:
        YAML(typ="safe").dump(values, file)
    assert machine._cores().status == "ok"


def test_little_memory_and_a_full_disk_are_warnings(monkeypatch):
    monkeypatch.setattr(memory, "free", lambda: 1_000_000_000)
    found = machine._memory()
    assert (found.status, found.found[:11]) == ("warning", "1.0 GB free")
    assert "TRAJPROBE_WORKERS=1" in found.remedy
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=400_000_000))
    found = machine._disk(None)
    assert (found.status, found.found) == ("warning", "0.4 GB free (here, DVC's cache)")
    assert "trajprobe cache prune --days 0" in found.remedy


@pytest.fixture
def dvc():
    """What is said of DVC and the remote with these settings."""

    def ask(*lines, status=0, error=""):
        return machine._dvc(subprocess.CompletedProcess([], status, "\n".join(lines), error))

    return ask


def test_a_remote_is_named_and_a_folder_of_one_is_looked_for(repository, dvc):
    assert dvc()[1].found == "none: what a run makes stays here"
    ssh = ("core.remote=store", "remote.store.url=ssh://me@host/a=b", "remote.store.verify=true")
    assert dvc(*ssh)[1] == machine.Condition("remote", "ok", "ssh://me@host/a=b (store), not asked here")
    assert dvc(*ssh[:2])[1].status == "warning"
    assert dvc(*ssh[:2])[1].remedy.startswith("`dvc remote modify store verify true`")
    for url in (str(repository / "share"), "../share"):  # a relative one starts from .dvc
        folder = ("core.remote=store", f"remote.store.url={url}", "remote.store.verify=true")
        assert (dvc(*folder)[1].status, dvc(*folder)[1].found) == ("warning", f"{url} (store) is not there")
        (repository / "share").mkdir()
        assert dvc(*folder)[1] == machine.Condition("remote", "ok", f"{url} (store)")
        (repository / "share").rmdir()


def test_a_dvc_that_fails_lacks_git_or_is_not_on_the_path_is_named(dvc, monkeypatch):
    failed, remote = dvc(status=1, error="ERROR: unexpected error - no module")
    assert (failed.status, remote.status) == ("error", "error")
    assert "unexpected error - no module" in failed.found
    places = {"git": "/usr/bin/git", "dvc": None}
    monkeypatch.setattr(shutil, "which", places.get)
    assert (dvc()[0].status, dvc()[0].remedy) == ("warning", "`source .venv/bin/activate`")
    places |= {"git": None}
    assert (dvc()[0].status, dvc()[0].remedy) == ("error", "install git")


def test_a_store_that_can_not_be_made_is_an_error(repository, monkeypatch):
    (repository / "file").touch()
    monkeypatch.setenv("TRAJPROBE_STORE", str(repository / "file/store"))
    store, condition = machine._store()
    assert (store, condition.status) == (None, "error")
    assert condition.found.startswith(f"got {repository}/file/store, expected a folder that can be written to")
    assert condition.remedy == "set it to one"


def test_a_store_that_can_only_be_read_is_a_warning(monkeypatch, store_folder):
    def refuse(store, keys):
        raise UserError("TRAJPROBE_STORE: /a can't be written to (no), and shards must be made; ask its owner")

    monkeypatch.setattr(Store, "check_writable", refuse)
    store, condition = machine._store()
    assert (store, condition.status, condition.remedy) == (Store(store_folder), "warning", "ask its owner")
    assert condition.found.startswith(f"{store_folder}: 0 shards, 0.0 GB; it can't be written to")
