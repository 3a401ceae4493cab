"""What rules ask of a campaign. No Snakemake starts here."""

import json
import os
import re
from datetime import date

import pytest

from darkroom.campaign import Campaign, CampaignError, Pipeline
from darkroom.campaign.batches import batches
from darkroom.campaign.campaign import one_of
from darkroom.campaign.inputs import files_of, local_source, minutes, unwatched


@pytest.fixture
def start(tmp_path, monkeypatch):
    """`start(lines, **config)`: a campaign of these lines, in a folder of its own that is the working directory."""
    monkeypatch.chdir(tmp_path)

    def started(lines, **config):
        header = "dataset\tpipeline\trecipe\tsource\toptions"
        (tmp_path / "datasets.tsv").write_text("\n".join([header, *lines]) + "\n")
        places = {"<resources>": "resources", "<results>": "results", "<campaign>": "case"}
        apply = lambda path: re.sub("<[a-z]+>", lambda name: places[name[0]], path)  # noqa: E731
        return Campaign({"campaign": "case", "datasets": "datasets.tsv"} | config, "config.yaml", apply)

    return started


PLAIN = Pipeline(products=["a.tif"], records=["a.json"])
BINS = {"bins": {"type": "integer", "minimum": 1, "default": 10, "description": "Bins of the histogram."}}


def test_the_config_gets_its_defaults(start):
    campaign = start([], atlas={"jpeg_quality": 80})
    assert campaign.config["atlas"]["jpeg_quality"] == 80
    assert campaign.config["atlas"]["encoding"] == "auto"
    assert campaign.config["planetary"]["map"]["projection"] == "equirectangular"


def test_a_row_lays_its_options_over_those_of_the_config(start):
    campaign = start(
        ["a\tplanetary\t\tsample:ctx\t{map: {resolution: 6}}", "b\tplanetary\t\tsample:ctx\t"],
        planetary={"map": {"projection": "sinusoidal", "resolution": 20}},
    )
    assert campaign["a"].options == {}
    campaign.add("planetary", PLAIN)
    maps = [campaign[name].options["map"] for name in "ab"]
    assert [(one["projection"], one["resolution"]) for one in maps] == [("sinusoidal", 6), ("sinusoidal", 20)]
    assert campaign["a"].options["geometry"] == "none"
    assert maps[0]["interpolation"] == "cubic"


def test_dates_of_yaml_are_text_where_text_is_due(start):
    campaign = start(
        ["a\tcalcium\t\tsample:calcium-demo\t{start: 2024-05-17T14:03:00+02:00}"],
        calcium={"nwb": {"subject": {"date_of_birth": date(2024, 1, 31)}}},
    )
    campaign.add("calcium", PLAIN)
    assert campaign["a"].options["start"] == "2024-05-17T14:03:00+02:00"
    assert campaign["a"].options["nwb"]["subject"]["date_of_birth"] == "2024-01-31"


def test_what_is_not_finite_is_no_number(start):
    campaign = start([f"{name}\tcalcium\t\tsample:calcium-demo\t{{rate: .{name}}}" for name in ("nan", "inf")])
    campaign.add("calcium", PLAIN)
    with pytest.raises(CampaignError, match=r"options rate: is NaN, not a number(.|\n)*is Infinity, not a number"):
        campaign.check()


def test_all_that_is_wrong_is_told_at_once(start):
    campaign = start(
        [
            "a\tatlas\t\tnowhere\t{encoding: jpg, slices: gone.txt}",
            "b\tatlsa\t\tsample:labels\t",
            "c d\tatlas\t\tsample:labels\t",
            "e\tatlas\t\t\t",
        ],
        atlass={},
    )
    campaign.add("atlas", PLAIN)
    with pytest.raises(CampaignError) as failure:
        campaign.check()
    first, *problems = str(failure.value).splitlines()
    assert first == "this campaign cannot start:"
    for said in (
        "config.yaml: 'atlass' is unknown; did you mean 'atlas'?",
        "datasets.tsv line 4 dataset: 'c d' does not match",
        "datasets.tsv line 2 source: 'nowhere' is not there; give a file, a folder",
        "datasets.tsv line 2 options encoding: 'jpg' is unknown; did you mean 'jpeg'?",
        "datasets.tsv line 2 options slices: 'gone.txt' is not there; right is: Section files",
        "datasets.tsv line 3 pipeline: 'atlsa' is unknown; did you mean 'atlas'?",
        "datasets.tsv line 5 source: is empty; give a file",
    ):
        assert sum(line.startswith(said) for line in problems) == 1, said
    assert len(problems) == 7


def test_a_file_that_snakemake_would_take_for_a_pattern(start, tmp_path):
    (tmp_path / "in {x}.txt").touch()
    campaign = start(["a\tatlas\t\tsample:labels\t{slices: 'in {x}.txt'}"])
    campaign.add("atlas", PLAIN)
    with pytest.raises(CampaignError, match=r"options slices: 'in \{x\}.txt': Snakemake takes braces .* rename it"):
        campaign.check()


def test_a_config_that_is_wrong(start):
    with pytest.raises(CampaignError) as failure:
        start(
            [],
            campaign="a/b",
            fetch={"connections": "many"},
            atlas={"chunksize": 64, "jpeg_quality": 200},
            planetary={"map": {"resolutoin": 3, "template": "no.map"}},
        )
    assert set(str(failure.value).splitlines()[1:]) == {
        "config.yaml campaign: 'a/b' does not match '^[A-Za-z0-9][A-Za-z0-9._-]*$'; right is: Name of the "
        "campaign and of its folder in results/.",
        "config.yaml atlas: 'chunksize' is unknown; did you mean 'chunk_size'?",
        "config.yaml atlas.jpeg_quality: 200 is greater than the maximum of 100; right is: Quality of jpeg chunks.",
        "config.yaml fetch.connections: is 'many', not an integer; right is: Downloads of one dataset at the same time "
        "from each host, and never more than 64 in all.",
        "config.yaml planetary.map: 'resolutoin' is unknown; did you mean 'resolution'?",
        "config.yaml planetary.map.template: 'no.map' is not there; right is: Map template of ISIS (.map); it replaces "
        "the other keys.",
    }


def test_a_pipeline_from_outside_has_options_of_its_own(start):
    campaign = start(
        ["a\tthermal\t\tsample:x\t{bins: 4}", "b\tthermal\t\tsample:x\t", "c\tthermal\t\tsample:x\t{bin: 0}"],
        thermal={"bins": 7},
    )
    campaign.add("thermal", Pipeline(products=["histogram.tsv"], options=BINS))
    assert [campaign[name].options["bins"] for name in "ab"] == [4, 7]
    assert campaign["b"].options == {"bins": 7, "filter": "", "checksum": "", "unpack": True}
    with pytest.raises(CampaignError, match="line 4 options: 'bin' is unknown; did you mean 'bins'"):
        campaign.check()


def test_what_datasets_end_in(start):
    campaign = start(["a\tatlas\t\tsample:x\t{ome_zarr: true}", "b\tatlas\t\tsample:x\t"])
    zarr = Pipeline(products=lambda row: ["zarr"] if row.options["ome_zarr"] else [], problems=lambda row: [])
    campaign.add("atlas", zarr)
    assert (campaign.products("a"), campaign.products("b"), campaign.records("a")) == (["zarr"], [], [])


def test_good_rows(start):
    campaign = start(["a\tatlas\t\tsample:x\t", "b\tatlas\t\tsample:x\t{encoding: jpg}", "c\tairborne\t\tsample:x\t"])
    campaign.add("atlas", Pipeline([], problems=lambda row: ["options: no"] if row.dataset == "c" else []))
    assert [row.dataset for row in campaign.good("atlas")] == ["a"]


def test_names_of_a_pipeline(start):
    campaign = start(["a\tatlas\t\tsample:x\t", "a.b\tairborne\t\tsample:x\t", "b\tatlas\t\tsample:x\t"])
    assert [bool(re.fullmatch(campaign.pattern("atlas"), name)) for name in ("a", "a.b", "b", "ab")] == [
        True,
        False,
        True,
        False,
    ]
    assert not re.fullmatch(campaign.pattern("planetary"), "a")
    whole = start(["a\tatlas\t\tsample:x\t"])
    assert re.fullmatch(whole.pattern("atlas"), "any")


@pytest.mark.parametrize("names", [[], ["a"], ["a", "ab", "abc"], ["x.1", "x.2", "y-1", "x.10", "x"], ["a.b", "aXb"]])
def test_an_expression_of_names_alone(names):
    others = ["", "b", "abcd", "x.", "x.11", "xa1", "y", "aYb"]
    assert [name for name in [*names, *others] if re.fullmatch(one_of(names), name)] == names


def test_size_of_a_source(start, tmp_path):
    campaign = start(["a\tatlas\t\there.bin\t", "b\tatlas\t\thttps://example.org/x\t"])
    assert campaign.source_bytes("a") == campaign.source_bytes("b") == 0
    (tmp_path / "here.bin").write_bytes(bytes(5))
    assert campaign.source_bytes("a") == 5
    inventory = tmp_path / "resources/b/inventory.json"
    inventory.parent.mkdir(parents=True)
    inventory.write_text(json.dumps({"files": [{"bytes": 7}, {"bytes": 8}]}))
    assert campaign.source_bytes("b") == 15
    for cut in ("", '{"files": [{"byt', "[]"):
        inventory.write_text(cut)
        assert campaign.source_bytes("b") == 0


def test_minutes():
    assert [minutes(size, attempt) for size, attempt in [(0, 1), (3 * 10**10, 1), (10**10, 2), (10**13, 1)]] == [
        60,
        240,
        240,
        1440,
    ]


def test_a_source_is_seen_to_change(start, tmp_path):
    campaign = start(["a\tatlas\t\tsrc\t", "b\tatlas\t\tsample:x\t", "c\tatlas\t\tsrc {x}\t"])
    folder = tmp_path / "src"
    folder.mkdir()
    (tmp_path / "src {x}").mkdir()
    for age, name in enumerate(("new", "old")):
        (folder / name).touch()
        os.utime(folder / name, (1000 - age, 1000 - age))
    assert local_source(campaign["a"]) == ["src", "src/new"]
    assert local_source(campaign["b"]) == local_source(campaign["c"]) == []
    (line,) = unwatched(list(campaign.rows.values()))
    assert line.startswith("c: Snakemake takes braces") and "src {x}" in line


def test_files_of_folders(tmp_path):
    for name in ("b.yaml", "a.yaml", "c.txt"):
        (tmp_path / name).touch()
    assert files_of([str(tmp_path), "one.yaml"], ".yaml") == [f"{tmp_path}/a.yaml", f"{tmp_path}/b.yaml", "one.yaml"]


def test_batches_go_by_lines_of_the_sheet(start):
    rows = start([f"d{number}\tatlas\t\tsample:x\t" for number in range(5)]).rows
    items = [(dataset, ".even") for dataset in rows]
    planned = batches(rows, items, ("{dataset}", "{part}"), "{part}", 3)
    assert [(batch.suffix, [dataset for dataset, _ in batch.items]) for batch in planned] == [
        ("_0", ["d0"]),
        ("_1", ["d1", "d2", "d3"]),
        ("_2", ["d4"]),
    ]
    assert planned[0].files("made{}.cub") == ["<results>/<campaign>/d0/made.even.cub"]
    (single,) = batches(rows, items, ("{dataset}", "{part}"), "{part}", 1)
    assert single.files("made{}.cub") == ["<results>/<campaign>/{dataset}/made{part}.cub"]
    said = single.each(lambda dataset, part: dataset + part)
    assert said({"dataset": "d1", "part": ".odd"}) == ["d1.odd"]
