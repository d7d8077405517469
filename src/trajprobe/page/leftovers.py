"""Pictures of rows that params.yaml does not name: of another branch, or of a removed row.

The report depends on the folder of all pictures, as `compare` on that of all results: what was left in it would change
dvc.lock.
"""

from collections.abc import Collection

from trajprobe.compare.results import is_cached
from trajprobe.pictures.files import PICTURES


def remove_leftovers(rows: Collection[str]) -> None:
    """Deletes pictures of other rows, and nothing but files that DVC brings back: others are the user's."""
    for folder in PICTURES.glob("*"):
        if folder.name in rows or not folder.is_dir():
            continue
        for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
            if path.is_file() and is_cached(path):
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        if not any(folder.iterdir()):
            folder.rmdir()
