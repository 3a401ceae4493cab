"""A campaign that publishes: the local folder by the same interface as the object store."""

import json

SOURCE = [("labels", "sample:labels", {"type": "segmentation", "compresslevel": 6})]


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_as_target(campaign, tmp_path_factory):
    target = tmp_path_factory.mktemp("published place")
    campaign.write(SOURCE, publish={"target": target.as_uri(), "cleanup": True})
    said = campaign.run()
    assert "rule publish_upload:" in said
    here, there = campaign.results / "labels", target / "case/labels"
    ours = {name: content for name, content in files(here).items() if name != "published.json"}
    assert files(there) == ours
    published = json.loads((here / "published.json").read_text())
    assert {item["name"] for item in published["objects"]} == set(ours)
    assert published["url"] == there.as_uri() + "/"
    assert there.as_uri() in (campaign.results / "index.html").read_text()
    assert not (campaign.folder / "resources/labels").exists()  # cleaned up after the copy was read back
    assert "Nothing to be done" in campaign.run("--dry-run")

    # what the copy lacks is sent again, and only that; downloads that are gone are not fetched for it
    (there / "manifest.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in there.rglob("*")}
    said = campaign.run("--forcerun", "publish_upload")
    assert "rule fetch_input:" not in said
    assert (there / "manifest.json").read_bytes() == ours["manifest.json"]
    assert all(path.stat().st_mtime_ns == when for path, when in before.items() if path.is_file())


def test_a_failed_copy_leaves_downloads_and_no_word_of_success(campaign, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    campaign.write(SOURCE, publish={"target": f"{blocked.as_uri()}/below", "cleanup": True})
    said = campaign.run(fails=True)
    assert "publish_upload: " in said
    assert (campaign.results / "labels/manifest.json").exists()
    assert not (campaign.results / "labels/published.json").exists()
    assert (campaign.folder / "resources/labels/files/labels.nii.gz").exists()


def test_targets_that_are_none(campaign):
    campaign.write(SOURCE, publish={"target": "s3://bucket"})
    said = campaign.run("--dry-run", fails=True)
    assert "config/config.yaml publish.target: 's3://bucket' does not match" in said
    assert "file:///folder or swift://container/prefix" in said
