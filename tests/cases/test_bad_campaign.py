"""A campaign that cannot start says why, all at once, before any job: the place, what is wrong, what is right.

Sheets, configs and options of other forms: tests/unit/campaign.
"""


def refusal(campaign):
    said = campaign.run("--dry-run", fails=True)
    assert "this campaign cannot start" in said
    assert "Traceback" not in said
    return said


def test_all_bad_rows_are_named_at_once(campaign):
    (campaign.folder / "here").mkdir()
    campaign.write(
        [
            "good\tatlas\there\t",
            "good\tatlas\there\t",
            "bad name\tatlas\there\t",
            "a\tatlsa\there\t",
            "b\tatlas\tnowhere/at/all\t",
            "c\tatlas\there\t{orientaton: RIA}",
            "d\tatlas\there\t{encoding: jpg, chunk_size: 0}",
            "e\tatlas\there\t{resolution: [1, 2]}",
            "f\tatlas\there\t[1, 2",
            "g\tatlas\there\t{filter: '('}",
            "\tatlas\there\t",
            "# a comment\t\t\t",
        ]
    )
    said = refusal(campaign)
    for text in (
        "datasets.tsv line 3 dataset: 'good' is in datasets.tsv line 2 already",
        "datasets.tsv line 4 dataset: 'bad name' does not match",
        "datasets.tsv line 5 pipeline: 'atlsa' is unknown; did you mean 'atlas'?",
        "datasets.tsv line 6 source: 'nowhere/at/all' is not there",
        "datasets.tsv line 7 options: 'orientaton' is unknown; did you mean 'orientation'?",
        "datasets.tsv line 8 options encoding: 'jpg' is unknown; did you mean",
        "datasets.tsv line 8 options chunk_size: 0 is less than the minimum of 1; right is: Sides of a chunk",
        "datasets.tsv line 9 options resolution: [1, 2] is not valid",
        "datasets.tsv line 10 options: '[1, 2' is no YAML flow map",
        "datasets.tsv line 11 options filter: '(' is no regular expression",
        "datasets.tsv line 12: 'dataset' is missing",
    ):
        assert text in said
    assert said.count("datasets.tsv line") == 12  # the duplicate names two lines; the comment is none
    assert not (campaign.folder / "results").exists()


def test_a_sheet_that_is_not_there(campaign):
    campaign.write([], datasets="nowhere.tsv")
    assert "nowhere.tsv: the sheet cannot be read" in refusal(campaign)


def test_files_that_options_name_and_that_are_not_there(campaign):
    """For every pipeline, before a job; these files alone are complained of."""
    campaign.write(
        [
            "labels\tatlas\tsample:labels\t{slices: nofile.txt}",
            "sondes\tairborne\tsample:dropsondes\t{collections: [nowhere.yaml], schemas: nofolder}",
            "mars\tplanetary\tsample:ctx\t{isd: no.json, map: {template: no.map}}\tctx",
        ]
    )
    said = refusal(campaign)
    for text in (
        "line 2 options slices: 'nofile.txt' is not there",
        "line 3 options collections.0: 'nowhere.yaml' is not there",
        "line 3 options schemas: 'nofolder' is not there",
        "line 4 options isd: 'no.json' is not there",
        "line 4 options map.template: 'no.map' is not there",
    ):
        assert text in said
    assert said.count("is not there") == 5
