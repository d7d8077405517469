"""What a file declares is looked at before anything is allocated; what can't be read is not called damaged."""

import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.files import memory, reading
from trajprobe.files.atomic import write_json, write_npz
from trajprobe.files.reading import declared_arrays, parse_json, read_json, read_npz

MEND = r" run `dvc checkout \S+/a\.\w+`, or `dvc repro` .* damaged, run `trajprobe cache verify`$"


def refused(call, *arguments):
    with pytest.raises(UserError) as caught:
        call(*arguments)
    return str(caught.value)


def zipped(path, packing=zipfile.ZIP_STORED, **members):
    """Writes a zip of the bytes of each member."""
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def array_bytes(descr="'<f8'", shape="(2,)", data=bytes(16), version=1):
    """The bytes of a .npy file whose header declares this."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


@pytest.mark.harm("damage")
@pytest.mark.parametrize("data", [b'{"a": 1', b"", b"\xff\xfe"])
def test_damaged_json_is_refused_with_its_name_and_the_remedy(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(UserError, match=r"a\.json: is no valid JSON \(.*\); delete \S+/a\.json and" + MEND):
        read_json(tmp_path / "a.json")


@pytest.mark.harm("damage")
@pytest.mark.parametrize("at", [60, 150, -3])
def test_a_flipped_bit_in_an_npz_is_refused_with_its_name_and_the_remedy(tmp_path, at):
    write_npz(tmp_path / "a.npz", {"x": np.arange(6.0)})
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[at] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(UserError, match=r"a\.npz: is damaged .*; delete \S+/a\.npz and" + MEND):
        read_npz(tmp_path / "a.npz", ["x"])


def test_missing_json_is_refused_with_its_name_and_the_remedy(tmp_path):
    with pytest.raises(UserError, match=r"a\.json: is not there; `dvc repro` makes it"):
        read_json(tmp_path / "a.json")


def test_npz_comes_back_as_it_was_written(tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "bc"]), "one": np.array(3)}
    write_npz(tmp_path / "a.npz", arrays)
    back, others = read_npz(tmp_path / "a.npz", tuple(arrays))
    assert others == []
    assert back.keys() == arrays.keys()
    for key, value in arrays.items():
        assert back[key].dtype == value.dtype
        np.testing.assert_array_equal(back[key], value)


@pytest.mark.parametrize(("damage", "message"), [
    (lambda path: path.write_bytes(path.read_bytes()[:-40]), r"is damaged \(.*\); delete .*a\.npz and run `dvc"),
    (lambda path: path.write_bytes(b"x,y"), r"is no npz file, as numpy.savez writes it; delete .*a\.npz and run `dvc"),
    (lambda path: path.unlink(), "is not there; `dvc repro` makes it, `dvc pull` fetches it"),
    (lambda path: np.savez(path, x=np.array([{}], dtype=object)), "`x` holds Python objects, which are never"),
])  # fmt: skip
def test_an_unreadable_npz_is_refused_with_its_name_and_the_remedy(tmp_path, damage, message):
    path = tmp_path / "a.npz"
    write_npz(path, {"x": np.arange(100.0)})
    damage(path)
    with pytest.raises(UserError, match=rf"a\.npz: {message}"):
        read_npz(path, ["x"])


def test_arrays_that_are_not_asked_for_are_not_read(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.npz", x=array_bytes(), more=array_bytes(data=b"no such array"))
    back, others = read_npz(path, ["x"], ["y"])
    assert list(back) == ["x"]
    assert others == ["more"]


def test_a_missing_array_is_named_with_the_keys_of_the_file(tmp_path):
    path = zipped(tmp_path / "a.npz", **{"q\n\x1b[31mred": array_bytes()})
    assert refused(read_npz, path, ["x", "y"]).endswith(r"no `x`; expected x and y, got the keys q\n\x1b[31mred")


def test_an_array_larger_than_the_free_memory_is_refused_before_it_is_read_and_not_called_damaged(
    tmp_path, monkeypatch
):
    write_npz(tmp_path / "a.npz", {"x": np.zeros(300_000), "y": np.zeros(500_000)})
    monkeypatch.setattr(memory, "free", lambda: 3_000_000)
    monkeypatch.setattr(reading, "_array", lambda *_: pytest.fail("was read"))
    message = refused(read_npz, tmp_path / "a.npz", ["x", "y"])
    assert "a.npz: too large: needs 0.0 GB of memory, the machine has 0.0 GB; take fewer" in message
    assert "delete" not in message


@pytest.mark.harm("hostile files")
@pytest.mark.parametrize("member", [
    array_bytes(shape="(10**9, 10**9)"),
    array_bytes(shape="(1000000000, 1000000000)"),
    array_bytes(shape="(4,)"),
    array_bytes(shape="(1,)"),
    array_bytes(shape="(True, 2)"),
    array_bytes(shape="(-2,)"),
    array_bytes(shape="(2.0,)"),
    array_bytes(shape="2"),
    array_bytes(shape="(" * 500 + "2," + ")" * 500),
    array_bytes(shape="-" * 3000 + "2"),
    array_bytes(descr="'<U999999999'"),
    array_bytes(descr="'<U0'"),
    array_bytes(descr="None"),
    array_bytes(descr="{'names': 3}"),
    array_bytes(descr="'\\ud800'"),
    array_bytes(version=3),
    array_bytes(version=2)[:10] + b"\xff\xff" + bytes(90),
    array_bytes(descr="'<U4'", shape="(1,)", data=b"\xff" * 16),
    b"",
    b"\x93NUMPY",
    b"text",
])  # fmt: skip
def test_a_member_that_is_not_what_it_declares_is_refused_in_one_line(tmp_path, member):
    message = refused(read_npz, zipped(tmp_path / "a.npz", x=member), ["x"])
    assert "a.npz: is damaged" in message
    assert "\n" not in message
    assert len(message) < 1000


@pytest.mark.harm("hostile files")
def test_a_zip_that_declares_more_than_its_bytes_can_hold_is_refused(tmp_path):
    path = zipped(tmp_path / "a.npz", x=array_bytes(shape="(1000000,)", data=b""))
    data, end = path.read_bytes(), (len(array_bytes(shape="(1000000,)", data=b"")) + 8_000_000).to_bytes(4, "little")
    start = data.index(b"PK\x01\x02")
    path.write_bytes(data[: start + 24] + end + data[start + 28 :])  # of the uncompressed member
    assert "declares 8,000,0" in refused(read_npz, path, ["x"])


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_way_of_packing_that_numpy_does_not_have_is_refused(tmp_path, packing):
    assert "is not packed as numpy.savez" in refused(read_npz, zipped(tmp_path / "a.npz", packing, x=b"x"), ["x"])


def test_an_array_that_lost_its_name_in_one_of_two_places_is_damage_even_where_it_is_not_asked_for(tmp_path):
    path = zipped(tmp_path / "a.npz", x=array_bytes(), groups=array_bytes())
    path.write_bytes(path.read_bytes()[::-1].replace(b"groups"[::-1], b"gropps"[::-1], 1)[::-1])
    assert "a.npz: is damaged (File name in directory" in refused(read_npz, path, ["x"], ["groups"])


def test_an_array_whose_entry_was_swallowed_by_another_one_is_damage(tmp_path):
    path = zipped(tmp_path / "a.npz", x=array_bytes(), groups=array_bytes())
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", start + 4)
    end = data.index(b"PK\5\6")
    data[start + 32] = end - second  # the length of the first entry's comment
    path.write_bytes(data)
    assert "a.npz: is damaged (it states 2 arrays and has 1)" in refused(read_npz, path, ["x"], ["groups"])


def test_a_name_that_a_file_has_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", array_bytes())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.npy", array_bytes())
    assert "it has `x` twice" in refused(read_npz, tmp_path / "a.npz", ["x"])


@pytest.mark.parametrize("dtype", ["M8[s]", "c16", [("a", "f8")], "V3"])
def test_arrays_of_anything_but_plain_numbers_and_strings_are_refused(tmp_path, dtype):
    np.savez(tmp_path / "a.npz", x=np.zeros(2, dtype))
    assert "expected numbers or strings" in refused(read_npz, tmp_path / "a.npz", ["x"])


@pytest.mark.parametrize("read", [lambda path: read_npz(path, ["x"]), read_json])
def test_a_file_that_cannot_be_read_is_what_the_system_says_and_not_damaged(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")  # to read it would wait forever
    for path, reason in (
        (Path("/proc/self/mem"), "cannot be read (Input/output error)"),
        (tmp_path, "is a folder, expected a file"),
        (tmp_path / "pipe", "is no regular file, expected a file"),
        (tmp_path / ("x" * 300), "cannot be read (File name too long)"),
        (tmp_path / "\0", "embedded null"),
    ):
        message = refused(read, path)
        assert reason in message
        assert "damaged" not in message
        assert "delete" not in message


@pytest.mark.parametrize(("text", "reason"), [
    ("[" * 20_000 + "]" * 20_000, "nested too deeply"),
    ('{"a": ' * 100_000, "nested too deeply"),
    ("9" * 5000, "digits"),
    ("1e999", "too large a number"),
    ("NaN", "NaN is no number of JSON"),
    ("-Infinity", "-Infinity is no number of JSON"),
    ('{"a": 1, "b\\n": 2, "b\\n": 3}', r"`b\n` stands twice"),
    ('["\\ud800"]', "surrogates not allowed"),
    ('{"\\udfff": 1}', "surrogates not allowed"),
    ("[1", "Expecting"),
])  # fmt: skip
def test_json_that_means_nothing_certain_is_refused(tmp_path, text, reason):
    (tmp_path / "a.json").write_text(text)
    begun = time.process_time()
    message = refused(read_json, tmp_path / "a.json")
    assert reason in message
    assert "\n" not in message
    assert time.process_time() - begun < 2


def test_json_of_paired_surrogates_is_one_character():
    assert parse_json(r'["\ud83d\ude00"]') == ["\U0001f600"]


def test_json_comes_back_as_it_was_written(tmp_path):
    value = {"a": [1, 2.5, None, True, "\u00e9"], "b": {"c": -1e-300}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_json_larger_than_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("[1]")
    monkeypatch.setattr(memory, "free", lambda: 3)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("was read"))
    assert "a.json: too large" in refused(read_json, tmp_path / "a.json")


def test_what_arrays_declare_is_told_without_reading_them(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.array([{}], dtype=object), t=np.zeros(2, "M8[s]"))
    declared = declared_arrays(tmp_path / "a.npz", "no such file", "save it again")
    assert {name: (shape, dtype.kind) for name, (shape, dtype) in declared.items()} == {
        "x": ((2, 3), "f"),
        "y": ((1,), "O"),
        "t": ((2,), "M"),
    }
    assert refused(declared_arrays, tmp_path / "b.npz", "no such file", "").endswith("b.npz: no such file")
    zipped(tmp_path / "c.npz", x=array_bytes(shape="(3,)"))
    message = refused(declared_arrays, tmp_path / "c.npz", "", "save it again")
    assert "`x.npy` declares 24 bytes and has 16); save it again" in message


def test_other_kinds_of_arrays_are_read_where_they_are_asked_for(tmp_path):
    dates = np.array(["2024-01-01"], "M8[s]")
    np.savez(tmp_path / "a.npz", t=dates)
    assert "expected numbers or strings" in refused(read_npz, tmp_path / "a.npz", ["t"])
    back, _ = read_npz(tmp_path / "a.npz", ["t"], kinds="M")
    np.testing.assert_array_equal(back["t"], dates)
