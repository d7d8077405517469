"""python tests/execution/cluster.py: features by Ray on three hosts, of which one loses a process and one its power.

The hosts are namespaces of this Linux (network, processes, mounts) on a bridge, for which one who is not root needs
namespaces for users. Where they can't be made, or with `raylets` behind the command, they are three raylets on
addresses of loopback. The head has no CPU to give, so nothing is made where the driver runs.
"""

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEAD, NODES, CPUS = 1, (2, 3), 2
SHARDS, CLIPS = 60, 16
PINNED = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
#: A machine apart, which may be changed: its network, mounts and processes are no other's.
APART = [
    *("unshare", *([] if os.geteuid() == 0 else ["--map-root-user"])),
    *("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
]
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "PYTHONPATH": str(ROOT / "src")}
QUIET["RAY_health_check_failure_threshold"] = "2"  # Ray misses a node after five checks of 3 s and more


def features(folder):
    """What a stage would do: features of a row, by the executor that the environment names."""
    import msgspec
    import numpy as np
    import torch

    from trajprobe.backbones import magvit2_tiny, weights
    from trajprobe.features import networks
    from trajprobe.files import video_shards as clips
    from trajprobe.files.shards import ShardWriter
    from trajprobe.rows import Backbone

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
    """A machine: Ray with processes, ports and temporary files of its own, and the disk of this one."""

    network = "127.77.0"  # Ray would take 127.0.0.1 for another address of this machine

    def __init__(self, number, folder):
        self.address, self.folder = f"{self.network}.{number}", folder / str(number)

    def command(self, *command):
        return command

    def start(self, *options):
        ray = [str(Path(sys.executable).with_name("ray")), "start", f"--node-ip-address={self.address}", *options]
        more = ["--object-store-memory=100000000", f"--temp-dir={self.folder}", "--block"]
        self.ray = subprocess.Popen(
            self.command(*ray, *more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | QUIET
        )

    def processes(self):
        found = [self.ray.pid]
        for process in found:  # which grows
            with suppress(OSError):  # it has ended
                found += map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
        return found

    def workers(self):
        """Its processes that make shards."""
        return [process for process in self.processes() if b"ray::MapWorker" in title(process)]

    def cut(self):
        """Kills all of it."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


class Apart(Host):
    """Namespaces of a machine, which has a network, processes and memory of its own, and power that can be cut."""

    network = "10.77.0"

    def __init__(self, number, folder):
        super().__init__(number, folder)
        power = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "infinity"]
        )
        children = Path(f"/proc/{power.pid}/task/{power.pid}/children")
        while not (first := children.read_text().split()):
            time.sleep(0.05)
        self.first = int(first[0])
        while title(self.first) != b"sleep\0infinity\0":
            time.sleep(0.05)
        link = f"host{number}"
        do("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(self.first))
        do("ip", "link", "set", link, "master", "bridge0", "up")
        self.do("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self.do("ip", "link", "set", device, "up")
        self.do("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")

    def command(self, *command):
        return ["nsenter", f"--target={self.first}", "--net", "--mount", "--pid", *command]

    def do(self, *command):
        do(*self.command(*command))

    def cut(self):
        """Kills the first of its processes, and with it all, at once."""
        with suppress(ProcessLookupError):
            os.kill(self.first, signal.SIGKILL)


def title(process):
    """How a process calls itself."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


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


def namespaces():
    """Whether hosts can be made of them here."""
    bridge = [*APART, "ip", "link", "add", "bridge0", "type", "bridge"]
    found = all(map(shutil.which, ("ip", "nsenter", "unshare")))
    return found and not subprocess.run(bridge, capture_output=True, check=False).returncode


def free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


def main(kind, folder):
    if driver(folder, folder / "plain").wait():
        sys.exit("the plain loop failed")
    expected = digests(folder)
    shutil.rmtree(folder / "data/features")
    if kind is Apart:
        do("ip", "link", "set", "lo", "up")
        do("ip", "link", "add", "bridge0", "type", "bridge")
        do("ip", "link", "set", "bridge0", "up")
    hosts = {number: kind(number, folder) for number in (HEAD, *NODES)}
    try:
        same = lose_two(folder, hosts, expected)
    finally:
        for host in hosts.values():
            host.cut()
    sys.exit(not same)


def lose_two(folder, hosts, expected):
    """Features by the hosts, of which two are done harm meanwhile; whether they are the `expected` ones."""
    cluster, head, port = folder / "cluster", hosts[HEAD], free_port()
    address = f"{head.address}:{port}"
    head.start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false")
    reach = f"import socket; socket.create_connection(('{head.address}', {port}))"
    while subprocess.run(head.command(sys.executable, "-c", reach), stderr=subprocess.DEVNULL, check=False).returncode:
        time.sleep(0.2)
    for number in NODES:
        hosts[number].start(f"--address={address}", f"--num-cpus={CPUS}")
    begun = time.monotonic()

    def tell(line):
        sys.stdout.write(f"{time.monotonic() - begun:5.1f} s: {line}\n")
        sys.stdout.flush()

    run = driver(
        folder,
        cluster,
        head.command(),
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
    hosts[NODES[1]].cut()
    tell(f"{made} of {SHARDS} shards are made; of {both} workers on the nodes, cut the power of the latter")
    status = run.wait()
    tell(f"the driver ended with {status}")
    found = digests(folder) if status == 0 else {}
    same = found == expected and len(found) == SHARDS + 1
    told = hashlib.sha256("".join(expected.values()).encode()).hexdigest()[:16]
    tell(f"{len(found)} files, {'the bytes of' if same else 'NOT the bytes of'} the plain loop (all in all {told})")
    return same


if __name__ == "__main__":
    if sys.argv[1:2] == ["features"]:
        sys.path.insert(0, str(ROOT / "src"))
        features(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["on"]:
        main({"hosts": Apart, "raylets": Host}[sys.argv[2]], Path(sys.argv[3]))
    else:
        apart = sys.argv[1:] != ["raylets"] and namespaces()
        with tempfile.TemporaryDirectory(
            prefix="cluster-", dir="/tmp"
        ) as name:  # a short name: Ray makes sockets there
            (Path(name) / "home/.ray").mkdir(parents=True)
            (Path(name) / "home/.ray/auth_token").write_text(secrets.token_hex(32))
            run = [sys.executable, __file__, "on", "hosts" if apart else "raylets", name]
            own = os.environ | {"HOME": f"{name}/home"}
            sys.exit(subprocess.run([*APART, *run] if apart else run, env=own, check=False).returncode)
