"""Every command and every piece of code of README.md and docs is run, or parsed where a test can't run it."""

import ast
import re
import shlex

import pytest
from click.testing import CliRunner
from documents import DOCUMENTS, LANGUAGES, ROOT, blocks
from dvc.cli.parser import get_main_parser
from reader import missing_lines

from trajprobe.cli import commands

#: Console blocks, by document and first command: why no test here runs it, and the test that does the same.
NOT_RUN = {
    "README.md": {
        "trajprobe weights add videomae-base": (
            "downloads from the hub",
            "tests/published/test_huggingface_hub.py::test_only_the_needed_files_are_downloaded_recorded_and_kept_to",
        )
    },
    "docs/data.md": {
        "pip install 'trajprobe[poses]'": (
            "installs sixty packages",
            "tests/importers/test_tools.py::test_a_file_of_deeplabcut_goes_in_by_one_command",
        ),
    },
    "docs/networks.md": {
        "trajprobe weights add open-magvit2": (
            "downloads 3 GB",
            "tests/published/test_hub.py::test_the_first_download_is_recorded_and_later_ones_must_equal_it",
        ),
        "trajprobe weights add videomae-base": (
            "downloads from the hub",
            "tests/published/test_huggingface_hub.py::test_only_the_needed_files_are_downloaded_recorded_and_kept_to",
        ),
        "trajprobe weights add wan-2.1": (
            "downloads from the hub",
            "tests/published/test_diffusers_weights.py::"
            "test_the_hub_s_files_of_a_subfolder_are_downloaded_recorded_and_kept_to",
        ),
    },
    "docs/dvc-recipes.md": {
        "dvc queue start": ("runs in the background", None),
        "dvc exp apply NAME": ("the name is drawn", None),
    },
    "docs/caching-and-remotes.md": {
        "trajprobe remote add ssh://me@host:22/srv/trajprobe": (
            "needs sshd",
            "tests/pipeline/remotes/test_remotes.py::test_a_server",
        ),
        "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...": (
            "needs S3",
            "tests/pipeline/remotes/test_remotes.py::test_a_server",
        ),
        "python -m http.server --directory /mnt/share/trajprobe --bind 127.0.0.1 8000": (
            "a server that does not end",
            "tests/pipeline/remotes/test_remotes.py::test_a_read_only_web_server",
        ),
        "TRAJPROBE_TEST_S3_ENDPOINT=http://127.0.0.1:7480 AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... pytest "
        "tests/pipeline/remotes": ("needs an S3 store", None),
    },
    "docs/scale-out.md": {
        ".venv/bin/pip install --requirement requirements-ray.lock": (
            "installs; needs a cluster",
            "tests/execution/test_cluster.py::test_a_killed_worker_and_a_killed_node_change_nothing",
        ),
        "#!/bin/bash": ("needs Slurm", None),
        "RAY_AUTH_MODE=token ray start --head --port=6379 --include-dashboard=false": ("needs a cloud", None),
        "TRAJPROBE_DEVICE=cuda python stages/features.py open-magvit2 --dry": (
            "needs a GPU",
            "tests/pipeline/test_rows_of_open_magvit2.py::test_a_row_with_weights_and_one_without_run_to_the_table",
        ),
    },
}
#: Documents with something to run.
RUN = [
    name
    for name in DOCUMENTS
    if any(block.language in ("bash", "python", "yaml") or block.file for block in blocks(name))
]


@pytest.mark.parametrize("document", RUN)
def test_a_document_does_what_it_says(document, session):
    assert session(document).run(blocks(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_block_is_of_a_language_that_is_tried(document):
    for block in blocks(document):
        assert block.language in LANGUAGES, f"{document}, line {block.line}"
        if not block.language:
            shown = re.findall(r"^(?:\$ )?(?:trajprobe|dvc|make|git|python|pip) .*", block.text, re.MULTILINE)
            assert shown == [], f"{document}, line {block.line}: a command in a block without a language is never run"


def test_the_commands_that_are_not_run_are_listed_and_tried_elsewhere():
    shown = {
        document: [_commands(block)[0] for block in blocks(document) if block.language == "console"]
        for document in DOCUMENTS
    }
    assert {document: found for document, found in shown.items() if found} == {
        document: list(listed) for document, listed in NOT_RUN.items()
    }
    for reason, test in (entry for listed in NOT_RUN.values() for entry in listed.values()):
        assert reason
        if test:
            path, name = test.split("::")
            tree = ast.parse((ROOT / path).read_text())
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


@pytest.mark.parametrize("document", NOT_RUN)
def test_the_commands_that_are_not_run_are_valid(document):
    for block in blocks(document):
        if block.language == "console":
            for command in _commands(block):
                _check(command)


def _commands(block):
    """The commands of a block, without comments."""
    text = block.text.replace("\\\n", " ")
    lines = [re.sub(r"\s+# .*", "", line).strip() for line in text.splitlines()]
    return [line for line in lines if line and (not line.startswith("#") or line.startswith("#!"))]


def _check(command):
    """Has the program's own parser take a command."""
    words = [word for word in shlex.split(command, comments=True) if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if words[:1] == ["trajprobe"]:
        # `--help` comes last, so that an option before it that does not exist is refused.
        result = CliRunner().invoke(commands, [*words[1:], "--help"])
        assert result.exit_code == 0, f"{command}: {result.output}"
    elif words[:1] == ["dvc"]:
        get_main_parser().parse_args(words[1:])
    elif words[:1] == ["make"]:
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
    elif words[:1] == ["python"] and words[1].startswith("stages/"):
        assert (ROOT / words[1]).is_file(), command


def test_output_is_compared_without_numbers_and_names_but_line_by_line():
    printed = "Path    Metric   main   Change\n1f3c9aa [gory-toga]   -0.25\n| gain | 0.1 |\n"
    assert missing_lines("Path Metric main Change\n...\n| gain | 12.5 |\n", printed) == []
    assert missing_lines("0a1b2c3 [shy-oboe] 0.75\n| g... |\n", printed) == []
    assert missing_lines("| loss | 0.1 |\n", printed) == ["| loss | 0.1 |"]
    assert missing_lines("| gain | 1 |\nPath Metric main Change\n", printed) == ["Path Metric main Change"]
    assert missing_lines("Path Metric main Change\n| gain | 1 |\n", printed) == ["| gain | 1 |"]  # a line between
