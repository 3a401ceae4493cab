"""Messages of archives in and out: a CNM notice, a Cumulus message, a task's input; by the archives' own schemas."""

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

import airborne_folders as folders
from commands import process as process_command
from darkroom.airborne import payload

NAME = "D20120906_224116_1.QC"
# Of the packages @cumulus/post-to-cmr (schemas/input.json) and podaac/cloud-notification-message-schema.
SCHEMAS = Path(os.environ.get("SAMPLES", Path(__file__).parents[4] / "shared/samples")) / "airborne/cumulus-schemas"
TIMES = {"receivedTime", "processCompleteTime", "submissionTime"}


@pytest.fixture(scope="module")
def sonde(tmp_path_factory):
    """A short dropsonde in a folder."""
    header, table = folders.short_sonde()
    path = tmp_path_factory.mktemp("staging") / f"{NAME}.eol"
    path.write_bytes(b"".join(header + table[:20]))
    return path


def notice(sonde, **more):
    file = {"type": "data", "uri": f"s3://staging/in/{sonde.name}", "name": sonde.name, "size": sonde.stat().st_size}
    return {
        "version": "1.6.1",
        "provider": "PROVIDER",
        "collection": {"name": "hs3avaps", "version": "1"},
        "submissionTime": "2026-01-01T00:00:00.000Z",
        "identifier": "1234-abcd",
        "product": {"name": NAME, "dataVersion": "1", "files": [file | more]},
    }


def message(sonde):
    """A message of a workflow after Cumulus 10: files as bucket and key, null where there is nothing to say."""
    file = {"bucket": "staging", "key": f"in/{sonde.name}", "fileName": sonde.name, "checksum": None}
    return {
        "cumulus_meta": {"state_machine": "arn:one", "execution_name": "two"},
        "meta": {
            "collection": {"name": "hs3avaps", "version": "1"},
            "buckets": {"protected": {"name": "ops-protected", "type": "protected"}},
            "distribution_endpoint": "https://dist.example.org",
        },
        "payload": {"granules": [{"granuleId": NAME, "files": [file]}]},
        "exception": None,
    }


@pytest.fixture
def answered(sonde, tmp_path):
    """`answered(message)`: what is answered to it, and the folder of what was made."""

    def answer(asked):
        path = sonde.with_name("message.json")
        path.write_text(json.dumps(asked))
        process_command.process(path, tmp_path / "out", {"THREADS": "1"})
        return json.loads((tmp_path / "out/payload.json").read_text()), tmp_path / "out"

    return answer


def require_by(name, value):
    """Judge by an archive's own schema, where that is at hand."""
    if (SCHEMAS / name).is_file():
        jsonschema.validate(value, json.loads((SCHEMAS / name).read_text()))


def require_files(files, folder, size, *keys):
    """Every file of an answer has what its schema wants, and the size that it has in the archive."""
    archived = {path.name: path for path in folder.glob("archive/**/*.*")}
    assert {file[keys[0]] for file in files} == set(archived)
    for file in files:
        assert all(isinstance(file[key], str) for key in keys)
        assert file[size] == archived[file[keys[0]]].stat().st_size


def test_a_notice_is_answered(sonde, answered):
    asked = notice(sonde)
    require_by("cumulus_sns_schema.json", asked)
    told, folder = answered(asked)
    require_by("cumulus_sns_schema.json", told)
    assert {"version", "identifier", "collection", "response", *TIMES} <= set(told)
    assert told["response"] == {"status": "SUCCESS"}
    assert (told["identifier"], told["product"]["name"]) == ("1234-abcd", NAME)
    require_files(told["product"]["files"], folder, "size", "name", "uri", "checksum")
    assert {file["type"] for file in told["product"]["files"]} == {"data", "metadata", "ancillary"}
    assert {file["checksumType"] for file in told["product"]["files"]} == {"SHA256"}


def test_files_of_a_notice_may_be_in_groups(sonde, answered):
    asked = notice(sonde)
    asked["product"]["filegroups"] = [{"id": "one", "files": asked["product"].pop("files")}]
    told, _ = answered(asked)
    assert told["response"]["status"] == "SUCCESS"


@pytest.mark.parametrize("around", [False, True])
def test_a_message_of_a_workflow_is_answered(sonde, answered, around):
    asked = message(sonde)
    told, folder = answered({"cma": {"event": asked, "task_config": {}}} if around else asked)
    assert told["cumulus_meta"] == asked["cumulus_meta"]
    assert told["exception"] == "None"
    require_by("input.json", told["payload"])
    (granule,) = told["payload"]["granules"]
    assert granule["granuleId"] == NAME
    require_files(granule["files"], folder, "size", "fileName", "bucket", "key", "checksum")
    allowed = {"bucket", "checksum", "checksumType", "fileName", "key", "size", "source", "type"}
    assert all(set(file) <= allowed for file in granule["files"])
    assert {file["bucket"] for file in granule["files"]} == {"ops-protected", "private"}


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"size": 5}, "bytes, but the payload says 5"),
        ({"checksum": "0" * 32}, "its  is|its .* but the payload says 0000"),
        ({"checksum": "0" * 64, "checksumType": "SHA2"}, "its SHA2 is"),
        ({"checksum": "0" * 40, "checksumType": "SHA-1"}, "its SHA-1 is"),
        ({"checksum": 12345678, "checksumType": "CKSUM"}, "its CKSUM is"),
        ({"checksum": "abc", "checksumType": "shake_128"}, "its checksum is told as shake_128; right is md5"),
        ({"checksum": "abc", "checksumType": "crc99"}, "its checksum is told as crc99; right is md5"),
    ],
)
def test_a_wrong_size_or_digest_is_refused(sonde, answered, more, wrong):
    with pytest.raises(ValueError, match=wrong):
        answered(notice(sonde, **more))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda asked: asked | {"collection": 5}, "config.collection.name: is 5, not text"),
        (lambda asked: asked | {"product": {"files": {"a": 1}}}, "message.json input: "),
        (lambda asked: asked | {"product": {"filegroups": 5}}, "input: is 5, not a list"),
        (lambda asked: asked | {"product": {"filegroups": [5]}}, "input: is 5, not a list"),
        (lambda asked: asked | {"product": [1]}, "input.0: is 1, not text or a map"),
        (
            lambda asked: asked | {"product": {"files": [{"uri": "a" * 5000}]}},
            "message.json: input '.*a' is no name of a file: .* too long",
        ),
        (lambda asked: asked | {"product": {"files": [{"uri": "a\0b"}]}}, "message.json: input .* is not there"),
    ],
)
def test_notices_of_another_shape_are_refused_in_a_line(sonde, change, wrong):
    path = sonde.with_name("message.json")
    path.write_text(json.dumps(change(notice(sonde))))
    with pytest.raises((ValueError, OSError), match=wrong):
        payload.read(path)


def test_a_file_that_is_named_twice_is_one(sonde):
    path = sonde.with_name("message.json")
    path.write_text(json.dumps({"config": {}, "input": [sonde.name, sonde.name]}))
    assert payload.read(path).names == [sonde.name]


def test_cksum_is_that_of_the_program(sonde):
    printed = subprocess.run(["cksum", sonde], capture_output=True, text=True, check=True).stdout.split()[0]
    assert payload.cksum(sonde) == printed
    payload.File(sonde, None, "cksum", printed).require()
