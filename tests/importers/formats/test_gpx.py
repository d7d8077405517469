"""Format gpx: tracks of GPS receivers, with their segments, times, heights and kinds."""

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.importers.formats import gpx
from trajprobe.importers.options import ImportOptions


def track(points, name="", kind=""):
    words = (f"<name>{name}</name>" if name else "") + (f"<type>{kind}</type>" if kind else "")
    return f"<trk>{words}{''.join(f'<trkseg>{segment}</trkseg>' for segment in points)}</trk>"


def point(longitude, latitude, time=None, height=None):
    inner = (f"<ele>{height}</ele>" if height is not None else "") + (f"<time>{time}</time>" if time else "")
    return f'<trkpt lat="{latitude}" lon="{longitude}">{inner}</trkpt>'


@pytest.fixture
def read(tmp_path):
    """Reads a file with this inside."""

    def read(*inner, version="1/1", **options):
        text = f'<?xml version="1.0"?><gpx xmlns="http://www.topografix.com/GPX/{version}">{"".join(inner)}</gpx>'
        (tmp_path / "tour.gpx").write_text(text)
        return gpx.read(tmp_path / "tour.gpx", ImportOptions(**options))

    return read


TWO = (
    track([point(8, 47, "2026-05-01T12:00:00Z") + point(8.5, 47.5, "2026-05-01T14:00:10+02:00"),
           point(9, 48, "2026-05-01T12:01:00.5Z")], "home", "walk"),
    track([point(1, 2, height=400) + point(3, 4, height=410)], kind="ride"),
)  # fmt: skip


@pytest.mark.parametrize("version", ["1/0", "1/1"])
def test_a_track_is_all_its_segments_and_x_is_the_longitude(read, version):
    table = read(*TWO, version=version)
    assert table.points.tolist() == [[8, 47], [8.5, 47.5], [9, 48], [1, 2], [3, 4]]
    assert table.track.tolist() == [0, 0, 0, 1, 1]
    assert table.track_names.tolist() == ["home", "1"]
    assert table.labels.tolist() == ["walk", "ride"]
    assert table.guesses == ("the class of a track is its <type>",)


def test_times_are_utc_and_missing_ones_are_none(read):
    times = read(*TWO).times
    assert ((times - times[0]) / np.timedelta64(1, "s"))[:3].tolist() == [0, 10, 60.5]
    assert np.isnat(times[3:]).all()
    assert read(TWO[1]).times is None


def test_options_take_the_height_and_another_element_as_class(read):
    np.testing.assert_array_equal(read(*TWO, z="ele").points[2:], [[9, 48, np.nan], [1, 2, 400], [3, 4, 410]])
    table = read(*TWO, label="name")
    assert (table.labels.tolist(), table.guesses) == (["home", ""], ())
    assert read(track([point(1, 2) + point(3, 4)])).labels is None


def test_what_has_no_tracks_is_refused(read, tmp_path):
    with pytest.raises(UserError, match="got no <trk> with points, but routes or waypoints"):
        read('<rte><rtept lat="1" lon="2"/></rte>')
    with pytest.raises(UserError, match="got no <trk> with points; expected"):
        read()
    with pytest.raises(UserError, match=r"got the point .*, expected numbers"):
        read(track([point("east", 2)]))
    with pytest.raises(UserError, match="got the time noon, expected one like"):
        read(track([point(1, 2, "noon")]))
    (tmp_path / "a.gpx").write_text("<gpx><trk>")
    with pytest.raises(UserError, match="is no valid GPX"):
        gpx.read(tmp_path / "a.gpx", ImportOptions())
    bomb = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "lol" * 100}">' for i in range(12))
    (tmp_path / "a.gpx").write_text(f"<?xml version='1.0'?><!DOCTYPE gpx [{bomb}]><gpx>&e11;</gpx>")
    with pytest.raises(UserError, match="is no valid GPX"):
        gpx.read(tmp_path / "a.gpx", ImportOptions())
