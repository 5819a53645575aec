"""fetch from the Hub: the real client against a server that misbehaves; what comes is whole or refused."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from email.utils import formatdate
from pathlib import Path

import hub_server
import pytest
from clips_made import with_profile
from hub_server import LIST, NEWER, PINNED, REPO, Fault, Server, serving
from huggingface_hub import constants

from thb.core.errors import DataError, DiskError, ParamsError
from thb.core.folders import LOCK, alone
from thb.core.params import Params
from thb.core.paths import Paths
from thb.corpus import fetch
from thb.corpus.download import download, release
from thb.corpus.download.hub import Hub, HubFile
from thb.corpus.download.retry import Short, asked_for

HALLO = "fake/Hallo/test/00103--m-cgkdATHUo_0_1--Hallo.mp4"
TOKEN = "hf_thisMustNeverBeShown"
TRIED: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def summary(request: pytest.FixtureRequest):
    """Says at the end how many faults of each kind the server committed."""
    yield
    reporter, capture = map(request.config.pluginmanager.get_plugin, ("terminalreporter", "capturemanager"))
    if reporter:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\nfaults served: {', '.join(f'{kind} {n}' for kind, n in sorted(TRIED.items()))}")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):
    """A server with a small release, which the client library takes for the Hub."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "THB_RAW_DIR"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        point_at(server.url, monkeypatch)
        yield server
        TRIED.update(server.tried)


@pytest.fixture
def published(params: Params) -> Params:
    """Profile paper, in a hurry."""
    quick = params.fetch.model_copy(update={"pause": 0.01, "timeout": 0.4, "retries": 3, "workers": 4})
    return params.model_copy(update={"profile": "paper", "fetch": quick})


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT does when the library is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


def wanted(server: Server) -> dict[str, bytes]:
    out = ("README.md", ".gitattributes", "fake/Elsewhere/a.mp4")
    return {path: content for path, content in server.files.items() if path not in out}


def there(paths: Paths) -> dict[str, bytes]:
    """Every visible file of data/raw but those that fetch itself writes."""
    ours = (paths.manifest, paths.listed_reals, paths.raw_record)
    files = [f for f in paths.raw.rglob("*") if f.is_file() and f not in ours]
    names = {f.relative_to(paths.raw).as_posix(): f for f in files}
    return {name: f.read_bytes() for name, f in names.items() if not name.startswith(".")}


def manifest(paths: Paths) -> dict[str, dict[str, str]]:
    with paths.manifest.open(newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def assert_whole(paths: Paths, server: Server) -> None:
    assert there(paths) == wanted(server)
    for path, row in manifest(paths).items():
        content = server.files[path]
        assert row == {
            "path": path,
            "bytes": str(len(content)),
            "sha256": hub_server.sha256(content),
            "revision": PINNED,
        }
    assert set(manifest(paths)) == set(wanted(server))


# ---- a run without faults ---------------------------------------------------------------------------


def test_chosen_folders_come_whole_over_pages_and_redirects(project, published, hub, capsys):
    fetch.run(project, published)
    assert_whole(project, hub)
    assert {folder.name for folder in project.truth.iterdir()} == set(published.sources)
    assert len([path for _, path, _ in hub.seen if "/tree/" in path]) == 3
    assert f"{len(wanted(hub))} came now, 0 were here" in capsys.readouterr().out


def test_what_the_list_names_is_noted_in_one_form_for_either_card(project, published, hub):
    noted = "heading,clip,split\nFaceForensics++,001,test\nCelebV-HQ,SAK2kObsiMY_5,test\n"
    fetch.run(project, published)
    assert project.listed_reals.read_text() == noted
    hub.files["true/true_dataset_split.json"] = hub.files.pop(LIST)
    for folder in (project.raw, project.truth):
        shutil.rmtree(folder)
    fetch.run(project, published)
    assert project.listed_reals.read_text() == noted
    del hub.files["true/true_dataset_split.json"]
    shutil.rmtree(project.raw)
    fetch.run(project, published)  # a release without a list is fetched all the same
    assert project.listed_reals.read_text() == "heading,clip,split\n"


def test_a_second_run_asks_for_one_thing_and_takes_no_time(project, published, hub):
    fetch.run(project, published)
    hub.seen.clear()
    began = time.perf_counter()
    fetch.run(project, published)
    assert time.perf_counter() - began < 1
    assert [path for _, path, _ in hub.seen] == [f"/api/datasets/{REPO}"]
    assert_whole(project, hub)


def test_a_newer_revision_is_reported_and_not_taken(project, published, hub, capsys):
    fetch.run(project, published)
    assert "moved on" not in capsys.readouterr().out
    hub.main, hub.files = NEWER, hub.files | {HALLO: b"newer" * 1000}
    fetch.run(project, published)
    assert f"has moved on to {NEWER}; taken is {PINNED}" in capsys.readouterr().out
    assert there(project)[HALLO] != hub.files[HALLO]


@pytest.mark.parametrize("revision", ["main", "v1", None, "cd5f467"])
def test_a_revision_that_may_move_is_refused(project, published, hub, revision):
    with pytest.raises(ParamsError, match="is not a commit"):
        fetch.run(project, with_profile(published, revision=revision))


def test_a_revision_that_does_not_exist_is_one_line(project, published, hub):
    with pytest.raises(DataError, match=f"has no revision {NEWER}$"):
        fetch.run(project, with_profile(published, revision=NEWER))


def test_a_dataset_that_does_not_exist_is_one_line(project, published, hub):
    other = published.model_copy(update={"fetch": published.fetch.model_copy(update={"repo": "no/such"})})
    with pytest.raises(DataError, match=r"there is no dataset no/such on 127\.0\.0\.1"):
        fetch.run(project, other)


def test_verify_finds_what_changed_behind_our_back(project, published, hub, capsys):
    fetch.run(project, published)
    file = project.raw / HALLO
    before = file.stat()
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    fetch.run(project, published)
    assert there(project) != wanted(hub)  # same size, same date: only a hash can tell
    fetch.run(project, published, verify=True)
    assert "not as listed" in capsys.readouterr().out
    assert_whole(project, hub)


def test_a_file_that_was_touched_is_hashed_again_and_one_that_changed_is_fetched(project, published, hub):
    fetch.run(project, published)
    (project.raw / HALLO).write_bytes(b"something else")
    (project.raw / LIST).touch()
    hub.seen.clear()
    fetch.run(project, published)
    assert [path.endswith(HALLO) for path in hub.files_asked()] == [True]
    assert (project.raw / ".refused" / HALLO).read_bytes() == b"something else"
    assert_whole(project, hub)


def test_clips_that_the_release_does_not_have_are_set_aside_and_named(project, published, hub, capsys):
    fetch.run(project, published)
    stray = project.raw / "fake/Hallo/test/00999--SAK2kObsiMY_5--Hallo.mp4"
    mine = project.raw / "fake/MyOwn/test/a.mp4"
    for file in (stray, mine):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    fetch.run(project, published)
    assert "00999--SAK2kObsiMY_5--Hallo.mp4 not in the release" in capsys.readouterr().out
    assert not stray.exists()
    assert mine.exists()


# ---- faults that pass -------------------------------------------------------------------------------

PASSING = {
    "dropped once": Fault("drop", HALLO, after=3000),
    "dropped at once": Fault("drop", HALLO, after=0, times=3),
    "dropped again and again, but further each time": Fault("drop", HALLO, after=1500, times=9),
    "429 with seconds": Fault("status", HALLO, status=429, headers={"Retry-After": "0"}),
    "429 with a date": Fault("status", HALLO, status=429, headers={"Retry-After": formatdate(usegmt=True)}),
    "429 as the Hub says it": Fault("status", HALLO, status=429, headers={"RateLimit": '"resolvers";r=0;t=0'}),
    "500": Fault("status", HALLO, status=500, times=3),
    "503": Fault("status", HALLO, status=503, times=3),
    "502 for any file": Fault("status", "", status=502, times=3),
    "408": Fault("status", HALLO, status=408),
    "a short file once": Fault("short", HALLO, after=2000),
    "a file too long once": Fault("long", HALLO),
    "a length that is not kept": Fault("lying", HALLO, after=2500, times=2),
    "hangs": Fault("hang", HALLO),
    "503 for the list file": Fault("status", LIST, status=503),
    "a listing with 503": Fault("status", "tree", status=503),
    "a listing that hangs": Fault("hang", "tree"),
    "no answer about main": Fault("status", "info", status=500),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_is_waited_for(project, published, hub, fault):
    hub.faults.append(fault)
    began = time.perf_counter()
    fetch.run(project, published)
    assert time.perf_counter() - began < hub_server.HANG / 2
    assert fault.times == 0
    assert_whole(project, hub)


def test_a_dropped_file_is_gone_on_from_where_it_broke(project, published, hub):
    hub.faults.append(Fault("drop", HALLO, after=3000))
    fetch.run(project, published)
    asked = [headers.get("Range") for _, path, headers in hub.seen if path.endswith(f"/store/{HALLO}")]
    assert asked == [None, "bytes=3000-"]


def test_what_a_failed_run_got_of_a_file_is_gone_on_from_by_the_next(project, published, hub):
    hub.faults += [Fault("drop", HALLO, after=3000), Fault("status", HALLO, times=3)]
    with pytest.raises(DataError, match="the Hub answers 500"):
        fetch.run(project, published)
    hub.seen.clear()
    fetch.run(project, published)
    assert [headers.get("Range") for _, path, headers in hub.seen if "/store/" in path] == ["bytes=3000-"]
    assert_whole(project, hub)
    assert not (project.fetching / "parts").exists()


def test_a_server_without_ranges_is_asked_for_the_whole_file(project, published, hub):
    hub.faults += [Fault("drop", HALLO, after=3000), Fault("whole", HALLO, times=3)]
    fetch.run(project, published)
    assert len([path for _, path, _ in hub.seen if path.endswith(f"/store/{HALLO}")]) == 2
    assert_whole(project, hub)


def test_the_wait_is_the_one_the_server_asks_for():
    assert asked_for({"Retry-After": "7"}) == 7
    assert asked_for({"RateLimit": '"api";r=0;t=55'}) == 55
    assert asked_for({"Retry-After": formatdate(time.time() + 60, usegmt=True)}) == pytest.approx(60, abs=2)
    assert asked_for({"Retry-After": formatdate(0, usegmt=True)}) == 0
    assert asked_for({}) is asked_for({"Retry-After": "soon"}) is None


def test_retry_after_is_heeded(project, published, hub):
    hub.faults.append(Fault("status", HALLO, status=429, headers={"Retry-After": "1"}))
    began = time.perf_counter()
    fetch.run(project, published)
    assert time.perf_counter() - began >= 1


# ---- faults that stay -------------------------------------------------------------------------------

STAYING = {
    "wrong byte": (Fault("wrong_byte", HALLO), "is not the one that the Hub lists"),
    "wrong byte in a small file": (Fault("wrong_byte", LIST), "is not the one that the Hub lists"),
    "500 for good": (Fault("status", HALLO, times=4), "the Hub answers 500"),
    "429 for good": (Fault("status", HALLO, status=429, times=4), "the Hub answers 429"),
    "429 until tomorrow": (Fault("status", HALLO, status=429, headers={"Retry-After": "86400"}), "the Hub answers 429"),
    "403": (Fault("status", HALLO, status=403), "the Hub answers 403 .does HF_TOKEN allow it"),
    "always too short": (Fault("short", HALLO, after=0, times=4), "sent 0 bytes where it lists"),
    "always too long": (Fault("long", HALLO, times=4), "bytes where it lists"),
    "hangs for good": (Fault("hang", HALLO, times=4), "no connection .ReadTimeout."),
    "drops for good": (Fault("drop", HALLO, after=0, times=4), "no connection"),
}


@pytest.mark.parametrize(("fault", "said"), STAYING.values(), ids=STAYING)
def test_a_fault_that_stays_is_one_line_and_a_rerun_finishes(project, published, hub, fault, said):
    hub.faults.append(fault)
    with pytest.raises(DataError, match=rf"1 of {len(wanted(hub))} files did not come: .*{fault.what}.*{said}") as told:
        fetch.run(project, published)
    assert "\n" not in str(told.value)
    assert "run `thb fetch` again" in str(told.value)
    assert there(project) == {path: c for path, c in wanted(hub).items() if path != fault.what}
    assert set(manifest(project)) == set(wanted(hub)) - {fault.what}
    hub.seen.clear()
    fetch.run(project, published)
    assert {path.partition(f"{PINNED}/")[2] for path in hub.files_asked()} == {fault.what}
    assert_whole(project, hub)


def test_what_comes_ever_longer_gets_no_further(project, published, monkeypatch):
    file, part, tried = HubFile(HALLO, 100, "0" * 64, ""), project.root / "part", []

    def longer(*_):
        tried.append(1)
        assert len(tried) < 50
        part.write_bytes(bytes(100 + 10 * len(tried)))
        raise Short("too long")

    monkeypatch.setattr(download, "_resume", longer)
    with pytest.raises(DataError, match="too long"):
        download.download(Hub(published.fetch, PINNED), file, part)
    assert len(tried) == 1 + published.fetch.retries


def test_a_refused_file_is_set_aside(project, published, hub):
    hub.faults.append(Fault("wrong_byte", HALLO))
    with pytest.raises(DataError, match=r"set aside in data/raw/\.refused/fake/Hallo/test"):
        fetch.run(project, published)
    assert len((project.raw / ".refused" / HALLO).read_bytes()) == len(hub.files[HALLO])


def test_a_file_that_the_hub_lists_and_does_not_have_is_named(project, published, hub):
    fetch.run(project, published)
    (project.raw / HALLO).unlink()
    lost = hub.files.pop(HALLO)
    with pytest.raises(DataError, match=f"{HALLO}: the Hub answers 404"):
        fetch.run(project, published)
    hub.files[HALLO] = lost
    fetch.run(project, published)
    assert_whole(project, hub)


def test_a_hub_that_dies_is_not_asked_for_every_file(project, published, hub):
    hub.faults.append(Fault("status", "", status=403, times=1000))
    with pytest.raises(DataError, match=f"{release.IN_A_ROW} files in a row did not come"):
        fetch.run(project, published)
    hub.faults.clear()
    fetch.run(project, published)
    assert_whole(project, hub)


def test_a_second_fetch_at_the_same_time_is_refused(project, published, hub):
    project.fetching.mkdir(parents=True)
    with alone(project.fetching / LOCK, "data/raw"), pytest.raises(DataError, match="another process is making"):
        fetch.run(project, published)
    fetch.run(project, published)
    assert_whole(project, hub)


def test_a_full_disk_is_known_before_the_first_byte(project, published, hub, monkeypatch):
    usage = shutil.disk_usage(project.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DiskError, match=r"needs 3\.\d+MB more, and its disk has 1\.00kB free"):
        fetch.run(project, published)
    assert not hub.files_asked()


# ---- names and listings are not trusted -------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "../x.mp4",
        "/etc/x",
        "fake/../../x",
        "fake\\..\\x",
        "fake/Hallo/\0.mp4",
        "fake//x",
        "fake/./x",
        "",
        "fake/Hallo/test/a\nb.mp4",
        None,
        7,
    ],
)
def test_a_name_that_leads_out_is_refused(project, published, hub, path):
    hub.extra.append({"type": "file", "path": path, "size": 5000, "oid": "a" * 40})
    with pytest.raises(DataError, match="leads out of data/raw"):
        fetch.run(project, published)
    assert not there(project)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"type": "file", "path": "fake/Hallo/a.mp4", "size": -1, "oid": "a" * 40}, "with -1 bytes"),
        ({"type": "file", "path": "fake/Hallo/a.mp4", "size": "1", "oid": "a" * 40}, "with '1' bytes"),
        ({"type": "file", "path": "fake/Hallo/a.mp4", "size": 1, "oid": "zz"}, "no hash that could be checked"),
        ({"type": "file", "path": "fake/Hallo/a.mp4", "size": 1}, "gives no listing that can be read"),
        ({"path": "fake/Hallo/a.mp4"}, "gives no listing that can be read"),
        ({"type": "file", "path": HALLO, "size": 1, "oid": "a" * 40}, "twice"),
    ],
)
def test_a_listing_that_makes_no_sense_is_refused(project, published, hub, entry, said):
    hub.extra.append(entry)
    with pytest.raises(DataError, match=said):
        fetch.run(project, published)


def test_a_link_in_data_raw_that_leads_out_is_not_written_through(project, published, hub, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (project.raw / "fake").mkdir(parents=True)
    (project.raw / "fake/Hallo").symlink_to(outside)
    with pytest.raises(DataError, match="fake/Hallo/(train|val|test) is a link that leads out of data/raw"):
        fetch.run(project, published)
    assert not [f for f in outside.rglob("*") if f.is_file()]


def test_a_rendered_corpus_is_not_mixed_with_a_download(project, published, hub):
    project.raw.mkdir(parents=True)
    project.manifest.write_text("path,bytes,sha256,revision\nfake/x.mp4,1,00,mini-11\n")
    with pytest.raises(DataError, match=r"holds the rendered corpus .mini-11."):
        fetch.run(project, published)


def test_a_download_cut_short_is_not_swept_away_by_rendering(project, published, params, hub):
    hub.faults.append(Fault("status", "", status=403, times=1000))
    with pytest.raises(DataError, match="in a row"):
        fetch.run(project, published)
    with pytest.raises(DataError, match="holds another corpus .a download that was cut short."):
        fetch.run(project, params)


# ---- secrets and switches ---------------------------------------------------------------------------


def test_a_token_goes_to_the_hub_and_nowhere_else(project, published, hub, monkeypatch, capfd):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.faults += [Fault("status", HALLO, status=403), Fault("drop", LIST, after=0, times=4)]
    with pytest.raises(DataError) as told:
        fetch.run(project, published)
    sent = {
        (path.split("/")[1] == "store", headers.get("authorization", headers.get("Authorization")))
        for _, path, headers in hub.seen
        if "/store/" in path or "/resolve/" in path
    }
    assert sent == {(False, f"Bearer {TOKEN}"), (True, None)}
    assert TOKEN not in "".join([*capfd.readouterr(), str(told.value)])
    assert not [f for f in project.root.rglob("*") if f.is_file() and TOKEN.encode() in f.read_bytes()]


def test_a_listing_that_goes_on_elsewhere_is_followed_there_without_the_token(project, published, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.next_at = hub.url.replace("127.0.0.1", "localhost")
    fetch.run(project, published)
    asked = [headers for _, path, headers in hub.seen if "/tree/" in path]
    told = [{name.lower(): value for name, value in headers.items()}.get("authorization") for headers in asked]
    assert told == [f"Bearer {TOKEN}", None, None]
    assert_whole(project, hub)


@pytest.mark.parametrize("token", [f"{TOKEN}\x01", f"{TOKEN}é", f"{TOKEN}\t x"])
def test_a_token_that_is_none_is_not_shown_either(project, published, hub, monkeypatch, capfd, token):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(ParamsError, match="HF_TOKEN holds characters") as told:
        fetch.run(project, published)
    assert TOKEN not in "".join([*capfd.readouterr(), str(told.value)])


def test_offline_a_fetched_release_is_enough_and_nothing_is_not(project, published, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE is set"):
        fetch.run(project, published)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    fetch.run(project, published)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.seen.clear()
    fetch.run(project, published)
    assert not hub.seen
    assert_whole(project, hub)
    (project.raw / HALLO).unlink()
    with pytest.raises(DataError, match=f"1 of 1 files did not come: {HALLO}: .*HF_HUB_OFFLINE is set"):
        fetch.run(project, published)
    assert not hub.seen


def test_a_hub_that_is_not_there_is_one_line(project, published, monkeypatch):
    point_at("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(DataError, match="cannot be reached: no connection .ConnectError."):
        fetch.run(project, published)


def test_what_another_server_lists_says_nothing_of_this_one(project, published, hub, monkeypatch):
    """One rogue mirror's listing of a revision must not be what all others are held against."""
    with serving() as rogue:
        rogue.files[HALLO] = b"not it" * 1000
        point_at(rogue.url, monkeypatch)
        fetch.run(project, published)
        assert there(project)[HALLO] == rogue.files[HALLO]
    point_at(hub.url, monkeypatch)
    fetch.run(project, published)
    assert_whole(project, hub)


# ---- a copy that the user has -----------------------------------------------------------------------


def own_copy(tmp: Path, server: Server, sums: bool = False) -> Path:
    """The whole release and a real video, as a user keeps them."""
    for path, content in (wanted(server) | {"real/celebvhq/SAK2kObsiMY_5.mp4": b"mine" * 2000}).items():
        (tmp / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp / path).write_bytes(content)
    if sums:
        (tmp / "SHA256SUMS").write_text("".join(f"{hub_server.sha256(c)}  {p}\n" for p, c in wanted(server).items()))
    return tmp


@pytest.fixture
def own(hub, tmp_path_factory, monkeypatch) -> Path:
    folder = own_copy(tmp_path_factory.mktemp("own"), hub, sums=True)
    monkeypatch.setenv("THB_RAW_DIR", str(folder))
    return folder


def test_an_own_copy_is_used_verified_and_left_as_it_is(project, published, hub, own):
    (own / HALLO).write_bytes(bytes(len(hub.files[HALLO])))
    before = {f: (f.stat().st_mtime_ns, f.read_bytes()) for f in own.rglob("*") if f.is_file()}
    fetch.run(project, published)
    assert {path.partition(f"{PINNED}/")[2] for path in hub.files_asked()} == {HALLO}
    assert there(project) == wanted(hub) | {"real/celebvhq/SAK2kObsiMY_5.mp4": b"mine" * 2000}
    assert manifest(project)["real/celebvhq/SAK2kObsiMY_5.mp4"]["revision"] == "local"
    assert {f: (f.stat().st_mtime_ns, f.read_bytes()) for f in own.rglob("*") if f.is_file()} == before
    hub.seen.clear()
    fetch.run(project, published)
    assert not hub.files_asked()


def test_an_own_copy_on_another_disk_is_copied(project, published, hub, own, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(18, "Invalid cross-device link")))
    fetch.run(project, published)
    assert not hub.files_asked()
    assert (project.raw / HALLO).stat().st_nlink == 1
    assert there(project)[HALLO] == hub.files[HALLO]


def test_without_the_hub_an_own_copy_is_checked_against_its_sums(project, published, own, hub, monkeypatch, capsys):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (own / LIST).write_bytes(b"{}")
    with pytest.raises(DataError, match=f"1 of {len(wanted(hub)) + 1} files did not come: {LIST}"):
        fetch.run(project, published)
    said = capsys.readouterr().out
    assert f"{len(wanted(hub))} are checked against its SHA256SUMS, 1 against nothing" in said
    assert {row["revision"] for row in manifest(project).values()} == {"local"}
    assert not hub.seen


def test_with_an_own_copy_nobody_waits_long_for_a_hub_that_is_gone(project, params, own, monkeypatch, capsys):
    """With the waits of params.yaml, which without a copy take minutes."""
    point_at("http://127.0.0.1:9", monkeypatch)
    began = time.monotonic()
    fetch.run(project, params.model_copy(update={"profile": "paper"}))
    assert time.monotonic() - began < 10
    said = capsys.readouterr().out
    assert "cannot be reached: no connection (ConnectError); of" in said
    assert "are checked against its SHA256SUMS, 1 against nothing" in said


def test_folders_that_an_own_copy_lacks_are_made_empty_for_dvc(project, published, own, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    shutil.rmtree(own / "fake/Hallo")
    shutil.rmtree(own / "audio", ignore_errors=True)
    fetch.run(project, published)
    for folder in ("audio", *(source.folder for source in published.sources.values())):
        assert (project.raw / folder).is_dir(), folder
    assert list((project.raw / "fake/Hallo").iterdir()) == []


def test_a_link_that_nothing_vouches_for_is_not_followed_out(project, published, own, hub, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "elsewhere").write_bytes(b"secret")
    (own / "real/celebvhq/SAK2kObsiMY_5.mp4").unlink()
    (own / "real/celebvhq/SAK2kObsiMY_5.mp4").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is a link that leads out of it"):
        fetch.run(project, published)
    assert b"secret" not in there(project).values()


def test_sums_that_are_none_are_named_by_line(project, published, own, hub):
    (own / "SHA256SUMS").write_text("0" * 64 + "  a\nnonsense\n")
    with pytest.raises(DataError, match="SHA256SUMS, line 2: 'nonsense' is not"):
        fetch.run(project, published)


def test_data_raw_is_not_its_own_copy(project, published, hub, monkeypatch):
    project.raw.mkdir(parents=True)
    monkeypatch.setenv("THB_RAW_DIR", str(project.data))
    with pytest.raises(ParamsError, match="must lie elsewhere"):
        fetch.run(project, published)


def test_an_own_copy_that_is_not_there_is_one_line(project, published, hub, monkeypatch):
    monkeypatch.setenv("THB_RAW_DIR", "/nowhere/at-all")
    with pytest.raises(ParamsError, match="THB_RAW_DIR names '/nowhere/at-all', which is no folder"):
        fetch.run(project, published)


# ---- the command ------------------------------------------------------------------------------------


def command(project: Paths, url: str, *words: str, **environment: str) -> subprocess.Popen[str]:
    """`thb fetch` as a user types it, in a clone whose profile is paper."""
    text = project.params.read_text().replace("profile: mini", "profile: paper", 1)
    project.params.write_text(text.replace("  pause: 1 ", "  pause: 0.01 ").replace("  timeout: 30 ", "  timeout: 2 "))
    inherited = {key: value for key, value in os.environ.items() if key not in ("THB_RAW_DIR", "THB_ROOT")}
    return subprocess.Popen(
        [sys.executable, "-m", "thb", "fetch", *words],
        cwd=project.root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_hears_ctrl_c,
        env=inherited
        | {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "PYTHONPATH": str(Path(fetch.__file__).parents[2])}
        | environment,
    )


def _hears_ctrl_c() -> None:
    """A test run in the background of a script inherits an ignored Ctrl-C, and hands it on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_command_ends_with_2_names_the_file_and_a_rerun_with_0(project, hub):
    hub.faults.append(Fault("wrong_byte", HALLO))
    first = command(project, hub.url)
    out, err = first.communicate(timeout=60)
    assert (first.returncode, len([line for line in err.splitlines() if line.startswith("thb: ")])) == (2, 1)
    assert HALLO in err
    assert TOKEN not in out + err
    second = command(project, hub.url)
    assert "1 came now" in second.communicate(timeout=60)[0]
    assert second.returncode == 0
    assert_whole(project, hub)


@pytest.mark.parametrize(("how", "ends"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_end_at_any_time_leaves_nothing_half_written_and_a_rerun_goes_on(project, hub, how, ends):
    hub.faults += [Fault("hang", HALLO)] * 5  # longer than a slow machine needs for the other files
    run = command(project, hub.url)
    _wait_for(lambda: hub.tried["hang"] and len(there(project)) > 5)
    run.send_signal(how)
    _, err = run.communicate(timeout=60)
    assert run.returncode == ends
    assert "Traceback" not in err
    held = there(project)
    assert held
    assert all(wanted(hub)[path] == content for path, content in held.items())
    hub.faults.clear()
    second = command(project, hub.url)
    assert second.communicate(timeout=60)
    assert second.returncode == 0
    assert_whole(project, hub)


def _wait_for(condition) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 30
        threading.Event().wait(0.05)
