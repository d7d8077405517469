"""python tests/execution/cluster.py: features by Ray on three hosts, of which one loses a process and one its power.

The hosts are namespaces of this machine (network, processes, mounts) on a bridge, so it needs Linux and, where it is
not run as root, namespaces for users. The head has no CPU to give, so nothing is made where the driver runs.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEAD, NODES, CPUS = 1, (2, 3), 2
SHARDS, CLIPS = 60, 48
PINNED = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
#: A machine apart, which may be changed: its network, mounts and processes are no other's.
APART = [
    *("unshare", *([] if os.geteuid() == 0 else ["--map-root-user"])),
    *("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
]
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "PYTHONPATH": str(ROOT / "src")}


def features(folder):
    """What a stage would do: features of a row, by the executor that the environment names."""
    import msgspec
    import numpy as np
    import torch

    from trajprobe.backbones import magvit2_tiny, weights
    from trajprobe.features import networks
    from trajprobe.features.rows import Backbone
    from trajprobe.shards import ShardWriter
    from trajprobe.videos import clips

    os.chdir(folder)
    shape = {"channels": 8, "multipliers": [1, 2, 4], "residual_blocks": 1, "bits": 18}
    if not Path("data").exists():
        torch.manual_seed(0)
        weights.save(Path("data/weights/w"), magvit2_tiny.build(msgspec.convert(shape, magvit2_tiny.Architecture)), {})
        meta = {"scene": {}, "format": {"frames": 17, "size": 32}}
        writer = ShardWriter(Path("data/clips/c"), meta | {"tracks": ""})
        rng = np.random.default_rng(0)
        for _ in range(SHARDS):
            video = rng.integers(0, 256, (CLIPS, 17, 32, 32, 3), dtype=np.uint8)
            writer.add(clips.packed(video, np.zeros((CLIPS, 17, 2)), meta), CLIPS)
        writer.close()
    values = {"compute": {"threads": 1, "instruction_set": "native"}, "features": {"microbatch": 16, "memory": 1}}
    row = Backbone(family="magvit2_tiny", architecture=shape, clips="c", layer="hidden", pooling="tmean", weights="w")
    networks.pretrained(values, row, "pretrained", "row")


def digests(folder):
    found = sorted((folder / "data/features/pretrained/row").iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


class Host:
    """Namespaces of a machine, which has the disk of this one, and memory and temporary files of its own."""

    def __init__(self, number):
        self.address = f"10.77.0.{number}"
        self.power = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "infinity"]
        )
        children = Path(f"/proc/{self.power.pid}/task/{self.power.pid}/children")
        while not (first := children.read_text().split()):
            time.sleep(0.05)
        self.first = int(first[0])
        while Path(f"/proc/{self.first}/comm").read_text() != "sleep\n":
            time.sleep(0.05)
        link = f"host{number}"
        do("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(self.first))
        do("ip", "link", "set", link, "master", "bridge0", "up")
        self.do("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self.do("ip", "link", "set", device, "up")
        Path("/tmp/ray").mkdir(exist_ok=True)
        for place in ("/tmp/ray", "/dev/shm"):
            self.do("mount", "-t", "tmpfs", "tmpfs", place)

    def command(self, *command):
        return ["nsenter", f"--target={self.first}", "--net", "--mount", "--pid", *command]

    def do(self, *command):
        do(*self.command(*command))

    def start(self, *options):
        ray = [str(Path(sys.executable).with_name("ray")), "start", f"--node-ip-address={self.address}", *options]
        memory = ["--object-store-memory=100000000", "--block"]
        return subprocess.Popen(
            self.command(*ray, *memory), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | QUIET
        )

    def workers(self):
        """Its processes that make shards."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                mine = process.name.isdecimal() and (process / "ns/pid").samefile(f"/proc/{self.first}/ns/pid")
                if mine and b"ray::MapWorker" in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
            except OSError:  # it has ended
                continue
        return found


def do(*command):
    subprocess.run(command, check=True)


def driver(folder, store, command=(), **variables):
    """Runs `features`; returns the process."""
    environment = os.environ | PINNED | QUIET | {"TRAJPROBE_STORE": str(store)} | variables
    code = [sys.executable, __file__, "features", str(folder)]
    return subprocess.Popen([*command, *code], env=environment, stdout=sys.stderr)  # what Ray prints is no result


def until(driver, store, count):
    """Waits until so many shards are made; returns how many there are."""
    while (made := len(list(store.glob("??/*-*.safetensors")))) < count:
        if driver.poll() is not None:
            sys.exit(f"the driver ended with {driver.returncode}, {made} of {SHARDS} shards were made")
        time.sleep(0.05)
    return made


def main(folder):
    plain, cluster = folder / "plain", folder / "cluster"
    if driver(folder, plain).wait():
        sys.exit("the plain loop failed")
    expected = digests(folder)
    shutil.rmtree(folder / "data/features")
    do("ip", "link", "set", "lo", "up")
    do("ip", "link", "add", "bridge0", "type", "bridge")
    do("ip", "link", "set", "bridge0", "up")
    hosts = {number: Host(number) for number in (HEAD, *NODES)}
    address = f"{hosts[HEAD].address}:6379"
    hosts[HEAD].start("--head", "--port=6379", "--num-cpus=0", "--include-dashboard=false")
    time.sleep(8)
    for number in NODES:
        hosts[number].start(f"--address={address}", f"--num-cpus={CPUS}")
    begun = time.monotonic()

    def tell(line):
        sys.stdout.write(f"{time.monotonic() - begun:5.1f} s: {line}\n")
        sys.stdout.flush()

    run = driver(
        folder,
        cluster,
        hosts[HEAD].command(),
        TRAJPROBE_EXECUTOR="ray",
        RAY_ADDRESS=address,
        TRAJPROBE_WORKERS=str(CPUS * len(NODES)),
    )
    made = until(run, cluster, SHARDS // 4)
    victim = hosts[NODES[0]].workers()[0]
    os.kill(victim, signal.SIGKILL)
    tell(f"{made} of {SHARDS} shards are made; killed a worker of {hosts[NODES[0]].address}")
    made = until(run, cluster, SHARDS // 2)
    both = [len(hosts[number].workers()) for number in NODES]
    os.kill(hosts[NODES[1]].first, signal.SIGKILL)
    tell(f"{made} of {SHARDS} shards are made; of {both} workers on the nodes, cut the power of the latter")
    status = run.wait()
    tell(f"the driver ended with {status}")
    found = digests(folder) if status == 0 else {}
    same = found == expected and len(found) == SHARDS + 1
    told = hashlib.sha256("".join(expected.values()).encode()).hexdigest()[:16]
    tell(f"{len(found)} files, {'the bytes of' if same else 'NOT the bytes of'} the plain loop (all in all {told})")
    sys.exit(not same)


if __name__ == "__main__":
    if sys.argv[1:2] == ["features"]:
        sys.path.insert(0, str(ROOT / "src"))
        features(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["inside"]:
        main(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="cluster-") as name:
            (Path(name) / "home/.ray").mkdir(parents=True)
            (Path(name) / "home/.ray/auth_token").write_text("0" * 64)
            own = os.environ | {"HOME": f"{name}/home"}
            sys.exit(
                subprocess.run([*APART, sys.executable, __file__, "inside", name], env=own, check=False).returncode
            )
