"""The page in Chromium: it asks for nothing, says nothing, fits, can be read and reached, and prints.

What is shown is a run whose classes have names that try to break it.
"""

import contextlib
import json
import re
from pathlib import Path

import browser
import made_up
import pytest

from trajprobe.page import building

pytestmark = pytest.mark.skipif(
    browser.executable() is None, reason="no Chromium here; `apt-get install chromium` brings it"
)
NAMES = [
    "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>",
    "\"quoted\" 'name' & more",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",  # Arabic
    "a" * 200,
    "\N{RUNNER} running \N{ROCKET}",
    "</style></svg></script><script>window.hit = 2</script>",
    "`code` \u202edlrow",
]
WINDOWS = [(width, dark) for width in (360, 768, 1440) for dark in (False, True)]
#: Of texts that can be seen: the rectangles of their lines, cut to what scrolls them.
TEXTS = """(() => {
  const texts = [];
  const cut = (box, element) => {
    let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
    for (let around = element; around; around = around.parentElement) {
      if (around.tagName === "svg" || getComputedStyle(around).overflowX === "visible") continue;
      const window = around.getBoundingClientRect();
      [left, top] = [Math.max(left, window.left), Math.max(top, window.top)];
      [right, bottom] = [Math.min(right, window.right), Math.min(bottom, window.bottom)];
    }
    return [left, top, right, bottom];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.textContent.trim() || element.closest("script, style, title, .skip, .hidden, nav")) continue;
    if (!element.checkVisibility() || element.getAttribute("transform")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = element.closest("svg") ? [element.getBoundingClientRect()] : [...range.getClientRects()];
    for (const box of boxes) {
      const [left, top, right, bottom] = cut(box, element);
      if (right - left < 1 || bottom - top < 1) continue;
      texts.push([node.textContent.trim(), left, top + scrollY, right, bottom + scrollY]);
    }
  }
  return texts;
})()"""
#: Of texts: their contrast with what is behind them, and the least that WCAG 2.2 asks for (AA).
CONTRASTS = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const data = canvas.getImageData(0, 0, 1, 1).data;
    return [data[0], data[1], data[2], data[3] / 255];
  };
  const over = (top, below, alpha) => top.slice(0, 3).map((part, place) => alpha * part + (1 - alpha) * below[place]);
  const luminance = (colour) => {
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element, x, y) => {
    const layers = [];
    for (const under of document.elementsFromPoint(x, y)) {
      const style = getComputedStyle(under);
      if (["text", "tspan", "line", "polyline", "svg"].includes(under.tagName) || under === element) {
        if (under !== element || under.namespaceURI.endsWith("svg")) continue;
      }
      const shape = under.namespaceURI.endsWith("svg");
      const colour = rgba(shape ? (style.fill === "none" ? "transparent" : style.fill) : style.backgroundColor);
      const alpha = colour[3] * (shape ? Number(style.fillOpacity) : 1);
      if (alpha) layers.push([colour, alpha]);
      if (alpha === 1) break;
    }
    let colour = rgba(getComputedStyle(document.body).backgroundColor);
    for (const [top, alpha] of layers.reverse()) colour = over(top, colour, alpha);
    return colour.slice(0, 3);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].find((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("script, style, title, .skip, .hidden") || !element.checkVisibility()) continue;
    element.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
    const range = document.createRange(), style = getComputedStyle(element);
    range.selectNodeContents(own);
    const box = element.namespaceURI.endsWith("svg") ? element.getBoundingClientRect() : range.getBoundingClientRect();
    const x = Math.min(Math.max(box.left + 3, 1), innerWidth - 2), y = (box.top + box.bottom) / 2;
    const ground = behind(element, x, y);
    const text = over(rgba(element.namespaceURI.endsWith("svg") ? style.fill : style.color), ground, 1);
    const [dark, light] = [luminance(text), luminance(ground)].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    found.push([element.textContent.trim().slice(0, 40), (light + 0.05) / (dark + 0.05), large ? 3 : 4.5]);
  }
  scrollTo(0, 0);
  return found;
})()"""
#: What can be reached by the keyboard, by a number that is written onto each.
FOCUSABLE = """(() => {
  const all = [...document.querySelectorAll("a[href], button, summary, input, [tabindex]")];
  const seen = all.filter((element) => element.tabIndex >= 0 && element.checkVisibility());
  seen.forEach((element, number) => (element.dataset.number = number));
  return seen.length;
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    top = tmp_path_factory.mktemp("run")
    values = made_up.write(
        top, NAMES, 70, 2, findings=["Tracks of <b>`one`</b> class end early."], notes=["`probe.c`: <i>widen</i> it."],
        licence="<a href='javascript:window.hit = 3'>free</a>",
    )  # fmt: skip
    with contextlib.chdir(top):
        building.build(values)
    return top / building.PAGE


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    opened = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def said(chromium):
    """What the console says, and what fails."""
    kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    return [event for event in chromium.events if event.get("method") in kinds]


def asked(chromium):
    events = [event["params"] for event in chromium.events if event.get("method") == "Network.requestWillBeSent"]
    return {event["request"]["url"] for event in events if not event["request"]["url"].startswith("data:")}


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_nothing_is_asked_for_said_or_run_and_names_are_text(page, chromium, width, dark):
    chromium.events.clear()
    chromium.open(page, width, dark=dark)
    chromium.run("new Promise((done) => setTimeout(done, 200))")
    assert said(chromium) == []
    assert asked(chromium) == {page.resolve().as_uri()}
    assert chromium.run("window.hit") is None
    text = chromium.run("document.body.textContent")
    for name in NAMES[:3]:
        assert name in text
    assert r"\x60code\x60 \u202edlrow" in text
    assert (
        chromium.run(
            "document.querySelectorAll('main script:not([type]), main a[href^=javascript], main b > b').length"
        )
        == 0
    )


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_nothing_overlaps_and_nothing_scrolls_sideways(page, chromium, width, dark):
    chromium.open(page, width, dark=dark)
    assert chromium.run("document.documentElement.scrollWidth") == width
    texts = chromium.run(TEXTS)
    assert len(texts) > 100
    assert [text for text, left, _, right, _ in texts if left < -0.5 or right > width + 0.5] == []
    texts.sort(key=lambda text: text[2])
    overlapping = []
    for place, (one, left, top, right, bottom) in enumerate(texts):
        for other, left_2, top_2, right_2, bottom_2 in texts[place + 1 :]:
            if top_2 >= bottom:
                break
            # Lines of letters may touch: the boxes around them are higher than they are.
            high, wide = min(bottom, bottom_2) - max(top, top_2), min(right, right_2) - max(left, left_2)
            if wide > 1 and high > 0.35 * min(bottom - top, bottom_2 - top_2):
                overlapping.append((one[:40], other[:40]))
    assert overlapping == []


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_letters_of_figures_can_be_read_on_any_window(page, chromium, width):
    chromium.open(page, width)
    sizes = chromium.run("""(() => {
      const seen = [...document.querySelectorAll(".chart svg text")].filter((text) => text.checkVisibility());
      return seen.map((text) => {
        const svg = text.closest("svg"), drawn = svg.getBoundingClientRect().width;
        return parseFloat(getComputedStyle(text).fontSize) * drawn / svg.viewBox.baseVal.width;
      });
    })()""")
    assert len(sizes) > 80
    assert min(sizes) >= 8


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1440, False), (1440, True)])
def test_all_text_has_the_contrast_of_aa(page, chromium, width, dark):
    chromium.open(page, width, dark=dark)
    measured = chromium.run(CONTRASTS)
    assert len(measured) > 150
    assert [text for text in measured if text[1] < text[2]] == []


def test_dark_is_dark_and_the_button_turns_it(page, chromium):
    chromium.open(page, dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = chromium.run(ground)
    chromium.run("document.querySelector('#theme').click()")
    assert (dark, chromium.run(ground)) == ("rgb(15, 20, 25)", "rgb(255, 255, 255)")


@pytest.mark.parametrize("width", [360, 1440])
def test_the_keyboard_reaches_everything(page, chromium, width):
    chromium.open(page, width)
    count = chromium.run(FOCUSABLE)
    reached, tags = set(), set()
    for _ in range(count + 3):
        chromium.press("Tab", 9)
        reached.add(chromium.run("document.activeElement.dataset.number ?? ''"))
        tags.add(chromium.run("document.activeElement.tagName"))
    assert reached - {""} == set(map(str, range(count)))
    # Links, buttons and folds; what scrolls; and the map, whose dots the arrows reach.
    assert tags == {"A", "BUTTON", "SUMMARY", "DIV", "PRE", "svg", "BODY"}


def test_a_heading_sorts_the_table_by_the_keyboard(page, chromium):
    chromium.open(page)
    column = "[...document.querySelectorAll('#numbers tbody tr')].map((row) => row.cells[5].textContent)"
    before = chromium.run(column)
    chromium.run("document.querySelectorAll('#numbers th button')[5].focus()")
    chromium.press("Enter", 13, text="\r")
    down = chromium.run(column)
    assert down == sorted(before, key=lambda cell: -float(cell.split()[0]))
    chromium.press("Enter", 13, text="\r")
    assert chromium.run(column) == sorted(before, key=lambda cell: float(cell.split()[0])) != down
    assert chromium.run("document.querySelectorAll('#numbers th')[5].getAttribute('aria-sort')") == "ascending"


def test_a_dot_of_the_map_shows_its_clip_by_pointer_and_by_keyboard(page, chromium):
    chromium.open(page, reduced=True)  # nothing glides: what is measured stays where it is
    chromium.run("document.querySelector('[data-figure=features] .wide svg').focus()")
    chromium.press("ArrowRight", 39)
    first = chromium.run("document.querySelector('#clip-card').textContent")
    chromium.press("ArrowRight", 39)
    second = chromium.run("document.querySelector('#clip-card').textContent")
    assert (first, second) == (f"{NAMES[0]}clip 0", f"{NAMES[1]}clip 1")
    chromium.press("Escape", 27)
    assert chromium.run("document.querySelector('#clip-card').hidden") is True
    where = chromium.run("""(() => {
      const dot = document.querySelector('[data-figure=features] .wide [data-n]');
      dot.scrollIntoView({block: 'center', behavior: 'instant'});
      const box = dot.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    })()""")
    chromium.ask("Input.dispatchMouseEvent", type="mouseMoved", x=where[0], y=where[1])
    assert re.fullmatch(r".*clip \d+", chromium.run("document.querySelector('#clip-card').textContent"), re.DOTALL)
    assert chromium.run("document.querySelector('#clip-card').hidden") is False
    assert chromium.run("window.hit") is None


def test_clips_play_and_pause_and_are_still_for_those_who_want_less_motion(page, chromium):
    playing = "document.getAnimations().filter((moving) => moving.playState === 'running').length"
    chromium.open(page)
    assert chromium.run(playing) > 14
    chromium.run("document.querySelector('#motion').click()")
    assert chromium.run(playing) == 0
    chromium.open(page, reduced=True)
    assert chromium.run(playing) == 0
    chromium.run("document.querySelector('#motion').click()")
    assert chromium.run(playing) > 14


def test_it_prints_on_several_pages_with_nothing_beyond_their_edge(page, chromium):
    chromium.open(page)
    printed = chromium.pdf()
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 40
    chromium.ask("Emulation.setDeviceMetricsOverride", width=690, height=1000, deviceScaleFactor=1, mobile=False)
    assert chromium.run("document.documentElement.scrollWidth") == 690
    assert chromium.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    chromium.ask("Emulation.setEmulatedMedia", media="screen")


def test_saved_files_are_those_that_the_stage_writes(page, chromium):
    chromium.open(page)
    links = chromium.run("[...document.querySelectorAll('a[download]')].map((link) => [link.download, link.href])")
    figures = sorted(path.name for path in (page.parent / "figures").glob("*.svg"))
    assert sorted(name for name, _ in links if name.endswith(".svg")) == figures
    for name, address in links:
        text = chromium.run(f"atob({json.dumps(address.partition(',')[2])})")
        if name.endswith(".svg"):
            assert text.encode("latin-1") == (page.parent / "figures" / name).read_bytes()
        else:
            assert text.splitlines()[0].split(",")[0] in ("row", "difference")
    assert Path(page).stat().st_size < 5_000_000
