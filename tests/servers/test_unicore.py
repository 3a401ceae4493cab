"""Campaigns on a UNICORE site: submitted, asked after and fetched, with pyunicore and a strict stand-in of the server."""

import json
import sys
import time

import pytest

from campaign import ROOT, Campaign
from commands.unicore import unicore
from servers import unicore_site

pytest.importorskip("pyunicore", reason="pyunicore is not installed (pip install pyunicore); CI has it")

ROWS = [("labels", "sample:labels", {"type": "segmentation", "chunk_size": 64})]


@pytest.fixture
def site(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("UNICORE_USER", unicore_site.USER)
    monkeypatch.setenv("UNICORE_PASSWORD", unicore_site.PASSWORD)
    server = unicore_site.Site(tmp_path_factory.mktemp("unicore"))
    yield server
    server.stop()


@pytest.fixture
def run(capsys):
    """What a call of `unicore` prints."""

    def call(*arguments, **options):
        unicore(*arguments, **options)
        return capsys.readouterr().out.strip()

    return call


def write_job(folder, **changes):
    path = folder / "job.json"
    path.write_text(json.dumps({"Executable": "true"} | changes))
    return path


def wait(run, url):
    """The last words on a job."""
    while (said := run("status", url, [])) in ("READY", "RUNNING"):
        time.sleep(0.2)
    return said


def test_a_campaign_is_one_job_of_a_site(site, run, tmp_path, tmp_path_factory):
    """The job of the Daint profile, with the Python and the Darkroom that are here."""
    local = Campaign(tmp_path).write(ROWS)
    job = json.loads((ROOT / "profiles/daint/unicore.json").read_text())
    job["Environment"]["DARKROOM"] = str(ROOT)
    job["Executable"], job["Arguments"] = sys.executable, ["-m", "snakemake", *job["Arguments"]]
    files = [str(local.folder / "config/config.yaml"), str(local.folder / "datasets.tsv")]
    url = run("submit", site.url, files, job=write_job(tmp_path, **job))
    local.run()
    assert wait(run, url) == "SUCCESSFUL"
    fetched = Campaign(tmp_path_factory.mktemp("fetched"))
    run("fetch", url, [], destination=fetched.folder)
    assert fetched.tree() == local.tree()


def test_what_is_here_already_is_not_fetched_again(site, run, tmp_path):
    script = "mkdir -p 'results/a b'; echo 1 > 'results/a b/#1.txt'; echo 2 > results/2.txt"
    url = run("submit", site.url, [], job=write_job(tmp_path, Executable="bash", Arguments=["-c", script]))
    assert wait(run, url) == "SUCCESSFUL"
    run("fetch", url, [], destination=tmp_path)
    assert (tmp_path / "results/a b/#1.txt").read_text() == "1\n"
    (tmp_path / "results/2.txt").unlink()
    site.spoil = {"results/a b/#1.txt"}
    run("fetch", url, ["results"], destination=tmp_path)
    assert (tmp_path / "results/2.txt").read_text() == "2\n"


def test_an_error_page_is_no_file(site, run, tmp_path):
    url = run("submit", site.url, [], job=write_job(tmp_path, Executable="touch", Arguments=["stays"]))
    assert wait(run, url) == "SUCCESSFUL"
    site.spoil = {"stdout"}
    with pytest.raises(OSError, match=r"stdout: \d+ bytes arrived of 0"):
        run("fetch", url, ["/"], destination=tmp_path / "out")
    assert not list(tmp_path.glob("out/*stdout*"))


def test_a_listing_cannot_lead_out_of_the_folder(site, run, tmp_path):
    url = run("submit", site.url, [], job=write_job(tmp_path, Executable="mkdir", Arguments=["results"]))
    assert wait(run, url) == "SUCCESSFUL"
    site.listed = {"results": {"/results/../../escaped": {"isDirectory": False, "size": 1}}}
    with pytest.raises(ValueError, match=r"escaped' leaves the working directory"):
        run("fetch", url, [], destination=tmp_path)


def test_a_job_that_fails_says_so(site, run, tmp_path):
    url = run("submit", site.url, [], job=write_job(tmp_path, Executable="bash", Arguments=["-c", "exit 3"]))
    assert wait(run, url) == "FAILED\nexit code 3\nthe program failed"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Ressources": {}}, "unknown field 'Ressources'"),
        ({"Resources": {"Runtime": "12 hours"}}, "resource 'Runtime' cannot be '12 hours'"),
        ({"Executable": ""}, "no Executable"),
    ],
)
def test_what_the_site_says_of_a_wrong_job_is_told(site, run, tmp_path, changes, says):
    with pytest.raises(OSError, match=says):
        run("submit", site.url, [], job=write_job(tmp_path, **changes))


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (("send", "URL", []), {}, "'send' is unknown; known are submit, status, fetch"),
        (("submit", "URL", ["a"]), {}, "--job is missing"),
        (("submit", "URL", ["lost.yaml"]), {"job": {}}, "lost.yaml: no such file"),
        (("submit", "URL", ["a/x", "b/x"]), {"job": {}}, "two files of one name"),
    ],
)
def test_what_cannot_be_asked(site, run, tmp_path, arguments, options, says):
    options = {"job": write_job(tmp_path)} if options else {}
    with pytest.raises(ValueError, match=says):
        run(*arguments, **options)


def test_a_login_is_needed_and_must_be_right(site, run, tmp_path, monkeypatch):
    monkeypatch.setenv("UNICORE_PASSWORD", "wrong-word")
    with pytest.raises(OSError, match="403 Server Error: Access denied") as told:
        run("submit", site.url, [], job=write_job(tmp_path))
    assert "wrong-word" not in str(told.value)
    monkeypatch.delenv("UNICORE_USER")
    with pytest.raises(ValueError, match="no login: set UNICORE_TOKEN, or UNICORE_USER and UNICORE_PASSWORD"):
        run("status", site.url, [])
