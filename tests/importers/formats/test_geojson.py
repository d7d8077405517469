"""Format geojson: lines with their times and properties, and moving points."""

import json

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.importers.formats import geojson
from trajprobe.importers.options import ImportOptions


def line(coordinates, kind="LineString", **properties):
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


@pytest.fixture
def read(tmp_path):
    """Reads a file with these features."""

    def read(*features, **options):
        (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return geojson.read(tmp_path / "a.geojson", ImportOptions(**options))

    return read


def test_lines_are_tracks_and_options_name_their_properties(read):
    table = read(
        line([[8, 47, 400], [9, 48, 410]], gear="trawl", ship=7, part="train", name="a"),
        line([[[1, 2, 3]], [[4, 5, 6], [7, 8, 9]]], "MultiLineString", gear="line", ship=8, part="test", name="b"),
        id=("name",), label="gear", group="ship", split="part",
    )  # fmt: skip
    assert table.points.tolist() == [[8, 47], [9, 48], [1, 2], [4, 5], [7, 8]]
    assert table.track.tolist() == [0, 0, 1, 1, 1]
    assert (table.track_names.tolist(), table.labels.tolist()) == (["a", "b"], ["trawl", "line"])
    assert (table.groups.tolist(), table.split.tolist(), table.times) == (["7", "8"], ["train", "test"], None)


def test_the_height_is_taken_where_it_is_asked_for(read):
    assert read(line([[8, 47, 400], [9, 48, 410]]), z="height").points.tolist() == [[8, 47, 400], [9, 48, 410]]
    with pytest.raises(UserError, match="got a line without 3 numbers a point"):
        read(line([[8, 47], [9, 48, 1]]), z="height")


@pytest.mark.parametrize("key", ["coordTimes", "times"])
def test_times_stand_in_the_properties(read, key):
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"]
    assert np.diff(read(line([[1, 2], [3, 4]], **{key: times})).times) == np.timedelta64(5, "s")
    assert read(line([[1, 2], [3, 4]], **{key: [1, 2.5]})).times.tolist() == [1, 2.5]
    nested = line([[[1, 2]], [[3, 4]]], "MultiLineString", **{key: [times[:1], times[1:]]})
    assert np.diff(read(nested).times) == np.timedelta64(5, "s")


def test_a_moving_point_is_a_track(read):
    moving = {"type": "MovingPoint", "coordinates": [[1, 2], [3, 4]], "datetimes": ["2026-01-01", "2026-01-02"]}
    table = read({"type": "Feature", "temporalGeometry": moving, "properties": {"gear": "trawl"}}, label="gear")
    assert (table.points.tolist(), table.labels.tolist()) == ([[1, 2], [3, 4]], ["trawl"])
    assert np.diff(table.times) == np.timedelta64(1, "D")


def test_points_that_stand_one_by_one_are_rows_of_a_table(read):
    points = [line([8 + time, 47], "Point", trajectory_id=track, t=f"2026-01-01T00:00:0{time}", gear=f"gear {track}")
              for time in range(3) for track in (5, 7)]  # fmt: skip
    table = read(*points, label="gear").in_order()
    assert (table.track_names.tolist(), table.labels.tolist()) == (["5", "7"], ["gear 5", "gear 7"])
    assert table.points.tolist() == [[8, 47], [9, 47], [10, 47]] * 2
    assert table.degrees


@pytest.mark.parametrize(("features", "options", "message"), [
    ([line([1, 2], "Point", gear="line")], {}, r"expected columns for a track's name, x and y"),
    ([line([[[1, 2], [3, 4], [1, 2]]], "Polygon")], {}, "got no LineString and no Point"),
    ([{"type": "Feature", "geometry": [1]}], {}, "is JSON, but no valid GeoJSON"),
    ([7], {}, "got int, expected a FeatureCollection"),
    ([line([[1, 2], [3]])], {}, "got a line without 2 numbers a point"),
    ([line([[1, 2], ["a", 3]])], {}, "got a line without 2 numbers a point"),
    ([line([[1, 2], [3, 4]], times=[1])], {}, "got 1 times for a line of 2 points"),
    ([line([[1, 2], [3, 4]], times=[1, 2]), line([[1, 2], [3, 4]])], {}, "got times for some lines only"),
    ([line([[1, 2], [3, 4]], gear=1)], {"label": "ship"}, "a line has no property ship, got gear"),
    ([{"type": "Polygon"}], {}, "got Polygon, expected a FeatureCollection"),
])  # fmt: skip
def test_what_has_no_tracks_is_refused(read, features, options, message):
    with pytest.raises(UserError, match=message):
        read(*features, **options)
