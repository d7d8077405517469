"""Random changes of npz files: each is refused in one line, or gives the very same tracks, or tracks that can be drawn.

A longer run: TRAJPROBE_CASES=20000 pytest tests/torture/test_changed_npz.py
"""

import io
import random
import warnings
import zipfile
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from limits import cases, limited
from renderings import rendering

from trajprobe.clips.camera import Scaling, Time
from trajprobe.clips.render import ClipMaker, ClipWork
from trajprobe.clips.scene import framing, place
from trajprobe.data import folds, guards, raw
from trajprobe.errors import UserError
from trajprobe.files.tracks import Tracks
from trajprobe.importers import data_set
from trajprobe.importers.options import ImportOptions

WILD = Path(__file__).parents[2] / "../shared/data/in_the_wild/damaged"
#: What a header, or a value, is changed to.
TOKENS = [
    *(
        "0",
        "-1",
        "1",
        "3",
        "True",
        "None",
        "2.0",
        "1e400",
        "10**9",
        "999999999999",
        "18446744073709551616",
        "()",
        "(((",
        "'",
    ),
    *(
        "'<f8'",
        "'>f4'",
        "'|O'",
        "'<U9999999'",
        "'<U0'",
        "'|S3'",
        "'<M8[s]'",
        "'<c16'",
        "'|V8'",
        "'?'",
        "'<i1'",
        "[('a','<f8')]",
    ),
    *(
        "True,",
        "(6, 5)",
        "(6, 5, 2, 1)",
        "(5, 6, 2)",
        "\\",
        "\n",
        "\x00",
        "{}",
        "-" * 50,
        "lambda",
        "__import__",
        "\ud800",
    ),
]
NUMBERS = [0.0, -0.0, 1e39, -1e39, 1e308, 1e-310, 5e-324, np.inf, -np.inf, np.nan, 1e18, 2.0**63, 1e-30, 255.5]


def arrays(generator):
    """A good set."""
    points = generator.normal(size=(6, 5, 2))
    return {
        "trajectories": points,
        "labels": np.array(["walk", "run"] * 3),
        "label_names": np.array(["run", "walk"]),
        "lengths": np.array([5, 5, 4, 5, 5, 3]),
        "times": np.tile(np.arange(5.0), (6, 1)),
        "groups": np.array(["a", "b", "c", "d", "e", "f"]),
        "more": np.arange(100),
    }


def written(content, packed):
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, **content)
    return buffer.getvalue()


def flipped(data, chance):
    """Bytes changed, cut out or put in, wherever they are: the checksums stay as they were."""
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        at = chance.randrange(len(data))
        kind = chance.random()
        if kind < 0.6:
            data[at] ^= 1 << chance.randrange(8)
        elif kind < 0.8:
            data[at : at + 4] = chance.choice([b"\xff" * 4, b"\0" * 4, chance.randbytes(4)])
        elif kind < 0.9:
            del data[at : at + chance.choice([1, 30, len(data)])]
        else:
            data[at:at] = chance.randbytes(chance.choice([1, 30]))
    return bytes(data)


def reworded(data, chance):
    """A member whose header says something else, with the right checksum, or with another way of packing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as out:
        names = archive.namelist()
        changed = chance.choice(names)
        for name in names:
            member = archive.read(name)
            if name == changed:
                start, end = member.index(b"{"), member.index(b"\n")
                header = member[start:end].decode()
                token = chance.choice(TOKENS)
                at = chance.randrange(len(header.rstrip()))
                if chance.random() < 0.7:  # in place of a value
                    key = chance.choice(["'descr': ", "'fortran_order': ", "'shape': "])
                    at = header.index(key) + len(key)
                    stop = header.index(", }" if key == "'shape': " else ", '", at)
                    header = header[:at] + token + header[stop:]
                else:
                    header = header[:at] + token + header[at + chance.randrange(3) :]
                text = header.encode("latin-1", "replace").ljust(end - start) + b"\n"
                length = len(text).to_bytes(2, "little")
                member = member[:8] + length + text + member[end + 1 :]
            packing = chance.choice([0, 0, 8, 8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
            out.writestr(chance.choice([name] * 20 + ["labels.npy", "x"]), member, packing)
    return buffer.getvalue()


def revalued(content, chance):
    """An array of other values, another type or another shape."""
    key = chance.choice(list(content))
    array = content[key].copy()
    kind = chance.random()
    if kind < 0.5 and array.dtype.kind == "f":
        for _ in range(chance.choice([1, 3, array.size])):
            array.flat[chance.randrange(array.size)] = chance.choice(NUMBERS)
    elif kind < 0.6:
        array = array.astype(chance.choice(["U3", "S2", "U40"] + ["?", "u8", "f2", "c8"] * (array.dtype.kind != "U")))
    elif kind < 0.7:
        array = array.reshape(-1) if array.ndim > 1 else array[None]
    elif kind < 0.8:
        array = array[: chance.randrange(len(array))]
    elif kind < 0.9 and array.dtype.kind == "U":
        array = array.astype("U8")
        array.flat[0] = chance.choice(["g|0\n- x", "\x1b[2J", "\ud800", "", " ", "\u202e", "`"])
    elif array.dtype.kind == "U":
        array = array.astype("U2")
        array.view("u4").flat[0] = chance.choice([0x110000, 0xFFFFFFFF, 0xD800, 0])
    elif array.dtype.kind in "iu":
        array.flat[0] = chance.choice([-1, 0, 2**62, -(2**63)])
    return content | {key: array}


def changed_file(seed):
    """The bytes of a file, and whether they must be refused or mean what they meant before the change."""
    chance, generator = random.Random(seed), np.random.default_rng(seed)
    content = arrays(generator)
    kind = seed % 4
    if kind == 3:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numpy's conversions
            return written(revalued(content, chance), chance.random() < 0.5), None
    data = written(content, chance.random() < 0.5)
    if kind == 2:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # names that stand twice
            return reworded(data, chance), None
    return flipped(data, chance), content


def use(loaded, path):
    """What the stages do with a set that was taken: none of its numbers may overflow on the way to a frame."""
    params = folds.Prepare(folds=2, seed=0, duplicates="keep", shared_runs="keep", guards="stop", pool="auto")
    try:
        tracks, labelling = folds.prepare(loaded, params, "set")
    except UserError:  # too few groups in a class, say
        return
    assert isinstance(tracks, Tracks)
    for finding in guards.findings(
        loaded, tracks, labelling, guards.Drawing(["xy"], "dataset", "normalised"), str(path)
    ):
        assert finding.text.isprintable()
    for scaling, time in product(get_args(Scaling), get_args(Time)):
        drawn = rendering(9, 16, scaling=scaling, time=time)
        for finding in ClipMaker(ClipWork(path, drawn), tracks).survey("t9")[1]:
            assert finding.text.isprintable()
        places = place(tracks, framing(tracks, drawn.placement), drawn).points
        assert np.isfinite(places).all()
        assert np.abs(places).max() <= 3 * drawn.form.resolution


def imported(path):
    return data_set.load((path,), ImportOptions())[0]


@pytest.mark.harm("hostile files")
@pytest.mark.parametrize("load", [raw.load, imported])
def test_a_changed_file_is_refused_in_one_line_or_means_what_it_says(tmp_path, load, record_property):
    taken = refused = longest = 0
    path = tmp_path / "set.npz"
    for seed in cases(100):
        data, content = changed_file(seed)
        path.write_bytes(data)
        with limited():
            try:
                loaded = load(path)
            except UserError as error:
                refused += 1
                longest = max(longest, len(str(error)))
                continue
            except Exception as error:  # noqa: BLE001 (whatever it is, the case is named)
                pytest.fail(f"case {seed}: {type(error).__name__}: {error}")
            taken += 1
            try:
                if content is None:
                    use(loaded, path)
                else:  # the change was of what means nothing, as a date in the zip
                    lengths = content["lengths"]
                    for track, points in enumerate(content["trajectories"]):
                        np.testing.assert_array_equal(
                            loaded.trajectories[track, : lengths[track]], points[: lengths[track]]
                        )
                    np.testing.assert_array_equal(loaded.label_names[loaded.labels], content["labels"])
                    np.testing.assert_array_equal(loaded.group_names[loaded.groups], content["groups"])
            except Exception as error:  # noqa: BLE001
                pytest.fail(f"case {seed}, taken: {type(error).__name__}: {error}")
    print(f"{refused} refused, {taken} taken")  # noqa: T201 (for a longer run)
    assert refused > 2 * taken > 0
    assert longest < 1500
    record_property("times", len(cases(100)))


@pytest.mark.parametrize("path", sorted(WILD.glob("*.npz")), ids=lambda path: path.stem)
def test_a_file_that_once_gave_a_traceback_is_refused(path):
    for load in (raw.load, imported):
        with limited(), pytest.raises(UserError, match="is damaged"):
            load(path)
