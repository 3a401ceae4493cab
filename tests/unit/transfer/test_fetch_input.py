"""Local sources, checksums and lines of progress; what needs a server is in tests/servers."""

import hashlib
import json
import logging
import subprocess
import zipfile
from pathlib import Path

import pytest

from darkroom.files import digest as file_digest
from darkroom.transfer import checksums, remote
from darkroom.transfer import progress as progress_module
from darkroom.urls import problem, public_url, with_variables
from fetch_input import fetch_input


def fetch(source, tmp_path, **options):
    """What the inventory says, and that nothing of the source was changed."""
    before = snapshot(Path(source))
    fetch_input(str(source), destination=tmp_path / "out", inventory=tmp_path / "inventory.json", **options)
    assert snapshot(Path(source)) == before
    return json.loads((tmp_path / "inventory.json").read_text())


def snapshot(path):
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return [(str(file), file.stat().st_mtime_ns, file.is_file() and file.read_bytes()) for file in files]


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    for name in ("s1.tif", "s2.tif", "deep/s3.tif"):
        (source / name).write_text(f"content of {name}")
    return source


def sums(folder, program="sha256sum"):
    """A list by the program itself."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return subprocess.run([program, "--", *names], cwd=folder, check=True, capture_output=True, text=True).stdout


# Local sources


def test_local_files_stay_where_they_are(tmp_path, folder):
    told = fetch(folder, tmp_path)
    assert (told["root"], [file["name"] for file in told["files"]]) == (
        str(folder),
        ["deep/s3.tif", "s1.tif", "s2.tif"],
    )
    assert [file["name"] for file in fetch(folder, tmp_path, filter=r"s\d")["files"]] == ["s1.tif", "s2.tif"]
    told = fetch(folder / "s1.tif", tmp_path)
    assert (told["root"], told["files"][0]["name"]) == (str(folder), "s1.tif")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("z", r"source: none of its 3 files, such as 'deep/s3\.tif', 's1\.tif', 's2\.tif', matches 'z'"),
        ("s(", r"filter 's\(' is not a regular expression"),
    ],
)
def test_filters_that_choose_nothing(tmp_path, folder, pattern, says):
    with pytest.raises(ValueError, match=says):
        fetch(folder, tmp_path, filter=pattern)


def test_nothing_to_choose_from():
    with pytest.raises(ValueError, match=r"^here: there are no names in it; give a source that has some$"):
        remote.matching([], "", "here")


@pytest.mark.parametrize("pattern", ["", "s1"])
def test_a_folder_without_files(tmp_path, pattern):
    (tmp_path / "source/deep").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"source: there are no files in it; give a source that has some$"):
        fetch(tmp_path / "source", tmp_path, filter=pattern)


def test_local_archive(tmp_path):
    archive = tmp_path / "scan.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a/s1.tif", b"1")
        packed.writestr("a/notes.txt", b"n")
    told = fetch(archive, tmp_path, filter=r".*\.tif")
    assert told["root"] == str(tmp_path / "out/scan")
    assert told["files"] == [
        {"name": "a/s1.tif", "bytes": 1, "sha256": hashlib.sha256(b"1").hexdigest(), "archive": str(archive)}
    ]
    assert fetch(archive, tmp_path, unpack=False)["files"][0]["name"] == "scan.zip"
    with pytest.raises(ValueError, match=r"scan\.zip: SHA-256 0+ expected, \w+ got"):
        fetch(archive, tmp_path, checksum="sha256:" + "0" * 64)


def test_archives_of_a_local_folder_are_left_packed(tmp_path, folder):
    (folder / "more.zip").write_bytes(b"not looked into")
    assert "more.zip" in [file["name"] for file in fetch(folder, tmp_path)["files"]]


def test_compressed_volume_is_no_archive(tmp_path):
    (tmp_path / "brain.nii.gz").write_bytes(b"volume")
    assert fetch(tmp_path / "brain.nii.gz", tmp_path)["files"][0]["name"] == "brain.nii.gz"


# Checksums


@pytest.mark.parametrize("program", ["sha256sum", "md5sum"])
@pytest.mark.parametrize("where", ["inside", "elsewhere"])
def test_a_folder_against_a_list(tmp_path, folder, program, where):
    text = sums(folder, program)
    path = (folder if where == "inside" else tmp_path) / "sums.txt"
    path.write_text(text)
    checksum = "sums.txt" if where == "inside" else str(path)
    told = fetch(folder, tmp_path, checksum=checksum)
    assert [file["name"] for file in told["files"]] == ["deep/s3.tif", "s1.tif", "s2.tif"]  # without the list
    (folder / "s2.tif").write_text("CONTENT of s2.tif")
    with pytest.raises(ValueError, match=r"source/s2\.tif: (SHA-256|MD5) \w+ expected, \w+ got"):
        fetch(folder, tmp_path, checksum=checksum)
    assert len(fetch(folder, tmp_path, checksum=checksum, filter="s1")["files"]) == 1
    (folder / "s4.tif").write_text("new")
    with pytest.raises(ValueError, match=r"sums\.txt: no checksums of 's4\.tif' among 3"):
        fetch(folder, tmp_path, checksum=checksum, filter=r"s4\.tif")


def test_one_file(tmp_path, folder):
    path = folder / "s1.tif"
    fetch(path, tmp_path, checksum=f"sha256:{file_digest(path)}")
    fetch(path, tmp_path, checksum=f"md5:{file_digest(path, 'md5')}")
    (folder / "s1.tif.md5").write_text(file_digest(path, "md5") + "  s1.tif\n")
    fetch(path, tmp_path, checksum="s1.tif.md5")
    with pytest.raises(ValueError, match="that of one file, but there are"):
        fetch(folder, tmp_path, checksum=f"sha256:{'0' * 64}")
    with pytest.raises(ValueError, match=r"checksum 'absent': no such file, neither here nor in .*source"):
        fetch(path, tmp_path, checksum="absent")


@pytest.mark.parametrize("text", ["sha256:12", f"md5:{'0' * 64}", f"sha1:{'0' * 40}", "sha512:", f"SHA256:{'0' * 63}"])
def test_checksums_that_are_none(text):
    with pytest.raises(ValueError, match="right is sha256: and 64 hexadecimal digits, or md5: and 32"):
        checksums.literal(text)


def test_lists_of_all_forms(tmp_path):
    odd, path = tmp_path / "odd", tmp_path / "list"
    odd.mkdir()
    for name in ("a b.tif", "back\\slash", "new\nline", "*star", "é(1) = 2"):
        (odd / name).write_text(name)
    for options in ([], ["--tag"], ["--binary"]):
        names = sorted(file.name for file in odd.iterdir())
        made = subprocess.run(["sha256sum", *options, "--", *names], cwd=odd, check=True, capture_output=True)
        path.write_bytes(made.stdout)
        listed = checksums.read_list(path, path)
        for name in names:
            assert checksums.promised(listed, name, path) == f"sha256:{file_digest(odd / name)}"
    path.write_text(f"\ufeff# by hand\r\n\r\n{'A' * 32}  ./x.tif\r\n")
    assert checksums.read_list(path, path) == {"x.tif": "md5:" + "a" * 32}
    path.write_text(f"{'1' * 32} one blank\n{'2' * 32}\ta tab\n")  # as `md5 -r` and others write
    assert checksums.read_list(path, path) == {"one blank": "md5:" + "1" * 32, "a tab": "md5:" + "2" * 32}
    path.write_text("a" * 64 + " \n")
    assert checksums.beside(checksums.read_list(path, path), "any", path) == "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<html>\n", "list line 1: not a line of sha256sum or md5sum"),
        (f"{'0' * 64}  a\n{'0' * 40}  b\n", "list line 2: not a line"),
        ("\n# nothing\n", "list: an empty list of checksums"),
    ],
)
def test_lists_that_are_none(tmp_path, text, says):
    (tmp_path / "list").write_text(text)
    with pytest.raises(ValueError, match=says):
        checksums.read_list(tmp_path / "list", "list")


def test_names_in_a_list():
    one, two = "md5:" + "1" * 32, "md5:" + "2" * 32
    listed = {"x/a.tif": one, "b.tif": two, "y/b.tif": one}
    assert checksums.promised(listed, "a.tif", "list") == one  # by its last part, of which there is one
    assert checksums.promised(listed, "b.tif", "list") == two
    with pytest.raises(ValueError, match=r"list: 2 checksums of 'z/b\.tif'"):
        checksums.promised(listed, "z/b.tif", "list")


# URLs with secrets

# What services call that which opens a file.
KEYS = [
    "access",
    "access_token",
    "acl",
    "apikey",
    "api_key",
    "auth",
    "authkey",
    "authorization",
    "authuser_token",
    "awsaccesskeyid",
    "cid",
    "client_secret",
    "code",
    "credential",
    "download_token",
    "e",
    "email",
    "exp",
    "expires",
    "guid",
    "h",
    "hash",
    "hdnea",
    "hdnts",
    "hmac",
    "id_token",
    "jwt",
    "k",
    "key",
    "key-pair-id",
    "ks",
    "link_key",
    "login",
    "md5",
    "oauth_token",
    "otp",
    "p",
    "pass",
    "password",
    "pid",
    "pin",
    "policy",
    "private_token",
    "pw",
    "pwd",
    "reskey",
    "resourcekey",
    "rlkey",
    "s",
    "se",
    "secret",
    "security",
    "session",
    "sessionid",
    "share",
    "share_id",
    "sid",
    "sig",
    "signature",
    "sk",
    "sp",
    "sr",
    "st",
    "sv",
    "t",
    "ticket",
    "tk",
    "token",
    "u",
    "uid",
    "upn",
    "urlkey",
    "user",
    "usertoken",
    "userToken",
    "uuid",
    "view_only",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-goog-signature",
    "xsrf",
]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://cloud/s/AbCd3fGhIjKlMno/download", "https://cloud/s/***/download"),
        ("https://dropbox/scl/fi/a1b2c3d4e5f6g7/x.tif?dl=1", "https://dropbox/scl/fi/***/x.tif?dl=1"),
        ("https://drive/file/d/1a2B3c4D5e6F7g8H9i0J/view", "https://drive/file/d/***/view"),
        ("https://host/public.php/dav/files/AbCd3fGhIjKlMno/x.nc", "https://host/public.php/dav/files/***/x.nc"),
        ("https://host/d/20120906_000000/x.eol", None),
        ("https://host/data/s/section-0001/x.tif", None),
        ("https://host/a.nc?service=WCS&bbox=1,2,3,4&TIME=2012-09-06&id=42", None),
        ("https://host/odata/v1/Products?$filter=Name%20eq%20'x'&$top=10", None),
        ("https://host/a?id=8f14e45fceea167a5a36dedd4bea2543", "https://host/a?id=***"),
    ],
)
def test_what_opens_a_share_is_hidden_and_what_chooses_data_is_not(url, shown):
    assert public_url(url) == (shown or url)
    assert bool(problem(url)) == bool(shown)


def test_a_url_with_a_secret_is_refused_and_a_variable_stands_in_for_it(monkeypatch):
    for url in (
        "https://me:se=cret@host/a",
        "https://host/a?temp_url_sig=se=cret",
        "swift://a/b https://host/?key=se=cret",
        "https://host/a?dl=1&rlkey=se=cret",
        "https://host/a?se=cret",
        "https://host/a;jsessionid=se=cret",
        *(f"https://host/a?page=1&{key}=se=cret" for key in KEYS),
    ):
        with pytest.raises(ValueError, match=r"may be a password, a signature.* write \$\{NAME\}") as refused:
            with_variables(url)
        assert "se=cret" not in str(refused.value)
    for url, says in {
        "https://host/a?${ABSENT}": "ABSENT is not in the environment",
        "https://host/x/${SIGNED}": "is not to name host or file",
        "https://${SIGNED}/x/a": "is not to name host or file",
    }.items():
        with pytest.raises(ValueError, match=says):
            with_variables(url)
    monkeypatch.setenv("SIGNED", "temp_url_sig=se=cret&ticket=hush")
    monkeypatch.setenv("TICKET", "quiet")
    urls = with_variables("https://host/a?${SIGNED} https://host/s/${TICKET}/b?page=1&ticket=${TICKET}")
    assert urls == "https://host/a?temp_url_sig=se=cret&ticket=hush https://host/s/quiet/b?page=1&ticket=quiet"
    shown = [public_url(url) for url in urls.split()]
    assert shown == ["https://host/a?temp_url_sig=***&ticket=***", "https://host/s/***/b?page=1&ticket=***"]


def test_a_token_that_no_request_can_have_is_not_quoted(tmp_path):
    path = tmp_path / "swift.json"
    path.write_text(json.dumps({"os_token": "se\ncret", "os_storage_url": "http://127.0.0.1:9/v1/AUTH_a"}))
    path.chmod(0o600)
    with pytest.raises(ValueError, match=r"^swift://closet/: cannot be requested \(InvalidHeader\)$"):
        fetch_input("swift://closet/", destination=tmp_path / "out", settings=str(path))


# Progress


def test_lines_of_progress():
    progress = progress_module.Progress(4)
    progress(stored=1_000_000, expected=4_000_000, sized=2, done=1)
    progress.past[0] = (progress.past[0][0] - 2, 0)
    assert progress.line().startswith("1/4 files, 1.0 MB of about 8.0 MB, ")
    assert progress.line().endswith(" s left")
    progress(expected=1_000_000, sized=2)
    assert progress.line().startswith("1/4 files, 1.0 MB of 5.0 MB, ")
    progress(stored=-1_000_000)  # a file that starts over
    assert progress.line() == "1/4 files, 0 B of 5.0 MB, 0 B/s"


def test_progress_without_any_size():
    progress = progress_module.Progress(2)
    progress(stored=10)
    assert progress.line().startswith("0/2 files, 10 B, ") and "left" not in progress.line()


def test_progress_in_a_log(caplog, monkeypatch):
    monkeypatch.setattr(progress_module, "LOGGED", 0.01)
    caplog.set_level(logging.INFO)
    with progress_module.Progress(1) as progress:
        progress(stored=5, expected=5, sized=1, done=1)
        while not caplog.messages:
            pass
    assert caplog.messages[0].startswith("1/1 files, 5 B of 5 B, ")
    caplog.clear()
    caplog.set_level(logging.WARNING)
    with progress_module.Progress(1) as progress:
        assert not progress.thread.is_alive()
    assert caplog.messages == []


@pytest.mark.parametrize(("seconds", "shown"), [(5, "5 s"), (89, "89 s"), (600, "10 min"), (12_000, "3 h 20 min")])
def test_durations(seconds, shown):
    assert progress_module.duration(seconds) == shown
