"""The README's pictures are those that `python docs/readme.py` draws from the committed results."""

import re
import sys
from pathlib import Path

import pytest
from documents import read, tables

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs"))

import readme  # noqa: E402

AGAIN = "run `python docs/readme.py`"


@pytest.fixture(scope="module")
def committed():
    return {name: (readme.FOLDER / name).read_text() for name in (readme.PIPELINE, readme.SCORES)}


@pytest.fixture(scope="module")
def run():
    return readme.results()


def texts(svg):
    return re.findall(r"<text[^>]*>(?:<title>.*?</title>)?([^<]*)</text>", svg)


def test_the_pictures_are_small_and_the_readme_shows_both(committed):
    assert sum(path.stat().st_size for path in readme.FOLDER.glob("*.svg")) < 60_000
    shown = re.findall(r"!\[([^\]]+)\]\(docs/pictures/([\w-]+\.svg)\)", read("README.md"))
    assert [name for _, name in shown] == list(committed)
    assert all(alt for alt, _ in shown), "what is read out in place of a picture"


def test_the_forest_plot_is_drawn_again_to_the_byte(committed, run):
    assert readme.scores(run[0]) == committed[readme.SCORES], AGAIN


def test_the_pipeline_is_drawn_again_from_track_to_verdict(committed, run):
    again = readme.pipeline(*run, readme.tokens_in(committed[readme.PIPELINE]))
    assert without_images(again) == without_images(committed[readme.PIPELINE]), AGAIN
    assert images(again) == images(committed[readme.PIPELINE]), AGAIN


def without_images(svg):
    return re.sub(r"data:image/png;base64,[^\"]+", "", svg)


def images(svg):
    """Pixels: other builds of Pillow may compress them otherwise."""
    return [readme.pixels(address).tobytes() for address in re.findall(r'href="(data:[^"]+)"', svg)]


def test_the_tokens_are_those_of_the_run_where_this_repository_has_it(committed):
    """A clone without data has none to compare; `make repro` brings them."""
    tokens = readme.tokens_of_run()
    shown = readme.pixels(readme.tokens_in(committed[readme.PIPELINE]))
    assert shown.shape == (128, 5 * 128, 3)
    if tokens:
        assert (readme.pixels(tokens) == shown).all(), AGAIN


def test_the_numbers_are_those_of_the_readmes_table(committed):
    (shown,) = [table for table in tables(read("README.md")) if table[0][:2] == ["row", "network"]]
    scores = texts(committed[readme.SCORES])
    assert sorted(text for text in scores if "[" in text) == sorted(cells[2] for cells in shown[1:])
    assert {cells[0] for cells in shown[1:]} <= set(scores)
    pipeline = texts(committed[readme.PIPELINE])
    assert [text for text in pipeline if "[" in text] == [shown[1][2], shown[2][2], f"{shown[2][3]} points"]
    assert f"pretrained minus random: {shown[2][4]}" in pipeline


def test_another_result_is_another_picture(run):
    every, values = run
    changed = readme.replace(every, details={**every.details, "pixels": every.details["kinematics"]})
    assert readme.scores(changed) != readme.scores(every)
    shifted = {**values, "synthetic": values["synthetic"] | {"seed": 7, "clips": 60}}
    tokens = "data:image/png;base64,"
    assert readme.pipeline(every, shifted, tokens) != readme.pipeline(every, values, tokens)
