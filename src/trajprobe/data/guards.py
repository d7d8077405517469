"""Guards: what of a data set would make its numbers mean less than they seem to. Each yields its findings."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from trajprobe.data import end_marks, label_names, neighbours, one_number, resolution, shared_runs, stretch
from trajprobe.data.canonical import duplicates
from trajprobe.data.raw import Raw
from trajprobe.data.raw_file import RawFile, equal
from trajprobe.errors import visible_name
from trajprobe.files.findings import Finding, first
from trajprobe.files.labelling import Labelling
from trajprobe.files.tracks import AXES, Tracks
from trajprobe.params import section

#: Data whose largest class has less than 1.5 times the clips of the smallest pass for balanced (so the KEEL
#: repository's division of data sets: Alcala-Fdez et al. 2011, J. Multiple-Valued Logic Soft Comput. 17, 255-287).
IMBALANCE = 1.5
#: Tested tracks with a copy in train, as a share: they change an accuracy by what `compare.margin` counts as a
#: difference, and are known before a network has run.
LEAKED = 0.02
#: A recall of so few independent parts can hardly be told from that of another class.
CLASS_GROUPS = 5
#: With fewer groups little is known of how they differ (Cameron, Gelbach and Miller 2008, Rev. Econ. Stat. 90, 414).
GROUPS = 20
#: Clips of a group, in the mean: where most groups are one clip or a pair of copies, they are no subjects.
CLIPS_OF_A_GROUP = 2


@dataclass(frozen=True)
class Drawing:
    """How clips will be drawn: what `scenes` and `render` in params.yaml say of it."""

    views: Collection[str]  #: of all scenes
    scaling: str
    time: str

    @staticmethod
    def of(values: dict[str, Any]) -> "Drawing":
        """As all of params.yaml says."""
        scenes = section(values, dict[str, _Scene], "scenes").values()
        views = {camera.view for scene in scenes for camera in scene.cameras}
        return Drawing(views, section(values, str, "render", "scaling"), section(values, str, "render", "time"))


class _Camera(msgspec.Struct, frozen=True):
    view: Literal["xy", "xz", "yz", "perspective"] = "xy"


class _Scene(msgspec.Struct, frozen=True):
    """What the guards need of a scene, all of which is the renderer's."""

    camera: _Camera | tuple[_Camera, ...] = _Camera()

    @property
    def cameras(self) -> tuple[_Camera, ...]:
        return (self.camera,) if isinstance(self.camera, _Camera) else self.camera


def findings(raw: Raw, tracks: Tracks, labelling: Labelling, drawing: Drawing, path: str) -> Iterator[Finding]:
    """All guards' findings, in the order in which they are to be read. `path` is the raw file's, for messages."""
    file = RawFile(path, raw.rows)
    same = duplicates(tracks)
    for note in raw.notes:
        yield Finding("note", f"{note}.")
    yield from of_points(tracks, drawing, file)
    yield from label_names.findings(labelling, file)
    yield from copies(raw, same, labelling, file)
    yield from shared_runs.findings(tracks, same, labelling, file)
    near = neighbours.neighbours(tracks, same)
    yield from neighbours.near_copies(near, labelling, file)
    yield from split_groups(raw)
    if raw.split is None and len(np.unique(raw.groups)) == len(raw.groups):
        yield from neighbours.order(near, labelling, file)
    yield from one_number.findings(tracks, labelling)
    yield from classes(labelling)
    yield from groups(labelling)
    yield from pure_groups(labelling)


def of_points(tracks: Tracks, drawing: Drawing, file: RawFile) -> Iterator[Finding]:
    """What the points of tracks alone show, whatever their labels, groups and folds are."""
    seen = sorted({axis for view in drawing.views for axis in AXES[view]})
    axes = tuple(seen) if tracks.points.shape[2] == 3 else (0, 1)
    yield from stretch.findings(tracks, axes, file, drawing.scaling)
    yield from end_marks.findings(tracks, file)
    yield from resolution.places(tracks, file)
    if drawing.time != "arc_length":
        yield from resolution.times(tracks, file)


def copies(raw: Raw, same: NDArray[np.int64], labelling: Labelling, file: RawFile) -> Iterator[Finding]:
    """Exact duplicates by their rows in the raw file, and whether one is tested while another is trained on.

    `same` (n) is each track's number of its set of duplicates.
    """
    order = np.argsort(same, kind="stable")
    sets = [one for one in np.split(order, np.flatnonzero(np.diff(same[order])) + 1) if len(one) > 1]
    if not sets:
        return
    rows = file.sets(sets)
    pairs = all(len(one) == 2 for one in sets)
    duplicates_text = (
        f"{len(sets):,} {'pair' if pairs else 'set'}{'s' * (len(sets) > 1)} of exact duplicates "
        f"(rows of {file.path}, from 0: {first([equal(one) for one in rows])})"
    )
    tested = int((labelling.folds >= 0).sum())
    if labelling.leaked:
        consequence = (
            f"{labelling.leaked:,} of {tested:,} tested tracks have a copy in train, which a probe remembers; "
            "`prepare.duplicates: drop` leaves those copies out of train. To keep them, set `compare.leaks: warn` as "
            "well: the stage `compare` stops where they show in its tests against chance"
        )
    elif raw.split is not None:
        consequence = "no tested track is trained on, and copies count as one group"
    else:
        consequence = "copies count as one group, all in one fold"
    grave = labelling.leaked > 0 and labelling.leaked >= LEAKED * tested
    yield Finding("duplicates", f"{duplicates_text}: {consequence}.", rows, grave=grave)
    mixed = file.sets([one for one in sets if len(np.unique(labelling.labels[one])) > 1])
    if mixed:
        yield Finding(
            "duplicates of different classes",
            f"{len(mixed):,} of these {'pairs' if pairs else 'sets'} carry different labels, of which all but one must "
            f"be wrong ({first([equal(one) for one in mixed])}): correct `labels`, or leave the tracks out.",
            mixed,
        )


def split_groups(raw: Raw) -> Iterator[Finding]:
    """Groups of the file that its own split has on both sides; folds have none."""
    if raw.split is None:
        return
    both = np.intersect1d(raw.groups[raw.split == "train"], raw.groups[raw.split == "test"])
    if len(both):
        names = raw.group_names[both].tolist()
        tested = int(np.isin(raw.groups[raw.split == "test"], both).sum())
        yield Finding(
            "split groups",
            f"The set's own split has {len(names):,} of {len(np.unique(raw.groups)):,} groups on both sides "
            f"({first(names)}): {tested:,} of {int((raw.split == 'test').sum()):,} tested tracks are of a group that "
            "is trained on. Correct `split`, or leave it out: folds keep each group whole.",
            tuple(map(visible_name, names)),
        )


def classes(labelling: Labelling) -> Iterator[Finding]:
    """Classes that are tested by much more, or fewer, clips than others, by too few groups, or not at all."""
    tested = labelling.folds >= 0
    counts = np.bincount(labelling.labels[tested], minlength=len(labelling.names))
    present = np.unique(labelling.labels)
    names = list(map(visible_name, labelling.names.tolist()))
    untested = [names[label] for label in present[counts[present] == 0]]
    if untested:
        yield Finding("untested classes", f"Classes of which no clip is tested: {first(untested)}.", tuple(untested))
    present = present[counts[present] > 0]
    most, least = present[counts[present].argmax()], present[counts[present].argmin()]
    if counts[most] >= IMBALANCE * counts[least]:
        yield Finding(
            "class imbalance",
            f"Classes are uneven: {counts[most]:,} tested clips of {names[most]}, {counts[least]:,} of {names[least]}. "
            f"Read balanced accuracy: {_percent(counts[most] / counts.sum())} % of the clips "
            "are right by always naming the largest class.",
        )
    pairs = np.unique(np.stack([labelling.labels[tested], labelling.groups[tested]]), axis=1)
    of_class = np.bincount(pairs[0], minlength=len(labelling.names))
    few = [f"{names[label]} {of_class[label]}" for label in present if of_class[label] < CLASS_GROUPS]
    if few:
        yield Finding(
            "classes of few groups",
            f"Of {len(few)} of {len(present)} classes fewer than {CLASS_GROUPS} independent groups are tested "
            f"({first(few)}): their recall, and with it balanced accuracy and macro F1, rests on little.",
            tuple(few),
        )


def groups(labelling: Labelling) -> Iterator[Finding]:
    """Too few groups for an interval, by Kish's effective number: a large group counts for all of its clips.

    1 / sum of w^2, w the groups' shares of the tested clips (Kish 1965, Survey Sampling, section 11.7).
    """
    sizes = np.unique(labelling.groups[labelling.folds >= 0], return_counts=True)[1]
    effective = len(labelling.groups[labelling.folds >= 0]) ** 2 / int(sizes @ sizes)
    if effective < GROUPS:
        uneven = f", which by their sizes count as {effective:.1f} equal ones" if np.ptp(sizes) else ""
        yield Finding(
            "few groups",
            f"The tested clips are of {len(sizes)} independent groups{uneven}: with fewer than about {GROUPS}, "
            "intervals are wide, and small differences are not detected.",
        )


def pure_groups(labelling: Labelling) -> Iterator[Finding]:
    """Classes that are confounded with groups: each group is of one class, and a class has few of them."""
    tested = labelling.folds >= 0
    pairs = np.unique(np.stack([labelling.groups[tested], labelling.labels[tested]]), axis=1)
    names, sizes = np.unique(labelling.groups[tested], return_counts=True)
    of_class = np.bincount(pairs[1])
    fewest = int(of_class[of_class > 0].min())
    if len(pairs.T) > len(names) or sizes.mean() < CLIPS_OF_A_GROUP or fewest >= GROUPS:
        return
    yield Finding(
        "classes confounded with groups",
        f"Each of the {len(names)} groups has clips of one class alone, and a class has as few as {fewest} groups. "
        "What tells classes apart may tell groups apart (subjects, recordings, places): bring groups with clips of "
        "several classes, or more groups of each class.",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
