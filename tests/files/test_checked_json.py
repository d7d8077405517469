"""A JSON file with a checksum: a changed bit is an error, whatever the text still says."""

import json

import pytest

from trajprobe.errors import UserError
from trajprobe.files.checked_json import read_checked_json, write_checked_json

CONTENT = {"b": [1, 2.5, None], "a": {"name": "x", "text": "\u00e9"}}


def test_what_was_written_comes_back(tmp_path):
    path = tmp_path / "made/x.json"
    write_checked_json(path, CONTENT)
    assert read_checked_json(path) == CONTENT
    before = path.read_bytes()
    write_checked_json(path, dict(reversed(CONTENT.items())))
    assert path.read_bytes() == before


def content(path):
    try:
        return read_checked_json(path)
    except UserError:
        return None


@pytest.mark.harm("damage")
def test_no_flipped_bit_gives_other_content(tmp_path):
    path = tmp_path / "x.json"
    write_checked_json(path, CONTENT)
    data = path.read_bytes()
    for at, byte in enumerate(data):
        for bit in range(8):
            path.write_bytes(data[:at] + bytes([byte ^ 1 << bit]) + data[at + 1 :])
            assert content(path) in (None, CONTENT), (at, bit)  # other white space, or `E` for `e`, says the same


@pytest.mark.parametrize("content", [{}, {"a": 1}, {"checksum": "0"}, {"checksum": None}, [], "a", 3, None])
def test_json_without_its_checksum_is_refused_with_the_remedy(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"x\.json: is damaged \(its checksum differs\), or an older .*; ask for it$"):
        read_checked_json(path, "ask for it")
