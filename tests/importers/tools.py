"""Files in the layouts that tools document, small: two tracks of each class.

Each has a row in the table of docs/data.md, whose command a test runs. `python tools.py` writes all of them here.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import io

#: Tracks (4 6 2), and their classes; what every file holds, each in its tool's units.
TRACKS = np.cumsum(np.random.default_rng(0).integers(1, 9, (4, 6, 2)), axis=1).astype(float)
CLASSES = ["walk", "run", "walk", "run"]


def frame(identity, time, x, y, label="class", first=0):
    """A row a point, columns by these names."""
    track, step = np.divmod(np.arange(24), 6)
    points = TRACKS.reshape(-1, 2)
    columns = {identity: track + first, time: step, x: points[:, 0], y: points[:, 1]}
    return pd.DataFrame(columns | ({label: np.array(CLASSES)[track]} if label else {}))


def labels(path, identity="id", first=0):
    """The second table: a row a track."""
    pd.DataFrame({identity: np.arange(4) + first, "class": CLASSES}).to_csv(path, index=False)


def trackpy(folder):
    """trackpy.link: the columns of locate (y before x, mass and so on), frame and particle, with an index."""
    table = frame("particle", "frame", "x", "y", None)
    table = table.assign(mass=100.5, size=2.1, ecc=0.1, signal=9.5, raw_mass=200.0, ep=0.01)
    columns = ["y", "x", "mass", "size", "ecc", "signal", "raw_mass", "ep", "frame", "particle"]
    table.sort_values(["frame", "particle"])[columns].to_csv(folder / "linked.csv")
    labels(folder / "trackpy_classes.csv", "particle")


def trackmate(folder):
    """TrackMate 7, Export spots to CSV: names of features, then their long names, short names and units."""
    table = frame("TRACK_ID", "FRAME", "POSITION_X", "POSITION_Y", None)
    table = table.assign(LABEL="ID1", ID=range(24), QUALITY=1.5, POSITION_Z=0.0, POSITION_T=table["FRAME"] * 0.5)
    columns = ["LABEL", "ID", "TRACK_ID", "QUALITY", "POSITION_X", "POSITION_Y", "POSITION_Z", "POSITION_T", "FRAME"]
    words = [
        ["Label", "Spot ID", "Track ID", "Quality", "X", "Y", "Z", "T", "Frame"],
        ["Label", "Spot ID", "Track ID", "Quality", "X", "Y", "Z", "T", "Frame"],
        ["", "", "", "(quality)", "(micron)", "(micron)", "(micron)", "(sec)", ""],
    ]
    lines = [",".join(line) for line in (columns, *words)]
    rows = table[columns].to_csv(index=False, header=False)
    unlinked = "ID99,99,None,1.5,3.0,3.0,0.0,0.0,0"
    (folder / "spots.csv").write_text("\n".join([*lines, rows + unlinked]) + "\n")
    labels(folder / "trackmate_classes.csv", "track")


def napari(folder):
    """The columns of a tracks layer: track_id, t, (z), y, x."""
    table = frame("track_id", "t", "x", "y", None).assign(z=0)
    table[["track_id", "t", "z", "y", "x"]].to_csv(folder / "napari.csv", index=False)
    labels(folder / "napari_classes.csv", "track_id")


def movingpandas(folder):
    """TrajectoryCollection.to_point_gdf().to_csv(): times, and geometries as text; longitude and latitude."""
    table = frame("traj_id", "t", "x", "y", "mode")
    times = pd.to_datetime("2024-05-01T12:00:00") + pd.to_timedelta(table["t"], "s")
    lon, lat = 16 + table["x"] / 1000, 48 + table["y"] / 1000
    table = table.assign(t=times, geometry=[f"POINT ({a} {b})" for a, b in zip(lon, lat, strict=True)])
    table[["t", "traj_id", "mode", "geometry"]].to_csv(folder / "walks.csv", index=False)


def mot(folder):
    """MOTChallenge results: frame, id, left, top, width, height, confidence, and -1 for the world; from 1."""
    table = frame("id", "frame", "x", "y", None, first=1)
    boxes = table["frame"] + 1, table["id"], table["x"] - 5, table["y"] - 10, 10, 20, 0.9, -1, -1, -1
    pd.DataFrame(dict(enumerate(boxes))).to_csv(folder / "gt.txt", index=False, header=False)
    labels(folder / "mot_classes.csv", "id", first=1)


def eth(folder):
    """The ETH and UCY sets as most papers have them: frame, pedestrian, x, y, between tabs, in lines of a frame."""
    table = frame("pedestrian", "frame", "x", "y", None, first=1).assign(frame=lambda rows: 10.0 * rows["frame"])
    table = table.sort_values("frame")[["frame", "pedestrian", "x", "y"]].astype(float)
    table.to_csv(folder / "biwi_eth.txt", sep="\t", index=False, header=False)
    labels(folder / "eth_classes.csv", "pedestrian", first=1)


def ind(folder):
    """inD, rounD and exiD: NN_tracks.csv, and the class of each track in NN_tracksMeta.csv."""
    table = frame("trackId", "frame", "xCenter", "yCenter", None).assign(recordingId=7, trackLifetime=0, heading=1.0)
    columns = ["recordingId", "trackId", "frame", "trackLifetime", "xCenter", "yCenter", "heading"]
    table[columns].to_csv(folder / "07_tracks.csv", index=False)
    meta = pd.DataFrame({"recordingId": 7, "trackId": range(4), "numFrames": 6, "class": CLASSES})
    meta.to_csv(folder / "07_tracksMeta.csv", index=False)


def highd(folder):
    """highD: the upper left corner of each vehicle, and the class of each in NN_tracksMeta.csv."""
    table = frame("id", "frame", "x", "y", None, first=1)
    table = table.assign(width=4.0, height=2.0, laneId=2, precedingId=0, followingId=0)
    table["x"], table["y"] = table["x"] - 2, table["y"] - 1
    table[["frame", "id", "x", "y", "width", "height", "precedingId", "followingId", "laneId"]].to_csv(
        folder / "01_tracks.csv", index=False
    )
    meta = pd.DataFrame({"id": range(1, 5), "width": 4.0, "class": CLASSES, "drivingDirection": 1})
    meta.to_csv(folder / "01_tracksMeta.csv", index=False)


def ais(folder):
    """web.ais.dk: a header line that begins with #, days before months, ships by MMSI, in the order of the reports."""
    table = frame("MMSI", "# Timestamp", "Longitude", "Latitude", "Ship type", 219000000)
    times = pd.to_datetime("2024-03-02T12:00:00") + pd.to_timedelta(table["# Timestamp"], "s")
    table = table.assign(**{"# Timestamp": times.dt.strftime("%d/%m/%Y %H:%M:%S"), "Type of mobile": "Class A"})
    table = table.assign(Longitude=16 + table["Longitude"] / 1000, Latitude=48 + table["Latitude"] / 1000, SOG="")
    columns = ["# Timestamp", "Type of mobile", "MMSI", "Latitude", "Longitude", "SOG", "Ship type"]
    table.sort_values(["# Timestamp", "MMSI"])[columns].to_csv(folder / "aisdk.csv", index=False)


def movebank(folder):
    """The CSV of a study: a row a fix, `visible` false where the owner marked it as an outlier."""
    table = frame("individual-local-identifier", "timestamp", "location-long", "location-lat", "sensor", 1)
    times = pd.to_datetime("2024-05-01T12:00:00") + pd.to_timedelta(table["timestamp"], "s")
    table = table.assign(timestamp=times.dt.strftime("%Y-%m-%d %H:%M:%S.000"), visible="true")
    table["location-long"], table["location-lat"] = (
        16 + table["location-long"] / 1000,
        48 + table["location-lat"] / 1000,
    )
    wild = table.iloc[[3, 9]].assign(**{"location-long": 170.0, "visible": "false"})
    table = pd.concat([table, wild]).rename_axis("event-id").reset_index()
    table.drop(columns="sensor").to_csv(folder / "storks.csv", index=False)
    pd.DataFrame({"animal-id": np.arange(4) + 1, "animal-sex": CLASSES}).to_csv(
        folder / "storks_classes.csv", index=False
    )


def argoverse(folder):
    """Argoverse 2 motion forecasting: a Parquet file a scenario, whose tracks have types."""
    for number in (1, 2):
        table = frame("track_id", "timestep", "position_x", "position_y", "object_type")
        table = table.assign(track_id=table["track_id"].astype(str), scenario_id=f"s{number}", city="austin")
        table.assign(observed=True, focal_track_id="0").to_parquet(folder / f"scenario_s{number}.parquet")


def csv(folder):
    """Any table with columns for a track's name, x, y and a class."""
    frame("track_id", "t", "x", "y", "label").to_csv(folder / "points.csv", index=False)


def uci(folder):
    """A row a track, without a header line: x and y of each point in turn, and a number for the class."""
    rows = [[*track.ravel().astype(int), CLASSES.index(name)] for track, name in zip(TRACKS, CLASSES, strict=True)]
    (folder / "pendigits.tra").write_text("".join(f"{', '.join(map(str, row))}\n" for row in rows))


def json_lines(folder):
    """The same, an object a line."""
    frame("track_id", "t", "x", "y", "label").to_json(folder / "points.jsonl", orient="records", lines=True)


def parquet(folder):
    """The same as Parquet."""
    frame("track_id", "t", "x", "y", "label").to_parquet(folder / "points.parquet")


def matlab(folder):
    """By save -v7: an array with a row a track, and a cell array of classes."""
    io.savemat(folder / "tracks.mat", {"xy": TRACKS, "kind": np.array(CLASSES, dtype=object)[:, None]})


def hdf5(folder):
    """Arrays in a group."""
    import h5py

    with h5py.File(folder / "tracks.h5", "w") as file:
        file["run/xy"], file["run/kind"] = TRACKS, CLASSES


def uea(folder):
    """The UEA archive: a case a line, its dimensions and its class between colons; two files."""
    header = "@problemName Walks\n@timeStamps false\n@univariate false\n@dimensions 2\n@equalLength true\n"
    for part, cases in {"TRAIN": (0, 1), "TEST": (2, 3)}.items():
        lines = [":".join([*(",".join(map(str, axis)) for axis in TRACKS[case].T), CLASSES[case]]) for case in cases]
        text = "\n".join([f"{header}@classLabel true run walk", "@data", *lines])
        (folder / f"Walks_{part}.ts").write_text(f"{text}\n")


def gpx(folder):
    """A receiver's recording: tracks with names, kinds, and points with times."""
    table = frame("id", "t", "x", "y").assign(t=lambda rows: [f"2026-05-01T12:00:0{step}Z" for step in rows["t"]])
    tracks = [
        f"<trk><name>{name}</name><type>{rows['class'].iloc[0]}</type><trkseg>"
        + "".join(f'<trkpt lat="{48 + y / 1000}" lon="{16 + x / 1000}"><time>{t}</time></trkpt>'
                  for t, x, y in zip(rows["t"], rows["x"], rows["y"], strict=True))
        + "</trkseg></trk>"
        for name, rows in table.groupby("id")
    ]  # fmt: skip
    text = f'<?xml version="1.0"?>\n<gpx xmlns="http://www.topografix.com/GPX/1/1">{"".join(tracks)}</gpx>\n'
    (folder / "tours.gpx").write_text(text)


def geojson(folder):
    """Lines with their properties."""
    features = [
        {
            "type": "Feature",
            "properties": {"gear": name, "times": list(range(6))},
            "geometry": {"type": "LineString", "coordinates": ([16, 48] + track / 1000).tolist()},
        }
        for name, track in zip(CLASSES, TRACKS, strict=True)
    ]
    (folder / "vessels.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def deeplabcut(folder):
    """A video's predictions: scorer, body parts and coordinates above a row a frame; four parts of one animal."""
    parts = ["nose", "ear", "hip", "tail"]
    header = [["scorer", *["net"] * 12], ["bodyparts", *np.repeat(parts, 3)], ["coords", *["x", "y", "likelihood"] * 4]]
    rows = [[step, *(value for track in TRACKS[:, step] for value in (*track, 1.0))] for step in range(6)]
    (folder / "video.csv").write_text("".join(f"{','.join(map(str, line))}\n" for line in [*header, *rows]))


#: By the name in the table of docs/data.md: what makes its files, the time from point to point, and how often the four
#: tracks are there.
TOOLS = {
    "trackpy": (trackpy, 1, 1),
    "TrackMate": (trackmate, 0.5, 1),
    "napari": (napari, 1, 1),
    "movingpandas": (movingpandas, 1, 1),
    "MOT": (mot, 1, 1),
    "ETH/UCY": (eth, 10, 1),
    "inD, rounD, exiD": (ind, 1, 1),
    "highD": (highd, 1, 1),
    "AIS, of Denmark": (ais, 1, 1),
    "Movebank": (movebank, 1, 1),
    "Argoverse 2": (argoverse, 1, 2),
    "CSV, TSV, text": (csv, 1, 1),
    "UCI archive": (uci, 1, 1),
    "JSON lines": (json_lines, 1, 1),
    "Parquet": (parquet, 1, 1),
    "MATLAB": (matlab, 1, 1),
    "HDF5": (hdf5, 1, 1),
    "UEA archive": (uea, 1, 1),
    "GPX": (gpx, 1, 1),
    "GeoJSON": (geojson, 1, 1),
}


def make(tool, folder):
    """Writes the files of a tool into a folder."""
    TOOLS[tool][0](folder)


if __name__ == "__main__":
    for name in TOOLS:
        make(name, Path())
