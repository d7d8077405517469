"""`trajprobe table --without`: the table of the rows that are there, marked, and outside DVC."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from probed import MANY, merged, scored
from ruamel.yaml import YAML
from small_runs import NET, PIXELS, dump, params

from trajprobe.errors import UserError
from trajprobe.files import probe_results
from trajprobe.params import read
from trajprobe.rows import named_rows
from trajprobe.runs.incomplete import incomplete_table, without_rows

LIKE = {"family": "magvit2_tiny", "clips": "t17", "weights": "other", "like": "net"}
ROWS = {
    "pixels": PIXELS,
    "net": NET | {"pooling": "mean"},
    "like": LIKE,
    "extent": PIXELS | {"family": "extent", "like": "extent"},
}


def probes():
    layer = {"layer": "hidden.mean"}
    seeds = [scored("random", "net", *[100, 103, 98, 101, 99], **layer), scored("pretrained", "net", 150, **layer)]
    others = [scored("pretrained", "like", 140, **layer), scored("none", "pixels", 120), scored("none", "extent", 90)]
    return merged([*seeds, *others])


@pytest.fixture
def run(repository):
    repository.commit(params(**ROWS), probes(), MANY, headline={"accuracy": {"mean": 0.5}})
    return repository


def table_without(*rows):
    return incomplete_table(rows)


def test_the_rows_that_are_left_out_are_named_at_the_top_and_in_no_table(run):
    """Two failed: one has no result, and one has an old one."""
    probe_results.path("extent").unlink()
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file() and ".git/" not in str(path)}
    found = table_without("extent", "net")
    assert found.startswith("**Incomplete: without extent, net.** ")
    names = {line.split("|")[1].strip() for line in found.splitlines() if line.startswith("| ")}
    assert {"pixels", "like", "pixels minus like"} <= names
    assert not any("extent" in name or "net" in name.split() for name in names)
    assert "differences between rows" in found
    assert "for the 1 differences" in found
    assert {path: path.read_bytes() for path in before} == before
    assert run.git("status", "--porcelain") == ""


def test_it_is_the_table_of_a_run_without_these_rows(run):
    """As if params.yaml had never had them."""
    found = table_without("extent").partition("\n\n")[2]
    smaller = params(**{name: row for name, row in ROWS.items() if name != "extent"})
    run.write(smaller, [probe for probe in probes() if probe.row != "extent"], MANY)
    dump(smaller, "params.yaml")
    assert found == table_without().partition("\n\n")[2]


def test_a_row_that_stays_must_have_run_with_these_parameters(run):
    values = read()
    values["probe"]["seed"] = 5
    dump(values, "params.yaml")
    with pytest.raises(UserError) as error:
        table_without("extent")
    assert str(error.value) == (
        "table: like: `probe.seed` was changed since it ran; net: `probe.seed` was changed since it ran; "
        "pixels: `probe.seed` was changed since it ran; run `dvc repro --keep-going`, or leave such rows out too "
        "(`--without ROW`)"
    )


def test_rows_of_different_code_are_not_put_into_one_table(run):
    """A run that stopped half-way after an edit leaves such."""
    lock = YAML(typ="safe").load(Path("dvc.lock"))
    lock["stages"]["features@net"]["deps"][2]["md5"] = "0" * 32
    dump(lock, "dvc.lock")
    with pytest.raises(UserError, match="rows were made with different versions of src/trajprobe/features; run"):
        table_without("extent")
    assert "Incomplete" in table_without("net")


def test_unknown_rows_and_the_primary_one_are_refused(run):
    with pytest.raises(
        UserError, match=r"--without nothing: got no row of params\.yaml, expected some of extent, like"
    ):
        table_without("nothing")
    with pytest.raises(UserError, match="--without pixels: is the row that the others are compared with"):
        table_without("pixels")


def test_what_is_like_a_row_that_is_left_out_keeps_what_it_shared():
    values = params(**ROWS | {"held": PIXELS | {"like": "held", "against": "net"}})
    kept = without_rows(values, ["net"])
    whole, rows = named_rows(values), named_rows(kept)
    assert rows["like"] == msgspec.structs.replace(whole["like"], like="like")
    assert rows["held"].against is None
    assert set(values["rows"]) == {*ROWS, "held"}
    assert json.dumps(kept["rows"])
    assert re.search("mean", str(rows["like"].pooling))
