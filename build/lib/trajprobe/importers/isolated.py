"""Reads a file in a process of its own: a C library that crashes at a damaged file takes that process alone with it."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from trajprobe.errors import UserError
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.point_table import PointTable


def read(reader: Callable[[Path, ImportOptions], PointTable], path: Path, options: ImportOptions) -> PointTable:
    """What `reader`, a function of a module, returns for the file `path`.

    Raises:
        UserError: what it raises; or its process crashed.
    """
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
            return executor.submit(reader, path, options).result()
    except BrokenProcessPool:
        raise UserError(f"{path}: is damaged (the library that reads such files crashed); save it again") from None
