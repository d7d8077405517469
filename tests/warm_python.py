"""Processes of Python that have torch, scikit-learn and DVC from their start: forks of one process that imported them.

A stage imports torch for two seconds and works for a tenth of one, so a tiny pipeline would spend most of its time on
imports. `environment()` has a folder in front of PATH whose `python`, `dvc` and `trajprobe` have a server fork a child.
It takes the command's arguments, environment, folder and open files, and runs it from its first line. Nothing of
trajprobe is in the server, so that each repository runs its own source. New processes of Python are started for:

- tests that start `sys.executable`, worker processes of `multiprocessing`, and everything where the system isn't Linux;
- stages with a `sitecustomize.py` on PYTHONPATH, as where all of the pipeline is traced: the fixture `reproduced`;
- a stage that pins other threads, or another instruction set, than the server has. numpy and torch read these when they
  are imported. So both are hidden until a command imports them, and such a command begins anew.
"""

import array
import atexit
import contextlib
import functools
import gc
import importlib
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

#: They read the pins of arithmetic from the environment when they are imported.
PINNED = ("numpy", "torch")
#: What commands of these tests import, without what imports trajprobe.
PRELOADED = (
    *PINNED,
    *("scipy.optimize", "scipy.sparse.csgraph", "scipy.spatial", "scipy.special"),
    *("sklearn.decomposition", "sklearn.linear_model", "sklearn.model_selection", "sklearn.neighbors"),
    *("sklearn.neural_network", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.tree"),
    *("PIL.Image", "PIL.WebPImagePlugin", "PIL.PngImagePlugin", "einops", "jinja2", "joblib", "msgspec", "psutil"),
    *("ruamel.yaml", "safetensors.numpy", "safetensors.torch", "tqdm"),
    *("matplotlib.font_manager", "platformdirs", "resvg_py", "torch._dynamo", "torch.utils.flop_counter"),
    *("dvc.cli.parser", "dvc.cachemgr", "dvc.data_cloud", "dvc.dependency.param", "dvc.parsing", "dvc.repo.plots"),
    *("dvc.api", "dvc.lock", "dvc.output", "dvc.repo.artifacts", "dvc.repo.datasets", "dvc.repo.metrics"),
    *("dvc.repo.params", "dvc.repo.reproduce", "dvc.repo.stage", "dvc.stage.cache", "scmrepo.git"),
    *("dvc_data.hashfile.db.local", "dvc_data.hashfile.status", "dvc_data.index", "dvc_objects.fs.local"),
    *("dulwich.ignore", "dulwich.index", "fsspec.implementations.memory", "pyparsing", "ruamel.yaml.mergevalue"),
)
#: What a command becomes: a client of the server, in a Python without `site`, which starts in 10 ms.
CLIENT = """#!{python} -IS
import os, sys
import _socket
words = [{command}, *sys.argv[1:]]
text = b"\\0".join(
    [str(len(words)).encode(), *map(os.fsencode, words), os.fsencode(os.getcwd())]
    + [name + b"=" + value for name, value in os.environb.items()]
)
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({address})
descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
server.sendmsg([len(text).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)])
server.sendall(text)
status = int.from_bytes(server.recv(4), "big", signed=True)
if status < 0:
    os.kill(os.getpid(), -status)
os._exit(status)
"""


_servers = []  # of this process: one, whose standard input stays open as long as this process lives


@functools.cache
def folder():
    """The folder with the commands; the server is started by the first call, and ends with this process."""
    real = Path(sys.executable).parent
    if not hasattr(os, "pidfd_open"):
        return real
    from trajprobe.params import read
    from trajprobe.stage import FIXED, INSTRUCTION_SETS, THREADS

    compute = read(Path(__file__).parents[1] / "params.yaml")["compute"]
    pins = dict.fromkeys(THREADS, str(compute["threads"])) | FIXED | INSTRUCTION_SETS[compute["instruction_set"]]
    place = Path(tempfile.mkdtemp(prefix="warm-"))
    address = str(place / "server")
    for name, command in {
        "python": repr(sys.executable),
        "dvc": f"{sys.executable!r}, {str(real / 'dvc')!r}",
        "trajprobe": f"{sys.executable!r}, {str(real / 'trajprobe')!r}",
    }.items():
        (place / name).write_text(CLIENT.format(python=sys.executable, command=command, address=repr(address)))
        (place / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | pins
    environment["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pyarrow would start a thread when imported
    server = subprocess.Popen(
        [sys.executable, __file__, address, str(place / "python"), *pins],
        env=environment,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    _servers.append(server)
    assert server.stdout.readline() == b"ready\n"
    server.stdout.close()
    return place


def environment():
    """The environment of this process, with `folder()` and the folder of its own Python in front of PATH."""
    paths = [str(folder()), str(Path(sys.executable).parent), os.environ["PATH"]]
    return os.environ | {"PATH": os.pathsep.join(paths)}


class Hidden:
    """Imports a module that the server has, once the pins were found to be the server's own."""

    def __init__(self, pins):
        self.pins = {name: os.environ.get(name) for name in pins}
        self.modules = {name: sys.modules[name] for name in PINNED}
        self.specs = {name: module.__spec__ for name, module in self.modules.items()}
        self.words = None  # of the command

    def find_spec(self, name, path=None, target=None):
        if name not in self.modules:
            return None
        spec = self.specs[name]
        copy = ModuleSpec(name, self, origin=spec.origin, is_package=True)
        copy.submodule_search_locations = spec.submodule_search_locations
        return copy

    def create_module(self, spec):
        # A process that pinned nothing says nothing of how it is to compute: it takes what there is.
        is_pinned = os.environ.get("OMP_DYNAMIC") is not None
        if is_pinned and any(os.environ.get(name) != value for name, value in self.pins.items()):
            sys.stdout.flush()
            os.execv(self.words[0], self.words)
        return self.modules[spec.name]

    def exec_module(self, module):
        module.__spec__ = self.specs[module.__name__]


def serve(address, pins):
    """Forks a child for each client; in the child, returns its command's words. It ends when standard input closes."""
    for name in PRELOADED:
        importlib.import_module(name)
    assert len(list(Path("/proc/self/task").iterdir())) == 1  # of several threads, a fork has but one
    hidden = Hidden(pins)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(0, selectors.EVENT_READ)
    gc.collect()
    gc.freeze()
    os.write(1, b"ready\n")
    while True:
        for key, _ in waiting.select():
            if key.fileobj == 0:
                shutil.rmtree(Path(address).parent)
                os._exit(0)
            elif key.fileobj is listener:
                connection, _ = listener.accept()
                words, place, environment, files = request(connection)
                pid = os.fork()
                if not pid:
                    listener.close()
                    waiting.close()
                    begin(connection, place, environment, files)
                    hidden.words = words
                    for name in PINNED:
                        del sys.modules[name]
                    sys.meta_path.insert(0, hidden)
                    return words
                for file in files:
                    os.close(file)
                waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, connection))
                waiting.register(connection, selectors.EVENT_READ, pid)
            elif isinstance(key.data, int):  # the client sends nothing more: it was killed
                with contextlib.suppress(ProcessLookupError):
                    os.kill(key.data, signal.SIGTERM)
                waiting.unregister(key.fileobj)
            else:
                pid, connection = key.data
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(OSError):
                    connection.sendall(status.to_bytes(4, "big", signed=True))
                waiting.unregister(key.fileobj)
                os.close(key.fileobj)
                with contextlib.suppress(KeyError):
                    waiting.unregister(connection)
                connection.close()


def request(connection):
    """A client's words, its folder, its environment, and copies of its standard input, output and error."""
    size, ancillary, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(12))
    files = array.array("i", ancillary[0][2]).tolist()
    with connection.makefile("rb") as stream:
        parts = stream.read(int.from_bytes(size, "big")).split(b"\0")
    count = int(parts[0])
    words = [os.fsdecode(part) for part in parts[1 : count + 1]]
    environment = dict(os.fsdecode(part).split("=", 1) for part in parts[count + 2 :])
    return words, Path(os.fsdecode(parts[count + 1])), environment, files


def begin(connection, place, environment, files):
    """Makes this process one that the client might have started."""
    os.setsid()
    connection.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)


def execute(words, command):
    """Runs `python ...` from the start, as the interpreter does."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    arguments = words[1:]
    if any(Path(path, "sitecustomize.py").exists() for path in paths) or not arguments or arguments[0] == "-":
        os.execv(words[0], words)
    sys.executable, sys.path[:1] = command, paths
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(arguments[1], "<string>", "exec"), vars(sys.modules["__main__"]))
    elif arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif not Path(arguments[0]).is_file():  # another option, or a mistake
        os.execv(words[0], words)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


def status_of(words, command):
    """Runs it to its end; returns its exit status."""
    try:
        execute(words, command)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return end.code or 0
    except BaseException:  # noqa: BLE001 (as the interpreter does)
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    status = status_of(serve(sys.argv[1], sys.argv[3:]), sys.argv[2])
    # As the interpreter ends, but for the memory, half a gigabyte that need not be taken apart.
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(status)
