"""What a stage script does around its work, seen from outside: each test runs a real script in its own process."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

REAL = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8").replace("threads: 2", "threads: 3")
HEAD = "import os, sys\nfrom trajprobe.params import UserError\nfrom trajprobe.stage import Compute, pin, run\n"
PINNED = {
    "OMP_NUM_THREADS": "3",
    "MKL_NUM_THREADS": "3",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_DYNAMIC": "FALSE",
    "OMP_DYNAMIC": "FALSE",
    "GOMP_SPINCOUNT": "2000",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
OF_THE_SET = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "OPENBLAS_CORETYPE")


@pytest.fixture
def script(tmp_path):
    """Runs a script of the given body, with arguments, in a folder with a params.yaml."""

    def start(body, *arguments, params=REAL, **variables):
        (tmp_path / "params.yaml").write_text(params, encoding="utf-8")
        (tmp_path / "work.py").write_text(HEAD + body, encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if key not in PINNED}
        return subprocess.run(
            [sys.executable, "work.py", *arguments],
            cwd=tmp_path, env=environment | variables, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return start


def test_a_stage_runs_pinned_before_numpy_and_logs_what_it_made(script, tmp_path):
    body = f"""
def main(a, b):
    import numpy
    wrong = {{key: os.environ.get(key) for key, value in {PINNED!r}.items() if os.environ.get(key) != value}}
    return f"{{a}}+{{b}}: wrong {{wrong}}"
assert "numpy" not in sys.modules and "torch" not in sys.modules
run(main)
"""
    done = script(body, "x", "y")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    first, last = done.stderr.splitlines()
    assert first == "work x y; 3 threads, avx2"
    assert last.startswith("x+y: wrong {} (")
    log = (tmp_path / "logs" / "work-x-y.log").read_text()
    assert first in log
    assert last in log


def test_whoever_imports_trajprobe_has_threads_that_spin_briefly_unless_told_otherwise(script):
    body = "print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    assert script(body).stdout == "2000 False\n"
    assert script(body, GOMP_SPINCOUNT="7").stdout == "7 False\n"
    body = "pin(Compute(threads=1, instruction_set='avx2'))\n" + body
    assert script(body, GOMP_SPINCOUNT="7").stdout == "7 False\n"


def test_native_leaves_the_instruction_set_to_the_libraries(script):
    body = f"""
def main():
    return f"set: {{[key for key in {OF_THE_SET!r} if key in os.environ]}}"
run(main)
"""
    done = script(body, params=REAL.replace("instruction_set: avx2", "instruction_set: native"))
    assert "set: [] (" in done.stderr


@pytest.mark.parametrize(("late", "told"), [("numpy", "numpy"), ("torch", "numpy, torch")])
def test_a_pin_that_comes_too_late_is_an_error_and_pins_nothing(script, late, told):
    body = f"""
import {late}
try:
    pin(Compute(threads=1, instruction_set="avx2"))
except RuntimeError as error:
    print(error, "MKL_CBWR" in os.environ)
"""
    assert script(body).stdout == f"pin() came after the import of {told} False\n"


def test_a_users_mistake_is_told_in_one_line_and_ends_with_2(script, tmp_path):
    body = """
def main():
    raise UserError("clips.t17: got 0, expected 1; mend it")
run(main)
"""
    done = script(body)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[1:] == ["error: clips.t17: got 0, expected 1; mend it"]
    log = (tmp_path / "logs" / "work.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert "in main" in log


@pytest.mark.parametrize("end", ["return 'made'", "raise UserError('refused')"])
def test_what_a_stage_has_opened_is_closed_before_its_end_is_reported(script, end):
    done = script(f"""
from trajprobe.stage import cleanup
def main():
    cleanup.callback(sys.stderr.write, "closed\\n")
    {end}
run(main)
""")
    assert done.stderr.splitlines()[1] == "closed"
    assert len(done.stderr.splitlines()) == 3


@pytest.mark.harm("full disk")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_told_in_one_line_and_leaves_no_half_file(script, tmp_path, store_folder, workers):
    """The kernel stops the writing in its middle, as it does on a full disk."""
    body = f"""
def main():
    import numpy, resource
    from pathlib import Path
    from trajprobe.execution.local import Local
    from trajprobe.execution.producing import produce
    from trajprobe.files.store import Store
    from works import Squares, tasks
    store = Store.here()
    resource.setrlimit(resource.RLIMIT_FSIZE, (60, 60))  # less than a shard
    produce(Local(store, {workers}), Squares(Path("diary")), tasks(2), {{Path("out"): {{}}}}, "squares")
if __name__ == "__main__":
    sys.path.append({str(Path(__file__).parent / "execution")!r})
    run(main)
"""
    done = script(body)
    assert done.returncode == 2, done.stderr
    assert "error: File too large; finished shards are kept; free disk space, for example" in done.stderr
    assert "by `trajprobe cache prune --days 0`" in done.stderr
    assert "dvc gc" not in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in store_folder.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "out").exists()


@pytest.mark.harm("read-only")
@pytest.mark.parametrize(
    "prepare", ["Path('logs').write_text('a file')", "os.mkdir('logs'); os.mkdir('logs/work.log')"]
)
def test_a_log_that_cannot_be_written_is_a_line_with_its_path(script, prepare):
    done = script(f"from pathlib import Path\n{prepare}\nrun(lambda: 'made')\n")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert re.match(r"error: \S*logs\S*: (File exists|Is a directory|Not a directory); .* rename ", done.stderr)


def test_what_the_system_refuses_is_one_line_with_the_path_and_a_traceback_in_the_log_alone(script, tmp_path):
    done = script("""
def main():
    os.mkdir("metrics")
    open("metrics", "w")
run(main)
""")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == [
        "error: metrics: Is a directory; a file is expected there: rename the folder"
    ]
    assert "in main" in (tmp_path / "logs" / "work.log").read_text()


@pytest.mark.harm("locales")
def test_a_line_of_what_was_made_is_escaped_where_the_terminal_lacks_its_letters(script, tmp_path):
    done = script("run(lambda: 'caf\\u00e9 \\ud800')\n", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert r"caf\xe9 \ud800 (" in done.stderr
    assert "caf\u00e9 \\ud800 (" in (tmp_path / "logs" / "work.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [(), ("--help", "x", "y"), ("x", "y", "z")])
def test_arguments_that_do_not_fit_are_told_with_the_usage(script, tmp_path, arguments):
    body = """
__doc__ = "python work.py ROW [SEED]: works.\\n\\nAnd more."
def main(row, seed="0"):
    return "made"
run(main)
"""
    done = script(body, *arguments)
    assert done.returncode == 2
    got = " ".join(arguments) or "no argument"
    assert done.stderr == f"error: got {got}, expected python work.py ROW [SEED]: works.\n"
    assert not (tmp_path / "logs").exists()


def test_a_mistake_in_params_is_a_users_mistake_too(script):
    done = script("run(lambda: 'made')\n", params=REAL.replace("threads: 3", "threads: three"))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: params.yaml: `compute`, at `threads`: Expected `int`, got `str`; "
        "the valid keys are threads, instruction_set"
    ]


def test_any_other_error_shows_its_traceback_and_ends_with_1(script, tmp_path):
    body = """
def main():
    raise ZeroDivisionError("ours")
run(main)
"""
    done = script(body)
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: ours"
    assert "ZeroDivisionError: ours" in (tmp_path / "logs" / "work.log").read_text()


def test_the_usage_of_a_script_that_tells_none_is_its_name(script):
    done = script("def main(row):\n    return 'made'\nrun(main)\n")
    assert done.stderr == "error: got no argument, expected work\n"


def test_a_stage_takes_its_name_as_dvc_has_it_so_that_no_shell_sees_it(script):
    body = "def main(row):\n    return f'row {row}'\nrun(main)\n"
    assert "row pixels (" in script(body, "features@pixels").stderr
    assert "row pixels (" in script(body, "../dvc.yaml:features@pixels").stderr


@pytest.mark.harm("hostile names")
@pytest.mark.parametrize("name", ["x;touch PWNED", "$(id>F)", "../x", "a\nb", "x" * 300, ""])
def test_a_name_that_will_not_do_is_refused_before_anything_is_written(script, tmp_path, name):
    done = script("def main(row):\n    return row\nrun(main)\n", f"features@{name}")
    assert (done.returncode, done.stderr) == (
        2,
        f"error: work: got {name!r}, expected letters, digits, - and _; rename it\n",
    )
    assert not (tmp_path / "logs").exists()


@pytest.fixture
def started(tmp_path):
    """Starts a command in a folder with a params.yaml; returns the process once the file `begun` is there."""
    processes = []

    def start(*command, name="work.py", body="", **variables):
        (tmp_path / "params.yaml").write_text(REAL, encoding="utf-8")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(body, encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, *command], cwd=tmp_path, env=os.environ | variables, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        processes.append(process)
        wait_until((tmp_path / "begun").exists)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


WRITING = """
def main():
    import time
    from pathlib import Path
    from trajprobe.files.atomic import fresh_folder, write_bytes
    with fresh_folder(Path("out")) as folder:
        write_bytes(folder / "half", b"x")
        Path("begun").touch()
        {wait}
    return "made"
run(main)
"""
WAIT = "time.sleep(60)"
#: As a compiled module does that is interrupted while it imports another one.
SWALLOWED = """
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            raise ImportError("numpy is not installed") from None
"""


@pytest.mark.harm("ctrl-c")
@pytest.mark.parametrize("wait", [WAIT, SWALLOWED])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_a_stage_with_one_line_and_nothing_half_written(started, tmp_path, number, wait):
    process = started("work.py", body=HEAD + WRITING.format(wait=wait))
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert output.splitlines()[1:] == ["interrupted"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "logs", "params.yaml", "work.py"]


@pytest.mark.harm("kills")
@pytest.mark.parametrize("shell", ["exec python work.py", "python work.py; true"])
def test_a_stage_ends_when_the_dvc_that_started_it_is_gone(started, tmp_path, shell):
    """DVC starts a shell, which may stay between the two."""
    (tmp_path / "dvc.py").write_text(
        f"import os, subprocess\nsubprocess.run({shell.replace('python', sys.executable)!r}, shell=True)\n"
    )
    process = started("dvc.py", body=HEAD + WRITING.format(wait=WAIT), DVC_STAGE="work")
    process.kill()
    wait_until(lambda: "interrupted" in (tmp_path / "logs/work.log").read_text())
    wait_until(lambda: not any(path.name.startswith(".out") for path in tmp_path.iterdir()))
    assert not (tmp_path / "out").exists()


def test_a_stage_that_was_not_started_by_dvc_outlives_its_terminal(started, tmp_path):
    (tmp_path / "dvc.py").write_text(f"import subprocess\nsubprocess.run([{sys.executable!r}, 'work.py'])\n")
    process = started("dvc.py", body=HEAD + WRITING.format(wait="time.sleep(2)"))
    process.kill()
    wait_until((tmp_path / "out/half").exists)
    assert "interrupted" not in (tmp_path / "logs/work.log").read_text()


@pytest.mark.harm("ctrl-c")
@pytest.mark.parametrize("name", ["stages/work.py", "bin/trajprobe"])
def test_ctrl_c_while_a_stage_or_the_command_imports_its_modules_is_one_line(started, name):
    body = "import trajprobe\nimport pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)\n"
    process = started(name, name=name, body=body)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("interrupted\n", None)
    assert process.returncode == 130
