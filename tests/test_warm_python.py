"""A fork of the server runs a command as a new process of Python would."""

import os
import subprocess
import sys

import pytest
import warm_python

from trajprobe.stage import FIXED, INSTRUCTION_SETS, THREADS

PINS = dict.fromkeys(THREADS, "2") | FIXED | INSTRUCTION_SETS["avx2"]
IMPORTING = "import os, sys, numpy, torch; print(os.getpid(), sys.executable, numpy.ones(1), torch.ones(1))"
STATE = """
import os, pickle, sys
class Mine: pass
hidden = [name for name in ("numpy", "torch", "trajprobe") if name in sys.modules]
print(sys.argv, sys.stdin.read(), os.getcwd(), os.environ["TOLD"], __name__, hidden)
print(type(pickle.loads(pickle.dumps(Mine()))))
print("error", file=sys.stderr)
"""


def run(*words, new=False, **options):
    """What a command printed, by a fork or by a new process, and how it ended."""
    environment = os.environ if new else warm_python.environment()
    words = [sys.executable if new and words[0] == "python" else words[0], *words[1:]]
    variables = {"TOLD": "told"} | options.pop("variables", {})
    return subprocess.run(words, env=environment | variables, capture_output=True, text=True, check=False, **options)


def is_fork(done):
    """Whether a process that ran IMPORTING was forked."""
    return done.stdout.split()[1] == str(warm_python.folder() / "python")


@pytest.mark.parametrize(
    "words",
    [
        ("python", "-c", STATE, "an argument", ""),
        ("python", "script.py", "an argument", ""),
        ("python", "-m", "script", "an argument"),
        ("python", "-c", "import sys; sys.exit(3)"),
        ("python", "-c", "import sys; sys.exit('words')"),
        ("python", "-c", "import atexit; atexit.register(print, 'end')"),
        ("python", "-c", "import threading, time; threading.Timer(0.1, print, ('end',)).start()"),
        ("python", "-c", "import os; os.kill(os.getpid(), 9)"),
        ("python", "-c", "import sys; print(1); sys.stdout.close()"),
        ("python", "-c", "import numpy.linalg, torch.nn; print(numpy.__spec__.name, torch.nn.Linear(1, 1).training)"),
        ("python", "-c", "import importlib.util as u; print(u.find_spec('torch').origin, u.find_spec('numpy').name)"),
        ("python", "nowhere.py"),
        ("python", "-V"),
        ("dvc", "--version"),
    ],
)
def test_a_fork_does_what_a_new_process_does(tmp_path, words):
    (tmp_path / "script.py").write_text(STATE)
    of_fork, of_new = (run(*words, new=new, cwd=tmp_path, input="in") for new in (False, True))
    assert of_fork.returncode == of_new.returncode
    assert of_fork.stdout == of_new.stdout
    assert of_fork.stderr.splitlines()[-1:] == of_new.stderr.splitlines()[-1:]


def test_an_exception_ends_with_its_traceback_and_status_1():
    done = run("python", "-c", "1 / 0")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "ZeroDivisionError: division by zero")


def test_a_stage_with_the_pins_of_the_repository_is_a_fork_and_one_with_others_begins_anew():
    assert is_fork(run("python", "-c", IMPORTING))
    assert is_fork(run("python", "-c", IMPORTING, variables=PINS))
    for name in ("OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY", "OPENBLAS_CORETYPE"):
        done = run("python", "-c", IMPORTING, variables=PINS | {name: "1"})
        assert done.returncode == 0, done.stderr
        assert not is_fork(done)


def test_a_site_of_its_own_is_imported_by_a_new_process(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('site')")
    assert run("python", "-c", "", variables={"PYTHONPATH": str(tmp_path)}).stdout == "site\n"


def test_the_source_on_the_path_is_what_runs(tmp_path):
    package = tmp_path / "trajprobe"
    package.mkdir()
    (package / "__init__.py").write_text("print('mine')")
    assert run("python", "-c", "import trajprobe", variables={"PYTHONPATH": str(tmp_path)}).stdout == "mine\n"


def test_a_command_ends_with_its_client():
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    client = subprocess.Popen(
        ["python", "-c", code], env=warm_python.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    pid = int(client.stdout.readline())
    assert pid != client.pid
    client.kill()
    client.wait()
    assert client.stdout.read() == b""  # its end, which comes when no process has it open
    client.stdout.close()
    client.stderr.close()
