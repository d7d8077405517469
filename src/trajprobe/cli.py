"""Render trajectories to clips, probe video backbones on them, and compare the accuracies with random weights.

Each command is one function. A command imports what it needs when it runs, so that help appears at once.
"""

import re
import sys
from pathlib import Path

import click

from trajprobe.cli_clips import clips
from trajprobe.cli_data import data
from trajprobe.cli_group import COMPLETION, WIDTH, Command, Group, is_terminal, json_option, show, show_parts
from trajprobe.cli_report import report, table
from trajprobe.cli_repository import cache, doctor, pull, push, remote, restore
from trajprobe.cli_values import PUBLISHED, ROW, of_features
from trajprobe.errors import STATUS, UserError, escape_output, interruptible, system_reason, visible

PATH = click.Path(path_type=Path)


@click.group("trajprobe", Group, help=__doc__.partition("\n")[0], epilog=COMPLETION)
def commands() -> None:
    pass


@click.command(
    "check",
    Command,
    examples=[("trajprobe check && dvc repro", "A typo in the last stage shows before the first one runs.")],
)
def check() -> None:
    """Check params.yaml: its keys, its data set and weights."""
    from trajprobe.check import check as check_params
    from trajprobe.params import read

    check_params(read())
    show("params.yaml: no errors found")


@click.group("weights", Group)
def weights() -> None:
    """Add and list published weights."""


@weights.command(
    "add",
    examples=[
        ("trajprobe weights add videomae-base", "Shows the licence, downloads, prints what to paste into params.yaml."),
        ("trajprobe weights add open-magvit2 --from imagenet_128_B.ckpt", "A file that you have."),
        ("trajprobe weights add videogpt --from vqvae.ckpt --stride 4x4x4", "A file that does not state its strides."),
    ],
)
@click.argument("name", type=PUBLISHED, help="The name of the weights; `trajprobe weights list` has all.")
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


@weights.command(
    "list",
    examples=[
        ("trajprobe weights list", "What there is, and what is here."),
        ("trajprobe weights list --json | jq -r '.[] | select(.gflop < 100) | .name'", "Those that a laptop can run."),
    ],
)
@json_option
def list_weights(as_json: bool) -> None:
    """List the networks that there are weights of.

    FRAMES are the lengths that its clips can have. GFLOP are those of a clip of FORMAT; MB are those of the network in
    float32.
    """
    from trajprobe.inspection.listing import Listing
    from trajprobe.published.list_weights import list_weights as listing

    text = listing(as_json=as_json)
    if as_json or not is_terminal():
        show(text)
        return
    headings, *rows = (re.split(" {2,}", line) for line in text.splitlines())  # no cell is empty, or has two spaces
    show_parts([Listing(headings, rows, [headings.index(name) for name in ("GFLOP", "MB")])])


@click.command(
    "export",
    Command,
    examples=[
        ("trajprobe export magvit2-tiny --out features.parquet", "The features of the first pretrained network."),
        ("trajprobe export magvit2-tiny --network random/0 --out random.npz", "Those of a random one."),
        (
            "trajprobe export magvit2-tiny --input shuffled-frames --out shuffled.safetensors",
            "Those of its perturbed clips.",
        ),
    ],
)
@click.argument("row", type=ROW, help="A row of params.yaml.")
@click.option("--out", type=PATH, required=True, help="A .parquet, .npz or .safetensors file.")
@click.option(
    "--network",
    type=of_features("network"),
    help="Another network of the row: random/0, pretrained/1, permuted-weights.",
)
@click.option(
    "--input",
    type=of_features("input"),
    default="plain",
    show_default=True,
    help="A perturbation of the row: shuffled-frames.",
)
@click.option("--layer", type=of_features("layer"), help="LAYER.POOLING, where the row has several: hidden.tmean.")
def export(row: str, out: Path, network: str | None, input: str, layer: str | None) -> None:  # noqa: A002
    """Write the features of a row to one file.

    Beside them are each clip's label, group, fold and out-of-fold prediction.
    """
    from trajprobe.inspection.export import export as write

    show(write(row, out, network, input, layer))


for command in (check, data, clips, weights, remote, push, pull, report, table, export, restore, doctor, cache):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command that `arguments` (default: those of the process) name.

    A user's mistake ends the process with status 2 and one line on standard error, Ctrl-C and SIGTERM with 130.
    """
    escape_output()
    try:
        with interruptible():
            commands.main(arguments, commands.name, standalone_mode=False, max_content_width=WIDTH)
    except click.exceptions.NoArgsIsHelpError as error:  # `trajprobe` or `trajprobe cache` alone
        error.show()
        sys.exit(2)
    except click.UsageError as error:
        _fail(f"error: {_usage(error)}", 2)
    except UserError as error:
        _fail(f"error: {error}", 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", STATUS)
    except (OSError, MemoryError) as error:
        _fail(f"error: {system_reason(error, 'free disk space, then run again')}", 2)


def _usage(error: click.UsageError) -> str:
    """A wrong command line in a line, with the command that shows the right one."""
    command = error.ctx.command_path if error.ctx else commands.name
    if type(error) is click.BadParameter and error.param:
        return f"{error.param.opts[0]}: {error.message}; see `{command} --help`"
    message = error.format_message()
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See `{command} --help`."


def _fail(message: str, status: int) -> None:
    click.echo(f"trajprobe: {visible(message)}", err=True)
    sys.exit(status)
