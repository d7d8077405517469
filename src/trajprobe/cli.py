"""The command `trajprobe`: data sets, weights, remotes, the cache, and checks and runs of params.yaml."""

import argparse
import sys
from functools import partial
from pathlib import Path

from trajprobe.errors import UserError
from trajprobe.params import read


def main(arguments: list[str] | None = None) -> None:
    """Runs a command; a `UserError` is told in one line and ends with status 2."""
    parser = argparse.ArgumentParser(prog="trajprobe", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="check all of params.yaml, and that its data set is there")
    runner = commands.add_parser("repro", help="`dvc repro`, with stages that don't need one another side by side")
    runner.add_argument("--jobs", required=True, metavar="N", help="how many stages at a time")
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
    remote = commands.add_parser("remote", help="remotes").add_subparsers(dest="remote_command", required=True)
    remoter = remote.add_parser("add", help="make URL this clone's default remote; docs/remotes.md has recipes")
    remoter.add_argument("url", metavar="URL", help="a folder, or ssh://, s3://, http:// or https://")
    remoter.add_argument("--endpoint", metavar="URL", help="the address of an S3 server that is not Amazon's")
    remoter.add_argument(
        "--from", dest="start", type=Path, default=Path(), help="what a relative folder is relative to"
    )
    commands.add_parser("pull", help="fetch features and results from the remote, and rerun what params.yaml changed")
    cache = commands.add_parser("cache", help="shards that were made once").add_subparsers(
        dest="cache_command", required=True
    )
    cache.add_parser("show", help="what the scratch store (TRAJPROBE_STORE) holds")
    pruner = cache.add_parser("prune", help="delete what no run has taken for a while; it is made again when needed")
    pruner.add_argument("--days", type=float, default=30, help="for how long (30)")
    cache.add_parser("verify", help="hash all that the store and DVC's cache hold, and name what is damaged")
    told = parser.parse_args(arguments)
    try:
        if told.command == "check":
            from trajprobe.check import check

            check(read())
            print("params.yaml: all is well")  # noqa: T201
        elif told.command == "repro":
            from trajprobe.jobs import repro

            repro(told.jobs, partial(print, flush=True))
        elif told.command == "weights":
            from trajprobe.published.adding import add

            add(told.name, told.path, raw=told.raw, replace=told.force, tell=partial(print, flush=True))
        elif told.command == "remote":
            from trajprobe.repository.remotes import add as add_remote

            print(add_remote(told.url, told.start, told.endpoint))  # noqa: T201
        elif told.command == "pull":
            from trajprobe.repository.remotes import pull

            pull(partial(print, flush=True))
        elif told.command == "cache":
            from trajprobe.repository import cache as held

            if told.cache_command == "show":
                print(held.show())  # noqa: T201
            elif told.cache_command == "prune":
                print(held.prune(told.days))  # noqa: T201
            else:
                print(held.verify(print))  # noqa: T201
        else:
            from trajprobe.importers.npz import import_npz

            print(import_npz(told.file, told.name, replace=told.force))  # noqa: T201
    except UserError as error:
        print(f"trajprobe: error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print("trajprobe: interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(130)
