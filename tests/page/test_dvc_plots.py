"""`dvc plots show` opens without internet: the templates of .dvc/plots are drawn by its page, with intervals."""

from pathlib import Path

import browser
import pytest
from dvc_render.html import render_html
from dvc_render.vega import VegaRenderer
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / ".dvc/plots"
PLOTS = {
    "intervals": ("accuracy", "row", [{"row": "net", "accuracy": 0.8, "ci_low": 0.7, "ci_high": 0.9}]),
    "shares": ("recall", "class", [{"class": "<b>left</b>", "recall": 0.5}, {"class": "right", "recall": 0.7}]),
    "counts": ("actual", "predicted", [{"actual": "left", "predicted": name} for name in ("left", "left", "right")]),
    "few_shot": (
        "clips",
        "accuracy",
        [{"row": "net", "clips": n, "accuracy": 0.3, "low": 0.2, "high": 0.4} for n in (1, 2, 4)],
    ),
    "loss": ("step", "total", [{"step": n, "total": 1 / (n + 1)} for n in range(3)]),
}

#: Of a plot: circles, rectangles (those of the legend too), curves, bands and intervals.
COUNT = """((plot) => ["circle", "rect", "polyline", "polygon", "line:not(.axis)"].map(
    (mark) => document.getElementById(plot).querySelectorAll(mark).length))"""


def written(folder, *revisions):
    """The page of all plots, each of some revisions."""
    renderers = []
    for template, (x, y, rows) in PLOTS.items():
        points = [{key: str(value) for key, value in row.items()} | {"rev": rev} for rev in revisions for row in rows]
        settings = {"x": x, "y": y, "template": template, "template_dir": str(TEMPLATES), "title": template}
        renderers.append(VegaRenderer(points, template, **settings))
    return Path(render_html(renderers, folder / "index.html", TEMPLATES / "offline.html"))


def test_every_plot_of_the_pipeline_has_a_template_that_the_page_draws():
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    plots = [plot for stage in stages.values() for plot in stage.get("do", stage).get("plots", ())]
    named = {settings["template"] for plot in plots for settings in plot.values() if "template" in settings}
    assert named == set(PLOTS) == {path.stem for path in TEMPLATES.glob("*.json")}


def test_the_page_names_no_address(tmp_path):
    text = written(tmp_path, "workspace").read_text()
    assert "cdn" not in text
    assert 'src="' not in text


@pytest.mark.skipif(browser.executable() is None, reason="no Chromium here; `apt-get install chromium` brings it")
def test_all_plots_are_drawn_without_internet(tmp_path):
    page = written(tmp_path, "workspace", "main")
    opened = browser.Browser(tmp_path / "profile")
    try:
        opened.open(page)
        failed = [event for event in opened.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
        requests = [event["params"] for event in opened.events if event["method"] == "Network.requestWillBeSent"]
        marks = {name: opened.run(f"{COUNT}({name!r})") for name in PLOTS}
        words = opened.run("document.body.innerText")
    finally:
        opened.close()
    assert failed == []
    assert {request["request"]["url"] for request in requests} == {page.resolve().as_uri()}
    assert marks == {
        "intervals": [2, 2, 0, 0, 2],
        "shares": [0, 4 + 2, 0, 0, 0],
        "counts": [0, 4, 0, 0, 0],
        "few_shot": [0, 0, 2, 2, 0],
        "loss": [0, 2, 2, 0, 0],
    }
    assert "<b>left</b>" in words
    assert "counts: main" in words
