"""The style of pictures: a font and settings of our own, bytes that stay the same, names that fit."""

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties, findfont

from trajprobe.figures import style


def test_the_font_is_matplotlibs_own():
    path = findfont(FontProperties(family=style.FONT), fallback_to_default=False)
    assert Path(path).is_relative_to(mpl.get_data_path())


def test_nothing_of_the_users_settings_is_drawn(tmp_path):
    def bytes_of(name):
        with style.style():
            sheet = style.Sheet(2)
            sheet.text(0.1, 0.5, "a name")
            sheet.axes(0.1, 0.6, 1, 0.3).plot([1, 2])
            figure = sheet.finish(1)
        style.save(figure, tmp_path / name)
        return (tmp_path / name).read_bytes()

    before = bytes_of("a.svg"), bytes_of("a.png")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": "x", "svg.fonttype": "none"}):
        assert (bytes_of("b.svg"), bytes_of("b.png")) == before
    for secret in (b"<dc:date>", b"matplotlib.org", b"Matplotlib v"):
        assert secret not in before[0]
        assert secret not in before[1]


def test_letters_that_the_font_lacks_and_control_characters_are_escapes():
    assert style.drawable("caf\u00e9 \u05d0") == "caf\u00e9 \u05d0"
    assert style.drawable("\u6771\n`") == r"\u6771\n\x60"


def test_a_long_name_gets_smaller_and_then_loses_its_middle():
    name = "circular_counterclockwise"
    natural = style.width(name, 8)
    assert style.fitted(name, natural, 8) == (name, 8)
    text, size = style.fitted(name, 0.9 * natural, 8)
    assert (text, round(size, 3)) == (name, 7.2)
    text, size = style.fitted(name, 0.4 * natural, 8)
    assert size == style.LEAST
    assert text.startswith("circ")
    assert text.endswith("wise")
    assert "..." in text
    assert style.width(text, size) <= 0.4 * natural * 1.001


def test_the_colours_are_told_apart_with_every_kind_of_colour_blindness():
    # Vienot, Brettel and Mollon 1999 (Color Res. Appl. 24, 243): dichromats' confusion in linear RGB.
    linear = np.array([to_rgb(colour) for colour in style.COLOURS]) ** 2.2
    protan = np.array([[0.1121, 0.8853, -0.0005], [0.1127, 0.8897, -0.0001], [0.0045, 0.0, 1.0019]])
    deutan = np.array([[0.2920, 0.7054, -0.0003], [0.2934, 0.7089, 0.0], [-0.0209, 0.0256, 1.0]])
    for matrix in (np.eye(3), protan, deutan):
        seen = np.clip(linear @ matrix.T, 0, 1) ** (1 / 2.2)
        distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 9 * np.eye(len(seen))
        assert distances.min() > 0.14
    assert style.colour(len(style.COLOURS)) == style.COLOURS[0]


def test_pictures_need_no_screen():
    code = "import sys; from trajprobe.figures import data; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
