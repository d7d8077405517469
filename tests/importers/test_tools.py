"""Files in the layout that each tool documents go in by the command of docs/data.md, without a script."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from importing import imported
from tools import CLASSES, TOOLS, TRACKS, deeplabcut, make

from trajprobe.cli import commands
from trajprobe.importers.options import ImportOptions
from trajprobe.importers.readers import by_name
from trajprobe.params import parse

#: Tools whose places are degrees; formats that have their tracks one by one, in no table.
DEGREES = ("movingpandas", "AIS, of Denmark", "Movebank", "GPX", "GeoJSON")
ONE_BY_ONE = ("UCI archive", "MATLAB", "HDF5", "UEA archive", "GPX", "GeoJSON")
DOCUMENT = Path(__file__).parents[2] / "docs/data.md"


def table_of_tools():
    """Tool, command and lines of own script, as docs/data.md has them."""
    rows = re.findall(r"^\| (.+?) \| `(trajprobe data import .+?)` \| (\d+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {tool: (command, int(lines)) for tool, command, lines in rows}


def parsed(command):
    """Files and options of a command, by the program's own parser."""
    words = shlex.split(command)
    group = commands.commands["data"].commands["import"]
    context = group.make_context("import", words[3:])
    assert words[:3] == ["trajprobe", "data", "import"]
    options = dict(context.params)
    files = [path for pattern in options.pop("files") for path in sorted(Path().glob(str(pattern)))]
    return files, {name: value for name, value in options.items() if name not in ("name", "force")}


def test_the_table_has_every_tool_and_no_line_of_script():
    shown = table_of_tools()
    assert set(TOOLS) <= set(shown)
    assert {lines for _, lines in shown.values()} == {0}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tools_file_goes_in_by_one_command(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if tool == "HDF5":
        pytest.importorskip("h5py", reason="h5py is an extra: pip install 'trajprobe[hdf5]'")
    make(tool, tmp_path)
    _, step, copies = TOOLS[tool]
    files, options = parsed(table_of_tools()[tool][0])
    result = imported(*files, **options)
    assert result.labels == (["0", "1"] * 2 if tool == "UCI archive" else CLASSES * copies)
    tracks = result.data.trajectories
    if tool in DEGREES:  # in metres: the shape is that of degrees, narrower by the cosine of the latitude
        metres = np.diff(TRACKS, axis=1) / 1000 * 111_195.08
        np.testing.assert_allclose(np.diff(tracks, axis=1)[..., 1], metres[..., 1], rtol=1e-6)
        shares = np.diff(tracks, axis=1)[..., 0] / metres[..., 0]
        np.testing.assert_allclose(shares, np.cos(np.radians(48 + TRACKS[..., 1].mean() / 1000)), rtol=1e-3)
    else:
        np.testing.assert_allclose(tracks, np.tile(TRACKS, (copies, 1, 1)))
    np.testing.assert_allclose(
        result.data.times - result.data.times[:, :1], np.tile(np.arange(6) * step, (4 * copies, 1))
    )
    assert ("read as a table of " in result.guesses) == (tool not in ONE_BY_ONE)


@pytest.mark.parametrize(
    "tool", [name for name in TOOLS if name not in ("CSV, TSV, text", "JSON lines", "Parquet", *ONE_BY_ONE)]
)
def test_the_guess_names_the_tool_and_its_columns(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tool, tmp_path)
    files, options = parsed(table_of_tools()[tool][0])
    guess = imported(*files, **options).guesses
    anyones = {"napari": "id, t, x, y", "AIS, of Denmark": "longitude and latitude"}
    assert guess.startswith(f"read as a table of {anyones.get(tool, tool)}: id ")
    assert ", time " in guess


def test_points_that_movebank_shows_as_not_visible_are_left_out_and_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make("Movebank", tmp_path)
    files, options = parsed(table_of_tools()["Movebank"][0])
    assert "2 points left out: visible is false for them" in imported(*files, **options).notes
    text = files[0].read_text().replace("true", "false", 1)
    files[0].write_text(text)
    assert "3 points left out: visible is false for them" in imported(*files, **options).notes
    names, *lines = text.splitlines()
    nameless = [",".join(field if name != "individual-local-identifier" else "" for name, field in
                         zip(names.split(","), lines[5].split(","), strict=True))]  # fmt: skip
    files[0].write_text("\n".join([names, *lines[:4], *nameless, *lines[4:]]) + "\n")
    result = imported(*files, **options)
    assert "1 points left out: they are of no track" in result.notes
    assert [len(points) for points in result.points.values()] == [5, 6, 6, 6]


def test_a_file_of_deeplabcut_goes_in_by_one_command(tmp_path, monkeypatch):
    pytest.importorskip("movement", reason="movement is an extra: pip install 'trajprobe[poses]'")
    monkeypatch.chdir(tmp_path)
    deeplabcut(tmp_path)
    (command,) = (command for tool, (command, _) in table_of_tools().items() if tool.startswith("DeepLabCut"))
    files, options = parsed(command)
    table = by_name("poses").read(files[0], parse(options, ImportOptions, "options")).in_order()
    np.testing.assert_array_equal(table.points.reshape(4, 6, 2), TRACKS)
    assert table.labels.tolist() == ["nose", "ear", "hip", "tail"]
