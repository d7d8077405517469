"""Render trajectories to clips, probe video backbones on them, and compare the accuracies with random weights.

Each command is one function. A command imports what it needs when it runs, so that help appears at once.
"""

import sys
from pathlib import Path
from typing import Any

import click

from trajprobe.cli_clips import clip_options, draw_clips
from trajprobe.cli_data import import_options
from trajprobe.cli_group import COMPLETION, Group, show
from trajprobe.cli_report import report, table
from trajprobe.errors import STATUS, UserError, escape_output, interruptible, system_reason, visible

PATH = click.Path(path_type=Path)
DAYS = click.FloatRange(min=0)


@click.group("trajprobe", Group, help=__doc__.partition("\n")[0], epilog=COMPLETION)
def commands() -> None:
    pass


@commands.command()
def check() -> None:
    """Check params.yaml and its data set."""
    from trajprobe.check import check as check_params
    from trajprobe.params import read

    check_params(read())
    show("params.yaml: no errors found")


@commands.group()
def data() -> None:
    """Import, look at and remove data sets."""


@data.command("import")
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILES", help="One file, or several of one set.")
@click.option("--name", required=True, help="The name of the data set in params.yaml.")
@click.option("--force", is_flag=True, help="Replace the data set of that name.")
@import_options
def import_data(files: tuple[Path, ...], name: str, force: bool, **options: Any) -> None:
    """Read FILES, write data/raw/NAME.npz, `dvc add` it.

    Columns and formats that are well known need no option; docs/data.md has an example for each kind of file.
    """
    from trajprobe.importers.data_set import import_data_set
    from trajprobe.importers.options import ImportOptions
    from trajprobe.params import parse
    from trajprobe.repository.doctor import mend

    mend(show)
    show(import_data_set(files, name, parse(options, ImportOptions, "trajprobe data import"), replace=force))


@data.command("show")
@click.argument("name", help="The name of a data set in params.yaml.")
@click.option("--out", type=PATH, help="Also draw it: a .png or .svg file.")
@click.option(
    "--clips", "form", metavar="FORMAT", help="Draw its clips in this format of `clips`, by default the first."
)
def show_data(name: str, out: Path | None, form: str | None) -> None:
    """Show what is in a data set, in words and as a picture.

    The guards run on it, as in `dvc repro`. Nothing of a run is needed, and none is started.
    """
    from trajprobe.inspection.measures import open_dataset
    from trajprobe.inspection.page import page
    from trajprobe.params import read

    values = read()
    dataset = open_dataset(name, values)
    if form and not out:
        raise UserError("--clips: got a format of clips to draw, but no picture; add --out data.png")
    if out:
        from trajprobe.figures.data import save_picture

        save_picture(dataset, values, form, out)
    show(page(dataset, values))
    if out:
        show(f"\n{out}: drawn")


@data.command("list")
def list_data() -> None:
    """List the data sets of this repository."""
    from trajprobe.params import read
    from trajprobe.repository.inventory import list_data_sets

    show(list_data_sets(read()))


@data.command("remove")
@click.argument("name", help="The name of an imported data set.")
def remove_data(name: str) -> None:
    """Remove an imported data set from data/raw.

    DVC's cache keeps its content, and the command that brings it back is printed.
    """
    from trajprobe.params import read
    from trajprobe.repository.doctor import mend
    from trajprobe.repository.inventory import remove_data_set

    mend(show)
    show(remove_data_set(name, read()))


@commands.group()
def clips() -> None:
    """Look at clips."""


@clips.command("show")
@click.argument("name", help="The name of a format in params.yaml.")
@clip_options
def show_clips(name: str, **options: Any) -> None:
    """Draw clips of the data set in a format; nothing of a run is needed."""
    show(draw_clips(name, **options))


@commands.group()
def weights() -> None:
    """Add and list published weights."""


@weights.command("add")
@click.argument("name", help="The name of the weights, for example videomae-base or open-magvit2.")
@click.option("--from", "path", type=PATH, help="A file or folder that you have, in place of the published one.")
@click.option("--raw", is_flag=True, help="Take the raw weights, not their moving average.")
@click.option("--stride", metavar="TxHxW", help="The strides of a VideoGPT file that has tensors alone, as 4x4x4.")
@click.option("--force", is_flag=True, help="Replace the weights of that name.")
def add_weights(name: str, path: Path | None, raw: bool, stride: str | None, force: bool) -> None:
    """Write published weights to data/weights/NAME, `dvc add` them."""
    from trajprobe.published.add_weights import add_weights as add
    from trajprobe.repository.doctor import mend

    mend(show)
    add(name, path, raw=raw, replace=force, report_progress=show, stride=stride)


@weights.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects.")
def list_weights(as_json: bool) -> None:
    """List the networks that there are weights of.

    GFLOP are those of a clip of FORMAT; MB are those of the network in float32.
    """
    from trajprobe.published.list_weights import list_weights as listing

    show(listing(as_json=as_json))


@commands.group()
def remote() -> None:
    """Set the remote that DVC pushes to and pulls from."""


@remote.command("add")
@click.argument(
    "url", help="A folder, or an ssh://, s3://, http:// or https:// address; docs/caching-and-remotes.md has examples."
)
@click.option("--endpoint", metavar="URL", help="The address of the S3 server, where it is not Amazon's.")
@click.option("--from", "base", type=PATH, default=Path(), help="The folder that a relative URL starts from.")
def add_remote(url: str, endpoint: str | None, base: Path) -> None:
    """Make URL the default remote of this clone."""
    from trajprobe.repository.remotes import add_remote as add

    show(add(url, base, endpoint))


@commands.command()
def pull() -> None:
    """Fetch features and results, rerun what changed."""
    from trajprobe.repository.doctor import mend
    from trajprobe.repository.remotes import pull as pull_results

    mend(show)
    pull_results(show)


commands.add_command(report)
commands.add_command(table)


@commands.command()
@click.argument("row", help="The name of a row in params.yaml.")
@click.option("--out", type=PATH, required=True, help="A .parquet, .npz or .safetensors file.")
@click.option("--network", help="Another network of the row: random/0, pretrained/1, permuted-weights.")
@click.option("--input", default="plain", show_default=True, help="A perturbation of the row: shuffled-frames.")
@click.option("--layer", help="LAYER.POOLING, where the row has several: hidden.tmean.")
def export(row: str, out: Path, network: str | None, input: str, layer: str | None) -> None:  # noqa: A002
    """Write the features of a row to one file.

    Beside them are each clip's label, group, fold and out-of-fold prediction.
    """
    from trajprobe.inspection.export import export as write

    show(write(row, out, network, input, layer))


@commands.command()
@click.argument("path", type=PATH, help="data/raw/NAME.npz or data/weights/NAME.")
def restore(path: Path) -> None:
    """Bring imported data or weights back from DVC's cache."""
    from trajprobe.repository.restore import restore as bring_back

    show(bring_back(path))


@commands.command()
def doctor() -> None:
    """Mend what a kill or a full disk has left.

    Whatever can't be mended safely is listed, each with the command that mends it, and the status is 2.
    """
    from trajprobe.repository.doctor import examine

    findings = examine()
    for finding in findings:
        show(finding.text)
    if not findings:
        show("the repository is in order")
    if not all(finding.mended for finding in findings):
        sys.exit(2)


@commands.group()
def cache() -> None:
    """Inspect the scratch store and DVC's cache."""


@cache.command("show")
def show_cache() -> None:
    """List what the scratch store (TRAJPROBE_STORE) holds."""
    from trajprobe.repository.scratch_store import describe_store

    show(describe_store())


@cache.command("prune")
@click.option(
    "--days", type=DAYS, default=30, show_default=True, help="Days for which no run has used a shard, 0 or more."
)
def prune_cache(days: float) -> None:
    """Delete unused shards from the scratch store.

    Nothing is lost: a run that needs a deleted shard computes it again.
    """
    from trajprobe.repository.scratch_store import prune_store

    show(prune_store(days))


@cache.command("verify")
def verify_cache() -> None:
    """Hash all files in the scratch store and DVC's cache.

    Damaged shards of the scratch store are deleted; a run computes them again. Damaged objects of DVC's cache are
    listed, each with its remedy.
    """
    from trajprobe.repository.dvc_cache import verify_objects
    from trajprobe.repository.scratch_store import verify_store

    show(verify_store(show))
    show(verify_objects(show))


def main(arguments: list[str] | None = None) -> None:
    """Runs the command that `arguments` (default: those of the process) name.

    A user's mistake ends the process with status 2 and one line on standard error, Ctrl-C and SIGTERM with 130.
    """
    escape_output()
    try:
        with interruptible():
            commands.main(arguments, commands.name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:  # `trajprobe` or `trajprobe cache` alone
        error.show()
        sys.exit(2)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else commands.name
        message = error.format_message()
        _fail(f"error: {message}{'' if message.endswith(('.', '?')) else '.'} See `{command} --help`.", 2)
    except UserError as error:
        _fail(f"error: {error}", 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", STATUS)
    except (OSError, MemoryError) as error:
        _fail(f"error: {system_reason(error, 'free disk space, then run again')}", 2)


def _fail(message: str, status: int) -> None:
    click.echo(f"trajprobe: {visible(message)}", err=True)
    sys.exit(status)
