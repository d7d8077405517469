"""The options of `trajprobe data import`, checked: a reader takes those that its format has a use for."""

from typing import Annotated, Literal

from msgspec import Meta

from trajprobe.params import Parameters

Positive = Annotated[float, Meta(gt=0)]
#: Options that say where things stand in a file: those of tables, and those of files of arrays.
TABLE = ("id", "time", "clock", "date_format", "x", "y", "z", "label", "label_name", "group", "split", "preset")
ARRAYS = ("time", "x", "y", "z", "label", "group", "split", "labels", "trajectories", "axes")
#: That of poses. The options that stand in none of these three are of use for files of any format.
POSES = ("min_likelihood",)
#: Those that name columns of the second table, where `on` is given.
SECOND_TABLE = ("label", "label_name", "group", "split", "labels")
#: Those that change nothing without another one.
NEEDED = {"outlier_bound": "outliers", "long_gaps": "max_gap", "stride": "window", "window_in": "window"}


class ImportOptions(Parameters, frozen=True, kw_only=True):
    """Without any of them a file goes in as it is, and what must be known is guessed or asked for."""

    format: str | None = None  #: a module of `trajprobe.importers.formats`; by default by the file's ending
    preset: str | None = None  #: the tool that wrote a table, of presets.yaml; by default by its columns

    # Which column of a table, or which array of a file of arrays.
    id: tuple[str, ...] = ()  #: a track is named by all of these columns together
    time: str | None = None
    clock: str | None = None  #: the times of day, where `time` has dates alone
    date_format: str | None = None  #: how dates are written, as strftime has it; by default ISO 8601, or what is sure
    x: str | None = None
    y: str | None = None
    z: str | None = None
    label: str | None = None
    label_name: str | None = None  #: the names of the numbers in `label`
    group: str | None = None
    split: str | None = None
    labels: str | None = None  #: the array of labels; a table of labels, with `on`; or an .npy file of labels
    on: tuple[str, ...] = ()  #: the columns of that table that together have the tracks' names
    label_from: str | None = None  #: `filename`, `folder`, or a pattern of files' names
    group_from: str | None = None
    split_from: str | None = None
    trajectories: str | None = None  #: the array of points
    axes: str | None = None  #: the order of its axes: the letters n, t and d

    # Cleaning, in this order.
    min_likelihood: Annotated[float, Meta(gt=0, le=1)] | None = None  #: points that a pose network is less sure of go
    missing: tuple[str, ...] = ()  #: numbers that mark a missing point; `padding`; `none` keeps what looks like one
    lonlat: bool | None = None  #: x and y are degrees of longitude and latitude; None: as the columns are called
    scale: str | None = None  #: factors of the coordinates: one, or d of them
    fps: Positive | None = None  #: times are numbers of frames, this many a second
    repeated_times: Literal["keep", "first", "last", "mean", "refuse"] = "keep"
    outliers: Literal["place", "speed"] | None = None
    outlier_bound: Positive = 3.0  #: how far out: interquartile ranges, or multiples of the 95th percentile of speeds
    max_gap: Positive | None = None  #: the longest pause within a track
    long_gaps: Literal["split", "refuse"] = "split"
    unlabelled: tuple[str, ...] = ()  #: labels that mean none; `none`: no label does
    ignore_case: bool = False
    merge_class: tuple[str, ...] = ()  #: OLD=NEW
    drop_class: tuple[str, ...] = ()
    window: Positive | None = None
    stride: Positive | None = None  #: by default as long as the window
    window_in: Literal["time", "points"] | None = None  #: by default time, where the file has times
    min_points: Annotated[int, Meta(ge=2)] | None = None  #: None: shorter ones than 2 are refused
    min_duration: Annotated[float, Meta(ge=0)] = 0.0
    min_per_class: Annotated[int, Meta(ge=1)] = 1
