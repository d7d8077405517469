"""The whole import: what is written, said and kept; and nothing where it is refused."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from importing import imported

from trajprobe import cli
from trajprobe.data import folds, raw
from trajprobe.importers.data_set import load
from trajprobe.importers.options import ImportOptions

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data"
PARAMS = folds.Prepare(folds=3, seed=0, duplicates="keep", shared_runs="keep", guards="stop", pool="auto")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """An empty repository of git and DVC."""
    folder = tmp_path_factory.mktemp("repository")
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def run(repository, capsys, *words):
    """Status, standard output and standard error of `trajprobe data import`."""
    status = 0
    with contextlib.chdir(repository):
        try:
            cli.main(["data", "import", *map(str, words)])
        except SystemExit as end:
            status = end.code
    return status, *capsys.readouterr()


def files(repository):
    return sorted(path for path in repository.rglob("*") if ".git" not in path.parts and "tmp" not in path.parts)


def test_a_table_is_written_said_and_kept_with_its_notes(repository, table, capsys):
    rows = [
        f"{track},{at},{at},{track},{'walk ' if track == 1 else 'run' if track % 2 else 'walk'}"
        for track in range(8)
        for at in range(5)
    ]
    rows[3] = "0,3,,0,walk"
    status, out, err = run(repository, capsys, table("id,t,x,y,class", *rows), "--name", "walks")
    assert (status, err) == (0, "")
    first, *notes = out.splitlines()
    assert first == (
        "data/raw/walks.npz: 8 tracks of 4 to 5 points in 2-D, 2 classes; commit it (`git commit -m 'Import walks'`), "
        "then set `dataset: walks` in params.yaml and run `make repro`"
    )
    kept = [
        "spaces around names in class do not count: 'walk '",
        "1 missing point within 1 track, crossed in a straight line",
    ]
    assert notes == [
        f"  {line}" for line in ("read as a table of id, t, x, y: id id, time t, x x, y y, label class", *kept)
    ]
    data = raw.load(repository / "data/raw/walks.npz")
    assert data.notes == tuple(kept)
    assert data.track_names.tolist() == list("01234567")
    assert (repository / "data/raw/walks.npz.dvc").is_file()
    status, _, err = run(repository, capsys, table("id,t,x,y,class", *rows), "--name", "walks")
    assert status == 2
    assert "a data set of that name exists; choose another --name, or replace it with --force" in err


FEWER = "tracks than `prepare.folds`, 5, which a run refuses:"


@pytest.mark.parametrize(("extra", "counts", "warning"), [
    ("", {"run": 5, "walk": 5}, None),
    ("", {"run": 5, "walk": 3}, f"got a class of fewer {FEWER} walk (3 tracks); import again with --force "
     "--min-per-class 5 or --drop-class CLASS, or lower `prepare.folds` in params.yaml"),
    ("", {"run": 4, "sit": 9, "walk": 2}, f"got classes of fewer {FEWER} run (4 tracks), walk (2 tracks); "),
    ("group", {"run": 10, "walk": 4}, "got a class of fewer groups than `prepare.folds`, 5, which a run refuses: walk "
     "(2 groups); import again with --force --drop-class CLASS, or lower `prepare.folds`"),
    ("split", {"run": 4, "walk": 4}, None),
])  # fmt: skip
def test_a_class_that_prepare_will_refuse_is_warned_of(repository, table, capsys, extra, counts, warning):
    names = [name for name, count in counts.items() for _ in range(count)]
    values = {"": "", "group": ",{0}", "split": ",{1}"}[extra]
    rows = [
        f"{track},{at},{at * track},{track},{name}" + values.format(track // 2, ("train", "test")[track % 2])
        for track, name in enumerate(names)
        for at in range(5)
    ]
    path = table("id,t,x,y,class" + f",{extra}" * bool(extra), *rows)
    words = (path, "--name", "small", "--force")
    assert "warning" not in run(repository, capsys, *words)[1]  # there is no params.yaml
    shutil.copy(ROOT / "params.yaml", repository)
    status, out, _ = run(repository, capsys, *words)
    (repository / "params.yaml").unlink()
    last = out.splitlines()[-1]
    assert status == 0
    assert last.startswith(f"  warning: {warning}") if warning else "warning" not in out


def test_names_of_tracks_that_are_not_their_rows_are_kept(repository, table, capsys):
    rows = [f"t{track},{at},{at},{track},{'run' if track % 2 else 'walk'}" for track in range(8) for at in range(5)]
    assert run(repository, capsys, table("id,t,x,y,class", *rows), "--name", "named", "--min-points", "2")[0] == 0
    assert raw.load(repository / "data/raw/named.npz").track_names.tolist() == [f"t{track}" for track in range(8)]


@pytest.mark.parametrize("words", [
    ["--window", "9"], ["--label", "none"], ["--fps", "0"], ["--min-points", "1"], ["--outlier-bound", "-3"],
])  # fmt: skip
def test_a_refused_import_is_one_line_and_writes_nothing(repository, table, capsys, words):
    rows = [f"{track},{at},{at},{track},{track % 2}" for track in range(8) for at in range(5)]
    path, before = table("id,t,x,y,class", *rows), files(repository)
    status, out, err = run(repository, capsys, path, "--name", "refused", *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("trajprobe: error: ")
    assert files(repository) == before


def test_labels_of_a_missing_file_are_refused_with_the_option(repository, table, capsys):
    path = table("id,t,x,y", "1,0,0,0", "1,1,1,1")
    status, _, err = run(repository, capsys, path, "--name", "refused", "--labels", "nowhere.csv", "--on", "id")
    assert (status, "nowhere.csv: no such file" in err) == (2, True)


def as_csv(source, path):
    """An npz of tracks as a table: an empty coordinate where there is none."""
    with np.load(source) as file:
        arrays = dict(file)
    points = arrays["trajectories"]
    times = arrays.get("times", np.broadcast_to(np.arange(points.shape[1]), points.shape[:2]))
    lengths = arrays.get("lengths", np.full(len(points), points.shape[1]))
    names = arrays["label_names"]
    lines = ["track,time,x,y,class_id,class_name" + ",group" * ("groups" in arrays) + ",split"]
    for track, label in enumerate(arrays["labels"]):
        end = f'{label},"{names[label]}"' + (f",{arrays['groups'][track]}" if "groups" in arrays else "")
        for at in range(lengths[track]):
            x, y = ("" if np.isnan(value) else repr(float(value)) for value in points[track, at])
            lines.append(f"{track},{float(times[track, at])!r},{x},{y},{end},{arrays['split'][track]}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets are not here ({DATA})")
@pytest.mark.parametrize("name", ["libras", "pendigits", "omniglot_aramaic"])
def test_a_set_as_a_table_gives_the_same_outs_as_the_npz(name, tmp_path):
    options = ImportOptions(label="class_id", min_points=2)
    outs = []
    for path, chosen in (
        (DATA / f"{name}.npz", ImportOptions()),
        (as_csv(DATA / f"{name}.npz", tmp_path / "a.csv"), options),
    ):
        data = load((path,), chosen)[0]
        np.savez(tmp_path / "raw.npz", **raw.as_arrays(data))
        tracks, labelling = folds.prepare(raw.load(tmp_path / "raw.npz"), PARAMS, name)
        tracks.save(tmp_path / "tracks.npz")
        labelling.save(tmp_path / "labelling.npz")
        outs.append([(tmp_path / out).read_bytes() for out in ("tracks.npz", "labelling.npz")])
    assert outs[0] == outs[1]


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets are not here ({DATA})")
@pytest.mark.parametrize("name", ["libras", "libras_nodup", "pendigits", "omniglot_aramaic"])
def test_an_npz_gives_the_same_outs_as_its_arrays_unimported(name, tmp_path):
    with np.load(DATA / f"{name}.npz") as file:
        arrays = {key: file[key] for key in (*raw.REQUIRED, *raw.OPTIONAL) if key in file}
    expected = raw.check(arrays, Path(name))
    data = imported(DATA / f"{name}.npz").data
    for got, wanted in zip(folds.prepare(data, PARAMS, name), folds.prepare(expected, PARAMS, name), strict=True):
        assert got.digest() == wanted.digest()
