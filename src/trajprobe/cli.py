"""The command `trajprobe`: imports data sets, adds published weights, and checks params.yaml before a run."""

import argparse
import sys
from functools import partial
from pathlib import Path

from trajprobe.params import UserError, read


def main(arguments: list[str] | None = None) -> None:
    """Runs a command; a `UserError` is told in one line and ends with status 2."""
    parser = argparse.ArgumentParser(prog="trajprobe", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="check all of params.yaml, and that its data set is there")
    data = commands.add_parser("data", help="data sets").add_subparsers(dest="data_command", required=True)
    importer = data.add_parser("import", help="check FILE, keep it as data/raw/NAME.npz, and `dvc add` it")
    importer.add_argument("file", type=Path, metavar="FILE", help="an npz with `trajectories` and `labels`")
    importer.add_argument("--name", required=True, help="what params.yaml is to call it")
    importer.add_argument("--force", action="store_true", help="replace a data set of that name")
    weights = commands.add_parser("weights", help="weights").add_subparsers(dest="weights_command", required=True)
    adder = weights.add_parser("add", help="take published weights as data/weights/NAME, and `dvc add` them")
    adder.add_argument("name", metavar="NAME", help="whose weights, as videomae-base or open-magvit2")
    adder.add_argument("--from", dest="path", type=Path, metavar="PATH", help="the file or folder that you have")
    adder.add_argument("--raw", action="store_true", help="the raw weights, not their moving average")
    adder.add_argument("--force", action="store_true", help="replace weights of that name")
    told = parser.parse_args(arguments)
    try:
        if told.command == "check":
            from trajprobe.check import check

            check(read())
            print("params.yaml: all is well")  # noqa: T201
        elif told.command == "weights":
            from trajprobe.published.adding import add

            add(told.name, told.path, raw=told.raw, replace=told.force, tell=partial(print, flush=True))
        else:
            from trajprobe.trajectories.importing import import_npz

            print(import_npz(told.file, told.name, replace=told.force))  # noqa: T201
    except UserError as error:
        print(f"trajprobe: error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
