"""What the documents say of the repository: links, files, keys, columns, numbers."""

import ast
import hashlib
import json
import re
import subprocess
import sys

import pytest
from documents import DOCUMENTS, ROOT, blocks, prose, read, tables
from ruamel.yaml import YAML

from trajprobe.compare.metrics import METRICS
from trajprobe.data import raw
from trajprobe.features.perturbations import INPUTS
from trajprobe.features.tokens import POOLINGS
from trajprobe.files.feature_shards import PERMUTED_WEIGHTS, PLAIN, REVERSED
from trajprobe.params import KEYS_LOST_BY_DVC
from trajprobe.rows import Row

WORDS = 900
RESULTS = "docs/reading-the-results.md"


def load(name):
    return YAML(typ="safe").load((ROOT / name).read_text())


def code(text):
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def first_cells(document, header):
    """The first column of the tables of a document that begin with that header."""
    return [cells[0] for table in tables(read(document)) if table[0] == header for cells in table[1:]]


def table_of_results():
    return read(RESULTS).partition("<!-- table -->\n")[2].partition("<!-- end of table -->")[0]


def test_the_readme_has_at_most_900_words():
    assert len(read("README.md").split()) <= WORDS


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), f"{document}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            names = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in names, f"{document}: {target}"


def test_every_document_is_linked_from_the_readme():
    links = re.findall(r"\]\((docs/[^)#]+\.md)\)", read("README.md"))
    assert sorted(set(links)) == [name for name in DOCUMENTS if name != "README.md"]


def test_the_table_is_the_one_of_the_committed_results():
    (table,) = [out for out in load("dvc.lock")["stages"]["compare"]["outs"] if out["path"] == "data/report/table.md"]
    shown = hashlib.md5(table_of_results().encode()).hexdigest()
    assert shown == table["md5"], f"paste data/report/table.md between the marks of {RESULTS}"


def test_what_commands_print_of_main_is_of_the_committed_results():
    summary, shown = flat(json.loads((ROOT / "metrics/summary.json").read_text())), []
    for text in (block.text for document in DOCUMENTS for block in blocks(document) if block.language == "text"):
        shown += re.findall(r"^(?:\| )?metrics/summary\.json[ |]+(\S+)[ |]+(\S+)", text, re.MULTILINE)
        for header, *lines in tables(text):
            rows = [dict(zip(header, cells, strict=True)) for cells in lines if len(cells) == len(header)]
            of_main = [row for row in rows if row.get("Experiment") in ("main", "workspace")]
            shown += [(key, cell) for row in of_main for key, cell in row.items() if key in summary]
    assert len(shown) > 12
    assert [(key, float(value)) for key, value in shown] == [(key, round(summary[key], 4)) for key, _ in shown]


def flat(node, path=""):
    """The numbers of nested tables, by the names of all levels, as DVC shows them."""
    if not isinstance(node, dict):
        return {path: node}
    return {name: of for key, part in node.items() for name, of in flat(part, f"{path}.{key}".strip(".")).items()}


def test_the_readmes_rows_are_those_of_the_table():
    scores, differences, *_ = tables(table_of_results())
    accuracies = {tuple(cells[:2]): cells[4] for cells in scores[1:] if cells[2] == "plain"}
    verdicts = {cells[0].strip("*"): (cells[1], cells[4]) for cells in differences[1:]}
    (shown,) = [table for table in tables(read("README.md")) if table[0][:2] == ["row", "network"]]
    others = ["magvit2-tiny-shuffled", "pixels", "kinematics"]
    assert [cells[0] for cells in shown[1:]] == ["magvit2-tiny"] * 2 + ["transnetv2"] * 2 + others
    for row, network, accuracy, *verdict in shown[1:]:
        assert accuracies[row, network] == accuracy, row
        if network.startswith("random"):
            assert verdicts[f"{row}: pretrained minus random"] == tuple(verdict)
        elif row != "magvit2-tiny":
            assert verdicts[f"magvit2-tiny minus {row}"] == tuple(verdict)


def test_the_readmes_sentences_have_the_numbers_of_its_rows():
    text, (shown,) = read("README.md"), [t for t in tables(read("README.md")) if t[0][:2] == ["row", "network"]]
    gain = shown[2][3].split()[0].lstrip("+")
    assert f"adds {gain} points" in text
    shares = re.findall(r"shuffled(?:-mean)? has (.*?) of the gain of magvit2-tiny", table_of_results())
    assert len(shares) == 2
    assert all(share in text for share in shares)


def test_each_column_of_the_table_is_explained():
    text = read(RESULTS)
    explained = set(re.findall(r"\*\*([^*]+)\*\*", text.partition("## Columns of the first table")[2]))
    headers = [header for header, *_ in tables(table_of_results())]
    assert len(headers) == 4
    names = {name for header in headers for name in header if not name.isdecimal()} - {"difference"}
    names = {"level" if name.startswith("level ") else name for name in names}
    assert names - explained == set()
    assert {metric.title for metric in METRICS.values()} <= explained


def test_what_is_said_of_the_default_runs_robustness_is_in_its_metrics():
    details, text = json.loads((ROOT / "metrics/details.json").read_text()), read(RESULTS)
    rows = (("magvit2-tiny", "pretrained", "hidden.tmean"), ("magvit2-tiny", "random", "hidden.tmean"))
    trained, random, pixels = (
        details[row][network]["plain"][layer]["robustness"]
        for row, network, layer in (*rows, ("pixels", "none", "features"))
    )
    start, end, fitted = (
        trained["from_plain"]["plain"],
        trained["from_plain"]["clutter-2"],
        trained["fitted"]["clutter-2"],
    )
    assert f"falls from {100 * start['mean']:.1f} % to {interval(end)} % at level 2" in text
    of_pixels = 100 * pixels["from_plain"]["clutter-2"]["mean"]
    assert f"pixels have {of_pixels:.1f} % and random weights {interval(random['from_plain']['clutter-2'])} %" in text
    assert f"fitted at that level still has {100 * fitted['mean']:.1f} %" in text
    assert all(trained[kind]["gain"]["verdict"] == 1 for kind in ("from_plain", "fitted"))


def interval(score):
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * score[key] for key in ("mean", "ci_low", "ci_high")))


def test_the_diagram_has_every_stage_and_edges_of_dvc_alone():
    (block,) = [block for block in blocks("README.md") if block.language == "mermaid"]
    edges = set(re.findall(r"^\s*(\w+)(?:\[.*?\])? --> (\w+)", block.text, re.MULTILINE))
    stages = load("dvc.yaml")["stages"]
    assert {name for edge in edges for name in edge} - {"table"} == set(stages)
    graph = subprocess.run(
        [sys.executable, "-m", "dvc", "dag", "--collapse-foreach-matrix", "--dot"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert edges <= set(re.findall(r'"(\w+)" -> "(\w+)"', graph.stdout))


@pytest.mark.parametrize("document", ["README.md", "docs/design.md"])
def test_files_that_are_named_exist(document):
    made = ("data/", "logs/", ".venv", ".dvc/cache", "metrics/", "src/trajprobe/backbones/FAMILY", "docs/NAME")
    for name in code(prose(document)):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*(/|\.(py|yaml|md|lock))", name) and not name.startswith(made):
            places = (ROOT, ROOT / "src/trajprobe")
            assert any((place / name).exists() for place in places) or "FAMILY" in name, f"{document}: {name}"


def test_the_picture_of_the_house_has_every_room():
    picture = next(block.text for block in blocks("docs/design.md") if "src/trajprobe/" in block.text)
    rooms = {line.split("/")[0].strip() for line in picture.partition("src/trajprobe/")[2].splitlines() if "/ " in line}
    exist = {path.name for path in (ROOT / "src/trajprobe").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert exist <= rooms
    assert rooms - exist <= {"parts", "tests", "benchmarks", "examples", "data", "metrics"}


def test_the_map_of_edits_is_the_one_that_is_tested():
    tree = ast.parse((ROOT / "tests/pipeline/test_dependencies.py").read_text())
    stale = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "STALE"
    )
    shown = {}
    (table,) = [t for t in tables(read("docs/design.md")) if t[0] == ["an edit of", "makes stale"]]
    for files, stages in table[1:]:
        words = re.findall(r"\w+", stages)
        names = ["check", "synthetic", "prepare", "render", "weights", "pretrain", "features", "probe"]
        names += ["pictures", "compare", "report"]
        for file in code(files):
            shown[file] = names if words == ["all", "stages"] else [word for word in words if word in names]
    expected = {
        file: [word for word in stages.split() if word not in ("of", "its", "rows")] for file, stages in stale.items()
    }
    assert shown == expected


def test_the_keys_of_a_row_are_all_explained():
    assert [code(cell)[0] for cell in first_cells("docs/networks.md", ["key", ""])] == list(Row.__struct_fields__)


def test_the_poolings_and_perturbations_are_all_explained():
    poolings = [code(cell) for cell in first_cells("docs/networks.md", ["pooling", "[b d t h w] becomes"])]
    assert [name for names in poolings for name in names] == [*POOLINGS, "cls", "pooler"]
    perturbations = [code(cell)[0] for cell in first_cells("docs/networks.md", ["perturbation", "what it removes"])]
    assert perturbations == [*(name for name in INPUTS if name not in (PLAIN, REVERSED)), PERMUTED_WEIGHTS]


def test_the_keys_of_an_npz_are_all_explained():
    keys = [code(cell)[0] for cell in first_cells("docs/data.md", ["key", "shape", ""])]
    assert keys == ["trajectories", "labels", "label_names", "lengths", "times", "groups", "split"]
    assert set(keys) == {*raw.REQUIRED, *raw.OPTIONAL}


def test_the_glossary_is_in_order_and_a_sentence_each():
    terms = re.findall(r"^- \*\*(.+?)\*\*: (.*)$", read("docs/glossary.md"), re.MULTILINE)
    assert len(terms) >= 40
    assert [term for term, _ in terms] == sorted(term for term, _ in terms)
    for term, sentence in terms:
        assert sentence.endswith("."), term
        assert ". " not in sentence, term


def test_no_document_names_a_parameter_that_dvc_would_lose():
    for document in DOCUMENTS:
        for block in blocks(document):
            assert not re.findall(rf"\b({'|'.join(KEYS_LOST_BY_DVC)}): ", block.text), f"{document}, line {block.line}"


def test_a_table_of_experiments_fits_a_screen():
    shown = [table for block in blocks("docs/dvc-recipes.md") for table in tables(block.text)]
    (experiments,) = [table for table in shown if table[0][0] == "Experiment"]
    assert len(experiments[0]) <= 12


def test_the_citation_names_the_version():
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert load("CITATION.cff")["version"] == version
