"""Colours of the page, light and dark, and of the figures for papers, which are light."""

#: Roles: paper, card, ink, quiet text, rules, grid; kinds of rows; signs of verdicts; the band of what is equal.
#: All text has a contrast of 4.5 or more on paper and card. The kinds are told apart with any kind of colour blindness,
#: and each has a mark of its own.
LIGHT = {
    "paper": "#ffffff",
    "card": "#f6f8fa",
    "ink": "#1b1f24",
    "quiet": "#57606a",
    "rule": "#c9d1d9",
    "grid": "#e9edf1",
    "pretrained": "#0b5cad",
    "random": "#ad4e0d",
    "control": "#57606a",
    "perturbed": "#9c2f78",
    "better": "#0b5cad",
    "worse": "#ad4e0d",
    "equal": "#57606a",
    "band": "#dfe9d8",
}
DARK = {
    "paper": "#0f1419",
    "card": "#181e25",
    "ink": "#e6edf3",
    "quiet": "#a3afbb",
    "rule": "#3b4650",
    "grid": "#232b33",
    "pretrained": "#6cb2ff",
    "random": "#f3a35f",
    "control": "#a3afbb",
    "perturbed": "#ee9fcf",
    "better": "#6cb2ff",
    "worse": "#f3a35f",
    "equal": "#a3afbb",
    "band": "#2a3a28",
}
#: Of classes: Paul Tol's "muted" (https://sros.nl/colour-schemes, 2021), darker on white and lighter on black.
CLASSES_LIGHT = (
    "#332288",
    "#cc6677",
    "#117733",
    "#b08a1e",
    "#882255",
    "#2f8f82",
    "#7d7d1c",
    "#aa4499",
    "#3c8fc0",
    "#222222",
)
CLASSES_DARK = (
    "#9a8cf0",
    "#ee8f9e",
    "#5fc486",
    "#e6c566",
    "#d98bb0",
    "#67d0c0",
    "#cfcf62",
    "#e08fd8",
    "#8cccf2",
    "#d8d8d8",
)
MARKS = ("circle", "square", "diamond")  #: of classes, where there are more of them than colours


def variables(dark: bool) -> str:
    """The colours as variables of CSS."""
    colours, classes = (DARK, CLASSES_DARK) if dark else (LIGHT, CLASSES_LIGHT)
    named = colours | {f"class-{number}": colour for number, colour in enumerate(classes)}
    return "".join(f"--{name}:{colour};" for name, colour in named.items())


def rules(*, variable: bool) -> str:
    """CSS of what a graphic is made of: `f-ROLE` fills, `s-ROLE` strokes; with variables, or with light colours."""
    named = LIGHT | {f"class-{number}": colour for number, colour in enumerate(CLASSES_LIGHT)}
    colours = {name: f"var(--{name})" if variable else colour for name, colour in named.items()}
    lines = [f".f-{name}{{fill:{colour}}}.s-{name}{{stroke:{colour}}}" for name, colour in colours.items()]
    halo = f".halo{{paint-order:stroke;stroke:{colours['paper']};stroke-width:4px;stroke-linejoin:round}}"
    return "".join(lines) + halo
