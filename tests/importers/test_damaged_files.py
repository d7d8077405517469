"""Damage to files of every format that an import reads: each is refused in one line, or gives tracks.

A longer run: TRAJPROBE_CASES=5000 pytest tests/importers/test_damaged_files.py
"""

import random

import pytest
from damage import damaged
from limits import cases, limited
from test_tools import parsed, table_of_tools
from tools import TOOLS, make

from trajprobe.errors import UserError
from trajprobe.importers.data_set import load
from trajprobe.importers.options import ImportOptions

#: A process is started for each file of MATLAB's, which may crash its reader.
SLOW = {"MATLAB": 10}


@pytest.mark.harm("imports")
@pytest.mark.parametrize("tool", TOOLS)
def test_damage_is_refused_in_one_line_or_tracks_are_read(tool, tmp_path, monkeypatch, record_property):
    monkeypatch.chdir(tmp_path)
    if tool == "HDF5":
        pytest.importorskip("h5py", reason="h5py is an extra: pip install 'trajprobe[hdf5]'")
    make(tool, tmp_path)
    files, options = parsed(table_of_tools()[tool][0])
    whole = {path: path.read_bytes() for path in files}
    numbers = cases(20)[:: SLOW.get(tool, 1)]
    messages = []
    for number in numbers:
        chance = random.Random(number)
        path = chance.choice(files)
        path.write_bytes(damaged(whole[path], chance))
        try:
            with limited():
                data, _ = load(tuple(files), ImportOptions(**options))
            assert len(data.trajectories) == len(data.labels) > 0
        except UserError as error:
            messages.append(str(error))
        except Exception as error:  # noqa: BLE001 (whatever it is, the case is named)
            pytest.fail(f"case {number}, {path}: {type(error).__name__}: {error}")
        path.write_bytes(whole[path])
    assert not any("\n" in message for message in messages)
    record_property("times", len(numbers))


@pytest.mark.parametrize(
    "line", [b'{"id": 0, "x": 1.0, "y": 2.0, "label": "w\xecalk"}', b'{"id": 0, "x\xec": 1.0, "y": 2.0}']
)
def test_text_of_json_lines_that_is_not_utf_8_is_refused(line, tmp_path):
    path = tmp_path / "points.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(UserError, match=r"is no file of JSON lines \(.*(UTF8|utf-8)"):
        load((path,), ImportOptions())
