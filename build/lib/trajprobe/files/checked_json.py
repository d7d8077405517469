"""JSON files that hold the sha256 of their own content: a changed bit is an error, not another number."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trajprobe.errors import UserError
from trajprobe.files.atomic import sha256, write_json
from trajprobe.files.reading import mend, read_json

CHECKSUM = "checksum"


def write_checked_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes `content` as JSON with sorted keys, and its checksum beside them."""
    write_json(path, {**content, CHECKSUM: _checksum(content)})


def read_checked_json(path: Path, remedy: str = "") -> dict[str, Any]:
    """The content that `write_checked_json` wrote.

    Args:
        path: the file.
        remedy: how to get another one; by default, how to restore a file that DVC holds.

    Raises:
        UserError: the file is missing, or has other content than its checksum says.
    """
    content = read_json(path)
    checksum = content.pop(CHECKSUM, None) if isinstance(content, dict) else None
    if checksum is None or checksum != _checksum(content):
        raise UserError(
            f"{path}: is damaged (its checksum differs), or an older version wrote it; {remedy or mend(path)}"
        )
    return dict(content)


def _checksum(content: Mapping[str, Any]) -> str:
    """sha256 of the content, whatever the order of its keys."""
    return sha256(json.dumps(content, sort_keys=True).encode())
