"""Git's revisions of this repository: branches, tags, DVC's experiments; and files as they were there."""

import re
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

from trajprobe.errors import UserError

#: What the files of the working tree are called, by DVC too.
WORKSPACE = "workspace"
#: An experiment of DVC is refs/exps/XX/YYY/NAME, XXYYY the commit that it began with. Other refs there are its own.
EXPERIMENT = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/(.+)")
KINDS = ("refs/heads", "refs/tags", "refs/exps")


def commit_of(revision: str) -> str:
    """The commit that a branch, a tag, a hash or the name of an experiment stands for.

    Raises:
        UserError: git has none of that name, or several experiments have it.
    """
    # `--end-of-options`: a revision that begins with a dash is a name too.
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is not None:
        return found.decode().strip()
    commits = sorted(commit for ref, commit in _refs() if (named := EXPERIMENT.fullmatch(ref)) and named[3] == revision)
    if len(commits) > 1:
        several = ", ".join(commit[:7] for commit in commits)
        raise UserError(
            f"{revision}: got the name of {len(commits)} experiments, expected one; name its commit: {several}"
        )
    if not commits:
        raise UserError(
            f"{revision}: git has no such branch, tag, commit or experiment here; a branch is fetched by `git fetch "
            f"origin {revision}:{revision}`, an experiment by `dvc exp pull origin {revision}`"
        )
    return commits[0]


def named_commits() -> dict[str, list[str]]:
    """By commit, the names of its branches, tags and experiments."""
    names: dict[str, list[str]] = {}
    for ref, commit in _refs():
        experiment = EXPERIMENT.fullmatch(ref)
        if experiment or not ref.startswith("refs/exps/"):
            names.setdefault(commit, []).append(experiment[3] if experiment else ref.split("/", 2)[2])
    return names


def fetch_command(revision: str, commit: str | None, paths: Iterable[Path]) -> str:
    """The command that fetches results of a revision into DVC's cache, where they were pushed.

    `dvc fetch` takes no revision, only all branches or all tags; of all commits it takes seconds for each.
    """
    kinds = {ref.split("/", 2)[2]: ref.split("/")[1] for ref, _ in _refs() if not ref.startswith("refs/exps/")}
    files = shlex.join(path.as_posix() for path in paths)
    if commit is None:
        return f"dvc fetch {files}"
    if any((named := EXPERIMENT.fullmatch(ref)) and named[3] == revision for ref, _ in _refs()):
        return f"dvc exp pull origin {shlex.quote(revision)}"
    if kinds.get(revision) == "tags":
        return f"dvc fetch --all-tags {files}"
    branch = "" if kinds.get(revision) == "heads" else f"git branch fetched-{commit[:7]} {commit[:7]} && "
    return f"{branch}dvc fetch --all-branches {files}"


def text_at(commit: str | None, path: Path) -> str | None:
    """A file of a commit, or without one of the working tree; None where it has no such file, or no text in it."""
    try:
        if commit is None:
            return path.read_text(encoding="utf-8")
        shown = _git("show", f"{commit}:./{path.as_posix()}")
        return None if shown is None else shown.decode()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _refs() -> list[tuple[str, str]]:
    """Each ref of a commit, and that, experiments last; an annotated tag stands for the commit that it is of."""
    listed = _git("for-each-ref", "--format=%(refname) %(objecttype) %(objectname) %(*objectname)", *KINDS)
    lines = [line.split() for line in (listed or b"").decode(errors="replace").splitlines()]
    lines.sort(key=lambda line: line[0].startswith("refs/exps/"))
    return [(ref, commit) for ref, kind, *commits in lines for commit in commits[-1:] if kind in ("commit", "tag")]


def _git(*arguments: str) -> bytes | None:
    """What git prints; None where it refuses."""
    done = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607
    return None if done.returncode else done.stdout
