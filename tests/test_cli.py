"""The command line: help of each command, one line for a user's mistake, and the exit status."""

import errno
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from trajprobe import cli
from trajprobe.errors import UserError

ROOT = Path(__file__).parents[1]
VIDEOGPT = [
    "videogpt-bair-stride4x2x2",
    "videogpt-kinetics-stride2x4x4",
    "videogpt-kinetics-stride4x4x4",
    "videogpt-ucf101-stride4x4x4",
]
RUN = [sys.executable, "-c", "from trajprobe.cli import main; main()"]


def paths(group, *above):
    """The words of each command and group below `group`."""
    for name, command in group.commands.items():
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from paths(command, *above, name)


COMMANDS = list(paths(cli.commands))


def command_of(words):
    command = cli.commands
    for word in words:
        command = command.commands[word]
    return command


SINGLE = [words for words in COMMANDS if not isinstance(command_of(words), click.Group)]


@pytest.fixture
def run(capsys):
    """Runs a command in this process; returns its exit status, standard output and standard error."""

    def run(*arguments):
        try:
            cli.main(list(arguments))
        except SystemExit as end:
            return (end.code, *capsys.readouterr())
        return (0, *capsys.readouterr())

    return run


@pytest.fixture
def raising(monkeypatch):
    """Has `trajprobe pull` raise an exception."""
    return lambda error: monkeypatch.setattr(
        cli.commands.commands["pull"], "callback", lambda: (_ for _ in ()).throw(error)
    )


def test_the_commands_are_these():
    assert {" ".join(words) for words in COMMANDS} == {
        *(
            "check",
            "data",
            "data import",
            "data show",
            "data list",
            "data remove",
            "clips",
            "clips show",
            "weights",
            "weights add",
            "weights list",
            "remote",
            "remote add",
            "push",
            "pull",
            "report",
            "table",
            "export",
            "restore",
            "doctor",
        ),
        *("cache", "cache show", "cache prune", "cache verify"),
    }


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_each_command_has_help_whose_summaries_are_not_cut(run, words):
    status, out, err = run(*words, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(" ".join(["Usage: trajprobe", *words]))
    assert "..." not in out.replace("COMMAND [ARGS]...", "")


def test_each_argument_and_option_has_help():
    for words in COMMANDS:
        command = command_of(words)
        assert command.help, words
        assert [parameter.name for parameter in command.params if not parameter.help] == [], words


@pytest.mark.parametrize("words", SINGLE, ids=" ".join)
def test_the_examples_of_a_command_are_of_it_and_valid(run, words):
    examples = command_of(words).examples
    assert examples
    text = run(*words, "--help")[1]
    assert "\nExamples:\n" in text
    for command, meaning in examples:
        assert f"\n  {command}\n" in text, "whole, in a line"
        assert meaning.endswith((".", "?"))
        first = re.split(r" && | \| ", command)[0]
        program, *given = [word for word in shlex.split(first) if not re.fullmatch("[A-Z_]+=.*", word)]
        assert (program, *given[: len(words)]) == ("trajprobe", *words)
        assert run(*given, "--help")[0] == 0, "an option that does not exist is refused before help is shown"


def test_the_options_of_an_import_stand_in_sections(run):
    text = run("data", "import", "--help")[1]
    titles = [
        "Options:",
        "The file:",
        "Which columns or arrays:",
        "Cleaning:",
        "Classes:",
        "Windows, and what is too short:",
    ]
    assert [line for line in text.splitlines() if line in titles] == titles
    assert text.index("Cleaning:") < text.index("--outliers") < text.index("Classes:") < text.index("--drop-class")


def test_help_lists_commands_in_the_order_of_the_work(run):
    lines = run("--help")[1].partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines[:12]] == [
        "check",
        "data",
        "clips",
        "weights",
        "remote",
        "push",
        "pull",
        "report",
        "table",
        "export",
        "restore",
        "doctor",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["wieghts"], "No such command 'wieghts'. Did you mean 'weights'? See `trajprobe --help`."),
        (["repro", "--jobs", "2"], "No such command 'repro'. Did you mean 'report'? See `trajprobe --help`."),
        (
            ["weights", "add", "a", "--forc"],
            "No such option '--forc'. (Did you mean one of: '--force', '--from'?). See `trajprobe weights add --help`.",
        ),
        (["cache", "delete"], "No such command 'delete'. See `trajprobe cache --help`."),
        (["check", "--fast"], "No such option '--fast'. See `trajprobe check --help`."),
        (["data", "import", "--name", "a"], "Missing argument 'FILES'. See `trajprobe data import --help`."),
        (["data", "import", "a.npz"], "Missing option '--name'. See `trajprobe data import --help`."),
        (["check", "all"], "Got unexpected extra argument (all). See `trajprobe check --help`."),
        (
            ["cache", "prune", "--days", "few"],
            "--days: got 'few', expected a number, 0 or more; see `trajprobe cache prune --help`",
        ),
        (
            ["cache", "prune", "--days=-5"],
            "--days: got '-5', expected a number, 0 or more; see `trajprobe cache prune --help`",
        ),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(run, words, message):
    assert run(*words) == (2, "", f"trajprobe: error: {message}\n")


@pytest.mark.parametrize("words", [[], ["cache"]])
def test_a_group_alone_shows_its_help_and_fails(run, words):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert err.startswith(" ".join(["Usage: trajprobe", *words]))


def test_a_users_mistake_is_one_line_and_status_2(run, raising):
    raising(UserError("got a, expected b; do c"))
    assert run("pull") == (2, "", "trajprobe: error: got a, expected b; do c\n")


@pytest.mark.parametrize(("error", "line"), [
    (OSError(errno.EACCES, "Permission denied", "data/raw/a.npz"),
     "data/raw/a.npz: Permission denied; get access to it (its owner and mode: `ls -ld`), or use a folder of your own"),
    (OSError(errno.EROFS, "Read-only file system", ".dvc"),
     ".dvc: Read-only file system; the filesystem is read-only: mount it for writing, or work in another folder"),
    (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; free disk space, then run again"),
    (OSError(errno.EIO, "Input/output error", "a", None, "b"),
     "b: Input/output error; the disk or the network filesystem fails: check it, then run again"),
    (OSError("no number"), "no number; correct that, then run again"),
    (MemoryError("Unable to allocate 9 TiB"),
     "too little memory (Unable to allocate 9 TiB); end other programs, or take fewer or shorter tracks"),
])  # fmt: skip
def test_what_the_system_refuses_is_one_line_and_status_2(run, raising, error, line):
    raising(error)
    assert run("pull") == (2, "", f"trajprobe: error: {line}\n")


@pytest.mark.harm("hostile names")
def test_names_of_files_forge_neither_a_line_nor_a_colour(run, raising, monkeypatch):
    forged = "g|0\n- fake: all is well\x1b[2J\u202e\ud800"
    raising(UserError(f"got {forged}"))
    assert run("pull") == (2, "", r"trajprobe: error: got g|0\n- fake: all is well\x1b[2J\u202e\ud800" + "\n")
    monkeypatch.setattr("trajprobe.repository.scratch_store.prune_store", lambda _: f"a\n{forged[3:]}")
    assert run("cache", "prune") == (0, "a\n\n- fake: all is well\\x1b[2J\\u202e\\ud800\n", "")


@pytest.mark.harm("locales")
def test_a_terminal_without_the_letters_gets_escapes_and_no_traceback(monkeypatch):
    monkeypatch.setattr("trajprobe.repository.scratch_store.prune_store", lambda _: "caf\u00e9 \u6771 \ud800")
    output = io.TextIOWrapper(io.BytesIO(), "latin-1")
    monkeypatch.setattr("sys.stdout", output)
    cli.main(["cache", "prune"])
    output.flush()
    assert output.buffer.getvalue() == b"caf\xe9 \\u6771 \\ud800\n"


@pytest.mark.harm("ctrl-c")
def test_ctrl_c_is_status_130(run, raising):
    raising(KeyboardInterrupt())
    status, out, err = run("pull")
    assert (status, out, err.split()) == (130, "", ["trajprobe:", "interrupted"])


@pytest.mark.harm("ctrl-c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_status_130_whatever_error_it_leads_to(run, monkeypatch, number):
    def interrupted():
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise ImportError("cannot import numpy") from None

    before = signal.getsignal(number)
    monkeypatch.setattr(cli.commands.commands["pull"], "callback", interrupted)
    assert run("pull") == (130, "", "trajprobe: interrupted\n")
    assert signal.getsignal(number) is before


def test_a_bug_keeps_its_traceback(run, raising):
    raising(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        run("pull")


def test_options_reach_the_command(run, monkeypatch):
    calls = []
    monkeypatch.setattr("trajprobe.repository.scratch_store.prune_store", lambda days: calls.append(days) or "pruned")
    assert run("cache", "prune") == (0, "pruned\n", "")
    assert run("cache", "prune", "--days", "1.5") == (0, "pruned\n", "")
    assert calls == [30, 1.5]


def test_cache_verify_checks_the_store_and_then_dvcs_cache(run, monkeypatch):
    monkeypatch.setattr("trajprobe.repository.scratch_store.verify_store", lambda report: report("shard") or "store")
    monkeypatch.setattr("trajprobe.repository.dvc_cache.verify_objects", lambda report: report("object") or "cache")
    assert run("cache", "verify") == (0, "shard\nstore\nobject\ncache\n", "")


def test_a_mistake_in_another_process_has_no_traceback_and_no_colour(tmp_path):
    done = subprocess.run([*RUN, "pull"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"trajprobe: error: {tmp_path}: is not the root of the repository (it has no .dvc folder); change to the root\n"
    )


def test_help_imports_neither_torch_nor_numpy_nor_the_reader_of_params():
    code = "import sys; from trajprobe.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert modules & {"torch", "numpy", "ruamel.yaml", "msgspec", "dvc"} == set()
    assert {name for name in modules if name.startswith("trajprobe")} == {
        "trajprobe",
        "trajprobe.cli",
        "trajprobe.cli_clips",
        "trajprobe.cli_data",
        "trajprobe.cli_group",
        "trajprobe.cli_report",
        "trajprobe.cli_repository",
        "trajprobe.cli_values",
        "trajprobe.errors",
        "trajprobe.inspection",
        "trajprobe.inspection.listing",
    }


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("trajprobe ca", ["cache"]),
        ("trajprobe cache pr", ["prune"]),
        ("trajprobe clips show t", ["t17", "t9"]),
        ("trajprobe clips show t17 --scene d", ["default"]),
        ("trajprobe clips show t17 --perturbation m", ["middle-frame"]),
        ("trajprobe data show s", ["synthetic"]),
        ("trajprobe data import a.csv --outliers p", ["place"]),
        ("trajprobe weights add videog", VIDEOGPT),
        ("trajprobe export transnet", ["transnetv2"]),
        ("trajprobe restore data/raw/x", []),
    ],
)
def test_the_shell_completes_commands_and_names(typed, completed):
    variables = {"_TRAJPROBE_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    done = subprocess.run(RUN, env=os.environ | variables, capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == sorted(f"plain,{name}" for name in completed)


def test_the_shell_completes_the_features_of_a_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("none/plain/features", "pretrained/0/plain/a.tmean", "random/1/plain/a.tmean"):
        (tmp_path / "data/features/net" / name).mkdir(parents=True)
        (tmp_path / "data/features/net" / name / "manifest.json").touch()
    shell = BashComplete(cli.commands, {}, "trajprobe", "_TRAJPROBE_COMPLETE")

    def offered(*typed, incomplete=""):
        return [item.value for item in shell.get_completions(list(typed), incomplete)]

    assert offered("export", "net", "--network") == ["none", "pretrained/0", "random/1"]
    assert offered("export", "net", "--network", incomplete="r") == ["random/1"]
    assert offered("export", "net", "--network", "random/1", "--layer") == ["features", "a.tmean"]
    assert offered("export", "--out", "a.npz", "net", "--input") == ["plain"]
    assert offered("export", "--network") == []  # no row is named yet


def test_a_shell_outside_of_a_repository_is_offered_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = command_of(["export"]).params[0]
    assert row.type.shell_complete(click.Context(click.Command("export")), row, "") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["clips", "show", "t17", "--out", "a.png", "--track", "1.5"],
            "--track: got '1.5', expected a whole number, 0 or more",
        ),
        (
            ["clips", "show", "t17", "--out", "a.png", "--level", "101"],
            "--level: got '101', expected a number from 0 to 100",
        ),
        (
            ["clips", "show", "t17", "--out", "a.png", "--level", "nan"],
            "--level: got 'nan', expected a number from 0 to 100",
        ),
        (
            ["data", "import", "a", "--name", "a", "--outliers", "far"],
            "--outliers: got 'far', expected one of place, speed",
        ),
        (
            ["data", "import", "a", "--name", "a", "--min-points", "1"],
            "--min-points: got '1', expected a whole number, 2 or more",
        ),
    ],
)
def test_values_are_refused_in_the_same_words(run, words, message):
    see = f"trajprobe {' '.join(words[:2])} --help"
    assert run(*words) == (2, "", f"trajprobe: error: {message}; see `{see}`\n")


STORE = {"folder": "/a", "bytes": 0, "shards": 0, "recipes": [], "unfinished": {"bytes": 0, "files": 0}}


def test_json_is_all_of_standard_output_and_has_no_letter_that_a_terminal_obeys(run, monkeypatch):
    of = STORE | {"folder": "caf\u00e9\x1b[2J\ud800"}
    monkeypatch.setattr("trajprobe.repository.scratch_store.store_facts", lambda: of)
    status, out, err = run("cache", "show", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == of
    assert out.isascii()
    assert out.replace("\n", "").isprintable()


def test_tables_are_drawn_on_a_terminal_and_plain_lines_elsewhere(run, monkeypatch):
    monkeypatch.chdir(ROOT)
    plain = run("weights", "list")[1]
    monkeypatch.setattr("trajprobe.cli_group.is_terminal", lambda: True)
    monkeypatch.setattr("trajprobe.cli.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")
    drawn = run("weights", "list")[1]
    assert [line.split() for line in drawn.splitlines()] == [line.split() for line in plain.splitlines()]
    monkeypatch.setenv("COLUMNS", "70")
    wrapped = run("data", "list")[1]
    monkeypatch.setattr("trajprobe.cli_group.is_terminal", lambda: False)
    plain = run("data", "list")[1]
    assert len(wrapped.splitlines()) > len(plain.splitlines())
    assert sorted(wrapped.split()) == sorted(plain.split())


def test_rich_is_imported_for_a_terminal_alone():
    code = "import sys; from trajprobe.cli import main; main(['weights', 'list']); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_a_report_is_against_a_revision_or_of_all_runs(run):
    for words in ([], ["--all", "--against", "main"]):
        status, _, err = run("report", *words)
        assert status == 2
        assert "got neither --against nor --all, or both; expected one of them. See `trajprobe report --help`" in err


@pytest.mark.parametrize(
    ("words", "module", "function"),
    [
        (["report", "--against", "main"], "against_page", "against_page"),
        (["report", "--all"], "every_run", "every_run_page"),
        (["table", "--without", "net"], "incomplete", "incomplete_table"),
    ],
)
def test_reports_are_shown_or_written_to_a_file(run, tmp_path, monkeypatch, words, module, function):
    monkeypatch.setattr("trajprobe.runs.against.hold_against", lambda revision: revision)
    monkeypatch.setattr("trajprobe.runs.every_run.every_run", lambda: None)
    monkeypatch.setattr(f"trajprobe.runs.{module}.{function}", lambda _: "# Runs\n\nt\u00e9xt\n")
    assert run(*words) == (0, "# Runs\n\nt\u00e9xt\n", "")
    out = tmp_path / "runs.md"
    assert run(*words, "--out", str(out)) == (0, f"{out}: written\n", "")
    assert out.read_bytes() == "# Runs\n\nt\u00e9xt\n".encode()
