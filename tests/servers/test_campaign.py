"""Whole campaigns whose sources lie on real servers: URLs, a list of URLs, a public Swift container with a filter."""

import json

import imagecodecs
import nibabel
import numpy as np
import pytest
import tensorstore


def planes(count, seed):
    return np.random.default_rng(seed).integers(0, 255, (count, 20, 30)).astype("u1")


def read(folder):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/precomputed/"}
    return tensorstore.open(spec).result().read().result()[..., 0]


def test_urls(campaign, nginx, tmp_path_factory):
    files = tmp_path_factory.mktemp("files")
    labels = np.arange(4 * 5 * 6, dtype="u2").reshape(4, 5, 6)
    nibabel.save(nibabel.Nifti1Image(labels, np.diag([1, 1, 1, 1])), files / "labels.nii.gz")
    stack = planes(2, 1)
    for number, plane in enumerate(stack, 9):  # s9, s10: natural order matters
        (files / f"s{number}.png").write_bytes(imagecodecs.png_encode(plane))
    server = nginx(files)
    campaign.write(
        [
            ("labels", f"{server.url}/labels.nii.gz", {"type": "segmentation"}),
            ("stack", f"{server.url}/s10.png {server.url}/s9.png", {"resolution": 1000}),
            ("lost", f"{server.url}/nothing.nii", {}),
        ]
    )
    said = campaign.run(fails=True)
    assert f"fetch_input: {server.url}/nothing.nii: 404 Not Found" in said
    assert np.array_equal(read(campaign.results / "labels"), labels)
    assert np.array_equal(read(campaign.results / "stack"), stack.transpose(2, 1, 0))
    manifest = json.loads((campaign.results / "stack/manifest.json").read_text())
    assert {file["url"] for file in manifest["inputs"]["files"]} == {f"{server.url}/s{n}.png" for n in (9, 10)}
    assert all(len(file["sha256"]) == 64 for file in manifest["inputs"]["files"])


def test_a_signed_url_is_read_and_its_signature_is_nowhere(campaign, nginx, tmp_path_factory, monkeypatch):
    files = tmp_path_factory.mktemp("files")
    (files / "s1.png").write_bytes(imagecodecs.png_encode(planes(1, 1)[0]))
    url = f"{nginx(files).url}/s1.png"
    monkeypatch.setenv("SIGNED", "temp_url_sig=se-cret&ticket=hush-hush")
    options = {"resolution": 1000}
    signed = ("signed", f"{url}?${{SIGNED}}", options)
    said = campaign.write([signed, ("told", f"{url}?temp_url_sig=plain-secret", options)]).run(fails=True)
    assert (
        "datasets.tsv line 3 source: " in said and "may be a password, a signature" in said and "write ${NAME}" in said
    )
    said += campaign.write([signed]).run()
    manifest = json.loads((campaign.results / "signed/manifest.json").read_text())
    assert manifest["source"] == f"{url}?${{SIGNED}}"
    assert [file["url"] for file in manifest["inputs"]["files"]] == [f"{url}?temp_url_sig=***&ticket=***"]
    written = [path for path in campaign.folder.rglob("*") if path.is_file() and path.name != "datasets.tsv"]
    everything = "".join([said, *(path.read_text(errors="replace") for path in written)])
    assert not any(secret in everything for secret in ("se-cret", "hush-hush", "plain-secret"))


def test_a_public_container_with_a_filter(campaign, swift):
    container = "stacks"
    url = swift.container(container)
    chosen, other = planes(45, 2), planes(3, 3)  # more names than a page holds
    for number, plane in enumerate(chosen):
        swift.put(container, f"brain one/pm31{number:02}o.png", imagecodecs.png_encode(plane))
    for number, plane in enumerate(other):
        swift.put(container, f"brain two/pm31{number:02}o.png", imagecodecs.png_encode(plane))
    swift.put(container, "brain one/readme.txt", b"not an image")
    campaign.write(
        [
            ("one", url, {"filter": r"brain one/pm31\d+o\.png", "resolution": 1000, "orientation": "RIA"}),
            ("two", f"{url}/brain%20two/", {"filter": r"pm31\d+o\.png", "resolution": 1000}),
            ("none", url, {"filter": r"pm31\d+o\.png", "resolution": 1000}),
        ]
    )
    said = campaign.run(fails=True)
    assert "none of its 49 objects, such as 'brain one/pm3100o.png'" in said
    assert np.array_equal(read(campaign.results / "one"), chosen[:, ::-1].transpose(2, 0, 1))
    assert np.array_equal(read(campaign.results / "two"), other.transpose(2, 1, 0))


@pytest.mark.parametrize("stacks", [True, False])
def test_fetch_input_as_a_command(swift, tmp_path, stacks):
    import fetch_input

    container = f"fetch-{stacks}".lower()
    url = swift.container(container)
    for name in ("a/x.png", "b/x.png", "a/y.txt"):
        swift.put(container, name, name.encode())
    if stacks:
        fetch_input.fetch_input(url, stacks=True, filter=r".*\.png", destination=tmp_path / "out")
        contents = {path.relative_to(tmp_path / "out").as_posix(): path.read_text() for path in tmp_path.rglob("*.png")}
        assert contents == {"a/x.png": "a/x.png", "b/x.png": "b/x.png"}
    else:
        fetch_input.fetch_input(f"{url}/a/y.txt", destination=tmp_path / "out")
        assert (tmp_path / "out/y.txt").read_text() == "a/y.txt"
