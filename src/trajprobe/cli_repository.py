"""Commands of the repository and this machine: `remote`, `push`, `pull`, `restore`, `doctor`, `cache`."""

import sys
from pathlib import Path

import click

from trajprobe.cli_group import Command, Group, json_option, show, show_json, show_parts
from trajprobe.cli_values import RESTORABLE, NumberType

PATH = click.Path(path_type=Path)


@click.group("remote", Group)
def remote() -> None:
    """Set the remote that DVC pushes to and pulls from."""


@remote.command(
    "add",
    examples=[
        ("trajprobe remote add /mnt/share/trajprobe", "A folder; then `make push` fills it."),
        ("trajprobe remote add ssh://me@host/srv/trajprobe", "A folder of another machine."),
        ("trajprobe remote add s3://bucket/path --endpoint http://127.0.0.1:9000", "An S3 server of your own."),
    ],
)
@click.argument(
    "url", help="A folder, or an ssh://, s3://, http:// or https:// address; docs/caching-and-remotes.md has more."
)
@click.option("--endpoint", metavar="URL", help="The address of the S3 server, where it is not Amazon's.")
@click.option("--from", "base", type=PATH, default=Path(), help="The folder that a relative URL starts from.")
def add_remote(url: str, endpoint: str | None, base: Path) -> None:
    """Make URL the default remote of this clone.

    It is written to .dvc/config.local, which git ignores.
    """
    from trajprobe.repository.remotes import add_remote as add

    show(add(url, base, endpoint))


@click.command("push", Command, examples=[("trajprobe push", "As `make push`, which also sets the environment up.")])
def push() -> None:
    """Send what was computed here to the remote.

    Clips are not sent: they are quicker to render again. It lists what another machine would lack: stages that
    changed since they ran, what git does not have yet, and files that DVC's cache has lost.
    """
    from trajprobe.repository.doctor import mend
    from trajprobe.repository.push import push as push_results

    mend(show)
    push_results(show)


@click.command("pull", Command, examples=[("trajprobe pull", "As `make pull`, which also sets the environment up.")])
def pull() -> None:
    """Fetch features and results, rerun what changed.

    Raw data, clips and weights are not fetched. Before anything runs, it lists the rows that need them.
    """
    from trajprobe.repository.doctor import mend
    from trajprobe.repository.pull import pull as pull_results

    mend(show)
    pull_results(show)


@click.command(
    "restore",
    Command,
    examples=[
        ("trajprobe restore data/raw/hands.npz", "A data set, as it was imported."),
        ("trajprobe restore data/weights/videomae-base", "Weights, as they were added."),
    ],
)
@click.argument("path", type=RESTORABLE, help="data/raw/NAME.npz or data/weights/NAME.")
def restore(path: str) -> None:
    """Bring imported data or weights back from DVC's cache."""
    from trajprobe.repository.restore import restore as bring_back

    show(bring_back(Path(path)))


@click.command(
    "doctor",
    Command,
    examples=[
        ("trajprobe doctor", "`make repro` begins with it."),
        ("TRAJPROBE_DEVICE=cuda trajprobe doctor", "Would networks run on the GPU?"),
        ("trajprobe doctor --json | jq '.machine[] | select(.status != \"ok\")'", "What is not well, for a script."),
    ],
)
@json_option
def doctor(as_json: bool) -> None:
    """Say what is wrong here, and mend what can be.

    It looks at Python, torch and its device, cores, memory, disk, DVC, its remote, the scratch store, what git and DVC
    hold in data/, and the repository's own files, as a kill or a full disk may have left them. `warning`: a run works,
    but slower or with less. `error`: it would fail, and the status is 2. What can be mended safely is mended; the rest
    comes with the command that mends it.
    """
    from trajprobe.repository.doctor import examine, in_columns, report
    from trajprobe.repository.machine import conditions

    found = examine()  # before DVC is asked, which a damaged file would stop
    of = report(found, conditions())
    if as_json:
        show_json(of)
    else:
        show_parts([in_columns(of)])
    if not of["ok"]:
        sys.exit(2)


@click.group("cache", Group)
def cache() -> None:
    """List, check and prune the scratch store; check DVC's cache."""


@cache.command(
    "show",
    examples=[
        ("trajprobe cache show", "A line for each recipe, the largest first."),
        ("trajprobe cache show --json | jq .bytes", "How much disk the store takes."),
    ],
)
@json_option
def show_cache(as_json: bool) -> None:
    """List what the scratch store (TRAJPROBE_STORE) holds."""
    from trajprobe.repository.scratch_store import describe_store, store_facts

    of = store_facts()
    if as_json:
        show_json(of)
    else:
        show_parts(describe_store(of))


@cache.command(
    "prune",
    examples=[
        ("trajprobe cache prune", "What no run has used for 30 days."),
        ("trajprobe cache prune --days 0", "All of it."),
    ],
)
@click.option(
    "--days",
    type=NumberType(float, 0),
    default=30,
    show_default=True,
    help="Days for which no run has used a shard, 0 or more.",
)
def prune_cache(days: float) -> None:
    """Delete unused shards from the scratch store.

    Nothing is lost: a run that needs a deleted shard computes it again.
    """
    from trajprobe.repository.scratch_store import prune_store

    show(prune_store(days))


@cache.command("verify", examples=[("trajprobe cache verify", "Reads every byte of both: minutes for 100 GB.")])
def verify_cache() -> None:
    """Hash all files in the scratch store and DVC's cache.

    Damaged shards of the scratch store are deleted; a run computes them again. Damaged objects of DVC's cache are
    listed, each with its remedy.
    """
    from trajprobe.repository.dvc_cache import verify_objects
    from trajprobe.repository.scratch_store import verify_store

    show(verify_store(show))
    show(verify_objects(show))
