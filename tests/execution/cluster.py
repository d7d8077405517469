"""python tests/execution/cluster.py: shards by Ray on three hosts, one of which loses a process and one its power.

The hosts are namespaces of this Linux (network, processes, mounts) on a bridge; a user who is not root needs user
namespaces for that. Where they can't be made, or with the argument `raylets`, the hosts are three raylets on loopback
addresses. The head offers no CPU, so no shard is made where the driver runs. Shards halt until harm is done, which so
always happens in the middle of one.
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

from works import Halting, tasks

from trajprobe.execution.producing import executor, produce

HERE = Path(__file__).resolve().parent
SRC = HERE.parents[1] / "src"
HEAD, NODES, CPUS = 1, (2, 3), 1
SHARDS = 60
#: How many shards are made when a worker is killed, and when the power of a node is cut.
HALTS = (15, 30)
#: Runs a command with a network, mounts and processes of its own.
APART = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
MAPPED = APART if os.geteuid() == 0 else [*APART, "--map-root-user"]
VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "PYTHONPATH": os.pathsep.join([str(SRC), str(HERE)]),
    # By default Ray notices after half a minute that a node has gone.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
}


def drive(folder):
    """What a stage does: fills a folder with shards, by the executor that the environment names."""
    work = Halting(folder / "diary", halts=HALTS, signals=folder)
    produce(executor(), work, tasks(SHARDS), {folder / "out": {}}, "squares")


def digests(folder):
    """The sha256 of each file that `drive` made."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "out").iterdir()}


class Host:
    """A machine: a Ray with its own processes, ports and temporary files, on the disk of this machine."""

    network = "127.77.0"  # Ray replaces 127.0.0.1 by another address of this machine

    def __init__(self, number, folder):
        self.address, self.folder = f"{self.network}.{number}", folder / str(number)

    def command(self, *command):
        return command

    def start(self, *options):
        ray = [str(Path(sys.executable).with_name("ray")), "start", f"--node-ip-address={self.address}", *options]
        more = ["--object-store-memory=100000000", f"--temp-dir={self.folder}", "--block"]
        self.ray = subprocess.Popen(
            self.command(*ray, *more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | VARIABLES
        )

    def processes(self):
        """The process ids of Ray and of all its descendants."""
        ids = [self.ray.pid]
        for process in ids:  # the list grows
            with suppress(OSError):  # the process has ended
                ids += map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
        return ids

    def workers(self):
        """The ids of the processes that make shards."""
        return [process for process in self.processes() if b"ray::MapWorker" in title(process)]

    def cut(self):
        """Kills all processes."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


class Apart(Host):
    """A host with its own network, processes and memory, made of namespaces; its power can be cut."""

    network = "10.77.0"

    def __init__(self, number, folder):
        super().__init__(number, folder)
        power = subprocess.Popen([*APART, "sleep", "infinity"])
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
        """Kills the first process of the namespace; the kernel then kills all others at once."""
        with suppress(ProcessLookupError):
            os.kill(self.first, signal.SIGKILL)


def title(process):
    """The command line of a process, as it shows it."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # the process has ended
        return b""


def do(*command):
    subprocess.run(command, check=True)


def driver(folder, store, command=(), **variables):
    """Starts a process that runs `drive`."""
    environment = os.environ | VARIABLES | {"TRAJPROBE_STORE": str(store)} | variables
    code = [sys.executable, __file__, "drive", str(folder)]
    return subprocess.Popen([*command, *code], env=environment, stdout=sys.stderr)  # Ray prints to it


def until(run, store, count):
    """Waits until so many shards are made; returns how many there are."""
    while (made := len(list(store.glob("??/*-*.safetensors")))) < count:
        if run.poll() is not None:
            sys.exit(f"the driver ended with {run.returncode}, {made} of {SHARDS} shards were made")
        time.sleep(0.05)
    return made


def namespaces():
    """Whether hosts can be made of namespaces here."""
    bridge = [*MAPPED, "ip", "link", "add", "bridge0", "type", "bridge"]
    tools = all(map(shutil.which, ("ip", "nsenter", "unshare")))
    return tools and not subprocess.run(bridge, capture_output=True, check=False).returncode


def free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


def main(kind, folder):
    for halt in HALTS:
        (folder / str(halt)).touch()
    if driver(folder, folder / "plain").wait():
        sys.exit("the plain loop failed")
    expected = digests(folder)
    shutil.rmtree(folder / "out")
    for halt in HALTS:
        (folder / str(halt)).unlink()
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
    """Makes the shards on the hosts while two of these are harmed; returns whether the bytes are the expected ones."""
    store, head, port = folder / "cluster", hosts[HEAD], free_port()
    address = f"{head.address}:{port}"
    head.start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false")
    reach = f"import socket; socket.create_connection(('{head.address}', {port}))"
    while subprocess.run(head.command(sys.executable, "-c", reach), stderr=subprocess.DEVNULL, check=False).returncode:
        time.sleep(0.2)
    for number in NODES:
        hosts[number].start(f"--address={address}", f"--num-cpus={CPUS}")
    begun = time.monotonic()

    def show(line):
        sys.stdout.write(f"{time.monotonic() - begun:5.1f} s: {line}\n")
        sys.stdout.flush()

    count = str(CPUS * len(NODES))
    variables = {"TRAJPROBE_EXECUTOR": "ray", "RAY_ADDRESS": address, "TRAJPROBE_WORKERS": count}
    run = driver(folder, store, head.command(), **variables)
    made = until(run, store, HALTS[0])
    while any(len(hosts[number].workers()) < CPUS for number in NODES):
        time.sleep(0.05)
    os.kill(hosts[NODES[0]].workers()[0], signal.SIGKILL)
    show(f"{made} of {SHARDS} shards are made; killed a worker of {hosts[NODES[0]].address}")
    (folder / str(HALTS[0])).touch()
    made = until(run, store, HALTS[1])
    workers = [len(hosts[number].workers()) for number in NODES]
    hosts[NODES[1]].cut()
    show(f"{made} of {SHARDS} shards are made; of {workers} workers on the nodes, cut the power of the latter")
    (folder / str(HALTS[1])).touch()
    status = run.wait()
    show(f"the driver ended with {status}")
    made = digests(folder) if status == 0 else {}
    same = made == expected and len(made) == SHARDS + 1
    digest = hashlib.sha256("".join(expected.values()).encode()).hexdigest()[:16]
    show(f"{len(made)} files, {'the bytes of' if same else 'NOT the bytes of'} the plain loop (together {digest})")
    return same


if __name__ == "__main__":
    if sys.argv[1:2] == ["drive"]:
        drive(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["on"]:
        main({"hosts": Apart, "raylets": Host}[sys.argv[2]], Path(sys.argv[3]))
    else:
        apart = sys.argv[1:] != ["raylets"] and namespaces()
        # A short name: Ray makes sockets there.
        with tempfile.TemporaryDirectory(prefix="cluster-", dir="/tmp") as name:
            (Path(name) / "home/.ray").mkdir(parents=True)
            (Path(name) / "home/.ray/auth_token").write_text(secrets.token_hex(32))
            run = [sys.executable, __file__, "on", "hosts" if apart else "raylets", name]
            own = os.environ | {"HOME": f"{name}/home"}
            sys.exit(subprocess.run([*MAPPED, *run] if apart else run, env=own, check=False).returncode)
