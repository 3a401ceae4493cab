"""The sheet: columns, lines, names. No Snakemake starts here."""

import re

import pytest

from campaign import ROOT
from darkroom.campaign import sheet

HEADER = "dataset\tpipeline\trecipe\tsource\toptions\n"


@pytest.fixture
def read(tmp_path):
    """`read(text)`: rows and problems of a sheet, whose name is left out of the problems."""

    def of_text(text):
        (tmp_path / "datasets.tsv").write_text(text)
        rows, wrong = sheet.read(tmp_path / "datasets.tsv")
        return rows, [problem.removeprefix(f"{tmp_path}/") for problem in wrong]

    return of_text


def test_rows_with_their_lines(read):
    rows, wrong = read(HEADER + "# none\t\t\t\t\n\na\tatlas\t\tsample:labels\t{type: segmentation}\nNA\tx\tr\t\t\n")
    assert wrong == []
    assert list(rows) == ["a", "NA"]
    assert (rows["a"].line, rows["a"].source, rows["a"].text) == (4, "sample:labels", "{type: segmentation}")
    assert (rows["NA"].line, rows["NA"].recipe, rows["NA"].source) == (5, "r", "")


def test_cells_as_spreadsheets_quote_them(read):
    rows, wrong = read(HEADER + 'a\tatlas\t\there\t"{""type"": ""image""}"\nb\tatlas\t\there\t{size: "5"}\n')
    assert wrong == []
    assert [sheet.flow_map(rows[name].text) for name in "ab"] == [{"type": "image"}, {"size": "5"}]


def test_the_sheet_of_the_readme_works_when_it_is_copied(read):
    shown = re.search(r"^```\n(dataset .*?)```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)[1]
    assert "\t" not in shown
    rows, wrong = read(shown)
    assert wrong == []
    assert rows["colin27"].source == "https://example.org/colin27T1_seg.nii.gz"
    assert rows["colin27"].recipe == ""
    assert rows["caloris"].recipe == "mosaic"
    assert rows["caloris"].source == ""
    assert sheet.flow_map(rows["caloris"].text)["images"] == ["caloris-1", "caloris-2"]


def test_columns_of_blanks_must_be_aligned(read):
    _, wrong = read("dataset  pipeline  source\nlonger-than-its-column  atlas  here\nb\tatlas\there\n")
    assert wrong == [
        "datasets.tsv line 2: is not aligned with the names of the columns; separate columns by tabs",
        "datasets.tsv line 3: has tabs, where the header has none",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "a\tatlas\t\there\t{a: 1\n",
            "line 2 options: '{a: 1' is no YAML flow map, such as {type: image, orientation: RIA} (did not find expected ',' or '}')",
        ),
        ("a\tatlas\t\there\t{b: 1, b: 2}\n", "key 'b' stands twice"),
        (
            "a\tatlas\t\there\t{a: &a [x, x, x, x, x, x, x, x, x], b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a], c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b], d: [*c, *c, *c]}\n",
            "with its aliases it comes to",
        ),
        ("a\tatlas\t\there\t[1]\n", "line 2 options: '[1]' is no YAML flow map"),
        ("a/b\tatlas\t\there\t\n", "line 2 dataset: 'a/b' does not match"),
        ("index.html\tatlas\t\there\t\n", "line 2 dataset: 'index.html' is the name of a file of the campaign itself"),
        ("a\t\t\there\t\n", "line 2: 'pipeline' is missing; right is: What is made of it, such as atlas."),
        ('a\tatlas\t\there\t"{b: 1}\n', "line 2: a cell that begins with a quote must end with one"),
        ("a\tatlas\t\there\t{}\tmore\n", "line 2: 6 cells, where the header has 5 columns"),
    ],
)
def test_lines_that_are_refused(read, line, said):
    rows, wrong = read(HEADER + line)
    assert rows == {}
    assert len(wrong) == 1 and said in wrong[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dataset\tpipeline\tsource\toption\na\tatlas\tsample:labels\t{}\n", "line 2: 'option' is unknown; did you mean 'options'?"),
        ("dataset\tpipeline\tsource\na\tatlas\tsample:labels\tb\tc\td\n\n\n\te\n", "line 2: 6 cells, where the header has 3 columns"),
    ],
)  # fmt: skip
def test_columns_that_are_too_many(read, text, said):
    _, wrong = read(text)
    assert said in wrong[0]


def test_a_name_that_is_there_twice(read):
    rows, wrong = read(HEADER + "a\tatlas\t\there\t\na\tatlas\t\there\t\n")
    assert len(rows) == 1
    assert "line 3 dataset: 'a' is in" in wrong[0] and "line 2 already" in wrong[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column dataset, pipeline, source in []"),
        (
            "dataset,pipeline,source\na,atlas,here\n",
            "no column dataset, pipeline, source in ['dataset,pipeline,source']; columns are separated by tabs",
        ),
        ("dataset\tpipline\tsource\na\tatlas\there\n", "line 1: no column pipeline in"),
    ],
)
def test_files_that_are_no_sheet(read, text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read(text)


def test_what_the_manifest_tells_of_a_row(read):
    rows, _ = read(HEADER + "a\tatlas\t\there\t\nb\tplanetary\tctx\tthere\t\n")
    assert rows["a"].told() == {"options": {}, "source": "here", "dataset": "a", "pipeline": "atlas"}
    assert rows["b"].told()["recipe"] == "ctx"


@pytest.mark.parametrize(
    ("source", "local"),
    [("", False), ("here", True), ("sample:labels", False), ("https://a/b", False), ("swift://c/d", False)],
)
def test_sources_on_this_machine(read, source, local):
    rows, _ = read(HEADER + f"a\tatlas\t\t{source}\t\n")
    assert rows["a"].is_local == local
