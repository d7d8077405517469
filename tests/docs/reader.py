"""Runs the blocks of a document in order, as a reader would: in a clone, or where the text says so in a second one."""

import copy
import re
import subprocess

import warm_python
from ruamel.yaml import YAML
from tiny_repository import ARCHITECTURE

#: Targets of make that take minutes, or would run these tests again: it is tried that they exist.
LONG = r"^make (test|lint|bench|calibrate)\b.*$"
#: Where the text says that another machine is meant.
ELSEWHERE = ("In another clone", "On a laptop")


class Session:
    """A reader's shell at the top of a clone of the small repository.

    Args:
        clone: a clone with its data.
        laptop: makes a clone without data.
        folders: folders of the text, and those that stand for them.
    """

    def __init__(self, clone, laptop, folders):
        self.here, self.make_laptop, self.folders = clone, laptop, folders
        self.elsewhere = None
        self.start = clone.git("rev-parse", "HEAD").strip()
        self._set_up(clone)
        self.data = self._data()

    def run(self, blocks):
        """Runs the blocks of a document; returns the failures of expected output, as text."""
        failures, printed, place, section, heading = [], None, self.here, None, None
        for block in blocks:
            if block.section != section:
                self._reset()
            if block.heading != heading:
                place = self.here
            section, heading = block.section, block.heading
            if any(phrase in block.before for phrase in ELSEWHERE):
                place = self._laptop()
            if block.language == "text":
                assert printed is not None, f"line {block.line}: output, but no command before it"
                missing = missing_lines(self._local(block.text), printed)
                failures += [f"line {block.line}: {line!r} was not printed, but\n{printed}" for line in missing[:1]]
            elif printed := self._run_block(block, place):
                print(f"# line {block.line}\n{printed}")  # noqa: T201 (pytest shows it where a test fails)
        return failures

    def _run_block(self, block, place):
        """What a block printed, where it is a script."""
        if path := block.file:
            (place.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (place.folder / path).write_text(block.text)
        elif path := block.appended_to:
            assert (place.folder / path).is_file(), path
            with (place.folder / path).open("a") as file:
                file.write(f"\n\n{block.text}")
        elif block.language == "yaml":
            place.write(merged(place.params(), shrunk(YAML(typ="safe").load(block.text))))
        elif block.language == "python":
            return self._execute(place, "python", "-c", block.text)
        elif block.language == "bash":
            script = re.sub(LONG, r"make --dry-run \1 > /dev/null", self._local(block.text), flags=re.MULTILINE)
            return self._execute(place, "bash", "-eo", "pipefail", "-c", script)
        return None

    def _execute(self, place, *command):
        environment = warm_python.environment() | {
            "PYTHONPATH": str(place.folder / "src"),
            "TRAJPROBE_WORKERS": "1",
            "COLUMNS": "200",
        }
        process = subprocess.run(
            command, cwd=place.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, f"{command[-1]}\nended with {process.returncode}:\n{process.stderr}"
        return process.stdout + process.stderr

    def _local(self, text):
        for path, local in self.folders.items():
            text = text.replace(path, str(local))
        return text

    def _laptop(self):
        if not self.elsewhere:
            self.elsewhere = self.make_laptop()
            self._set_up(self.elsewhere)
        return self.elsewhere

    def _set_up(self, place):
        """Has the environment of these tests, which is on the path, stand for the one that `make` would install."""
        activate = place.folder / ".venv/bin/activate"
        activate.parent.mkdir(parents=True)
        activate.touch()
        (place.folder / ".venv/.installed").touch()

    def _reset(self):
        """Each section begins with the committed state, and with the files that stand beside it."""
        if self.here.git("status", "--porcelain") or self.here.git("rev-parse", "HEAD").strip() != self.start:
            ran = self.here.git("diff", "--name-only", self.start, "--", "dvc.lock", "params.yaml")
            self.here.git("checkout", "--quiet", "--force", "-B", "main", self.start)
            self.here.git("clean", "-dfq", "data", "docs", "metrics", "src", "stages", ".github")
            for path in self._data() - self.data:
                path.unlink()
            if ran:
                self.here.run("dvc", "checkout", "--quiet", "--force")

    def _data(self):
        """The files below data/, which git ignores."""
        return {path for path in (self.here.folder / "data").rglob("*") if not path.is_dir()}


def shrunk(changes):
    """A part of params.yaml whose networks are as small as the repository's, where they have the default shape."""
    for section in ("pretrain", "rows"):
        for name, node in changes.get(section, {}).items():
            if node.get("family") == "magvit2_tiny" and not node.get("architecture") and node.get("like", name) == name:
                node["architecture"] = copy.deepcopy(ARCHITECTURE)  # no YAML anchor, of which DVC changes one copy
    return changes


def merged(values, changes):
    """`values` with what `changes` has, at any depth of mappings."""
    if not (isinstance(values, dict) and isinstance(changes, dict)):
        return changes
    return values | {key: merged(values.get(key), change) for key, change in changes.items()}


def missing_lines(shown, printed):
    """The lines of `shown` that `printed` lacks, or does not have there: both without numbers, names and widths.

    `...` stands for anything: within a line, and by itself for lines. Where it does not stand between two lines of
    `shown`, nothing is printed between them.
    """
    lines = [masked(line) for line in printed.splitlines() if line.strip()]
    missing, following, anywhere = [], 0, True
    for line in filter(str.strip, shown.splitlines()):
        if line.strip() == "...":
            anywhere = True
            continue
        pattern = re.escape(masked(line)).replace(r"\.\.\.", ".*")
        found = [at for at, other in enumerate(lines) if at >= following and re.fullmatch(pattern, other)]
        if found and (anywhere or found[0] == following):
            following, anywhere = found[0] + 1, False
        else:
            missing.append(line)
    return missing


def masked(line):
    """A line of output without what differs from run to run."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    line = re.sub(r"\b[0-9a-f]{7}\b", "#", line)  # a commit
    line = re.sub(r"\[[a-z]+-[a-z]+\]", "[NAME]", line)  # an experiment
    line = re.sub(r"[-+]?\d[\d,]*(\.\d+)?", "#", line)
    line = re.sub(r"[-:]{3,}", "---", line)
    return " ".join(line.split())
