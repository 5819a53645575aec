"""thb curate: what it lists, keeps and serves, and to whom; and how far raters agree."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thb.cli import main
from thb.core import folders
from thb.core.errors import DataError, ParamsError
from thb.core.tables import read_rows, write_rows
from thb.curate import agreement, curate
from thb.curate.ratings import COLUMNS, KEEP, Sheet, reasons
from thb.curate.server import Server
from thb.rendered.fakes import generators

CLIPS = {"a.mp4": b"0123456789", "deep/b.MKV": b"b" * 70_000, "deep/c.mp4": b""}
WHEN = "2026-01-02T03:04:05Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What is served is bytes: no clip is decoded here."""
    for name, content in CLIPS.items():
        file = tmp_path / "clips" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "clips"


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(folder, curate.listed(folder), Sheet(tmp_path / "curation.csv", "ann")) as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield served
        served.shutdown()


def ask(server: Server, path: str, method: str = "GET", body: object = None, **headers: str) -> tuple[int, bytes, dict]:
    """Status, body and headers; a path that begins with / is asked for as it is, any other below the token."""
    line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    line.putrequest(method, path if path.startswith("/") else f"/{server.token}/{path}", skip_host="Host" in headers)
    content = json.dumps(body).encode() if body is not None else b""
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        line.putheader(name.replace("_", "-"), value)
    line.endheaders(content)
    answer = line.getresponse()
    found = answer.status, answer.read(), dict(answer.headers)
    line.close()
    return found


def judge(server: Server, clip: int, answer: str) -> int:
    return ask(server, "answer", "POST", {"clip": clip, "answer": answer, "seconds": 1.26})[0]


# ---- who is served ------------------------------------------------------------------------------------


def test_only_this_machine_is_listened_to(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]:{port}"]
)
def test_a_request_under_another_name_is_refused(server, host):
    """As a page elsewhere would make it, whose name was made to lead here."""
    for path, method in (("", "GET"), ("clip/0", "GET"), ("answer", "POST")):
        body = {"clip": 0, "answer": KEEP, "seconds": 1}
        status, said, _ = ask(server, path, method, body, Host=host.format(port=server.server_port))
        assert status == 403
        assert "by its own name" in json.loads(said)["error"]
    assert not server.sheet.file.exists()
    assert ask(server, "", Host=f"localhost:{server.server_port}")[0] == 200


def test_a_page_of_another_origin_can_write_nothing(server):
    body = {"clip": 0, "answer": KEEP, "seconds": 1}
    for origin in ("http://evil.example", "null", f"http://localhost:{server.server_port}"):
        assert ask(server, "answer", "POST", body, Origin=origin)[0] == 403
    assert not server.sheet.file.exists()
    assert ask(server, "answer", "POST", body, Origin=f"http://127.0.0.1:{server.server_port}")[0] == 200


def test_each_run_has_a_token_and_nothing_is_shown_without_it(server, folder, tmp_path):
    other = Server(folder, list(CLIPS), Sheet(tmp_path / "other.csv", "ann"))
    other.server_close()
    assert len({server.token, other.token}) == 2
    assert len(server.token) >= 20
    for path in ("/", "/page.js", "/clip/0", f"/{other.token}/", f"/{server.token[:-1]}/", "/favicon.ico"):
        assert ask(server, path)[0] == 403
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as line:
        line.sendall(b"GET /\xe9/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.server_port)
        assert line.recv(100).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "path",
    ["clip/../../curation.csv", "../../etc/passwd", "clip/..%2f..%2fx", "clip//etc/passwd", "clip/a.mp4", "clip/3",
     "clip/-1", "clip/" + "9" * 5000, "page.html.j2", "../page.js", "clip/0/", "clip/%D9%A3"],
)  # fmt: skip
def test_nothing_but_the_clips_can_be_had(server, path):
    (server.folder.parent / "curation.csv").write_text("secret")
    status, body, _ = ask(server, path)
    assert status in (404, 414)
    assert b"secret" not in body


def test_a_link_out_of_the_folder_is_neither_listed_nor_served(folder, tmp_path, capsys, server):
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "inside.mp4").symlink_to(folder / "a.mp4")
    (folder / "out").symlink_to(tmp_path)
    assert curate.listed(folder) == ["a.mp4", "deep/b.MKV", "deep/c.mp4", "inside.mp4"]
    assert "link.mp4: a link that leads out of the folder" in capsys.readouterr().err
    (folder / "a.mp4").unlink()
    (folder / "a.mp4").symlink_to(tmp_path / "secret.mp4")  # while it is served
    status, body, _ = ask(server, "clip/0")
    assert (status, b"secret" in body) == (410, False)
    assert judge(server, 0, KEEP) == 409


def test_every_answer_forbids_what_the_page_does_not_need(server):
    _, page, headers = ask(server, "")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(rb"https?://", page)


# ---- clips and answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=10-4", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("", 200, b"0123456789", None),
    ],
)
def test_a_range_of_a_clip_is_what_was_asked_for(server, asked, status, body, told):
    found = ask(server, "clip/0", Range=asked)
    assert (found[0], found[1], found[2].get("Content-Range")) == (status, body, told)
    assert found[2]["Content-Length"] == str(len(body))


def test_a_clip_is_sent_whole_and_an_empty_one_too(server, capsys):
    assert ask(server, "clip/1")[1] == CLIPS["deep/b.MKV"]
    assert ask(server, "clip/2")[:2] == (200, b"")
    assert ask(server, "clip/2", Range="bytes=0-")[0] == 416
    assert capsys.readouterr().err == ""  # as after a fault in a request


def test_an_answer_is_in_the_file_before_it_is_acknowledged(server):
    assert judge(server, 1, "teeth") == 200
    (row,) = read_rows(server.sheet.file, COLUMNS)
    assert row["sha256"] == hashlib.sha256(CLIPS["deep/b.MKV"]).hexdigest()
    written = datetime.strptime(row["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - written).total_seconds()) < 60
    assert [row[name] for name in COLUMNS[:5]] == ["deep/b.MKV", "ann", "remove", "teeth", "1.3"]
    assert judge(server, 0, "hair") == judge(server, 1, KEEP) == 200
    rows = [(row["clip"], row["reason"]) for row in read_rows(server.sheet.file, COLUMNS)]
    assert rows == [("a.mp4", "hair"), ("deep/b.MKV", "")]


def test_undo_takes_back_the_latest_answers_one_by_one_also_after_a_restart(server):
    for clip in (2, 0):
        judge(server, clip, KEEP)
    server.sheet = Sheet(server.sheet.file, "ann")
    undone = [json.loads(ask(server, "undo", "POST", {})[1])["clip"] for _ in range(3)]
    assert undone == [0, 2, None]
    assert read_rows(server.sheet.file, COLUMNS) == []


@pytest.mark.parametrize(
    "body",
    [{"clip": 3, "answer": KEEP, "seconds": 1}, {"clip": -1, "answer": KEEP, "seconds": 1}, [],
     {"clip": 0, "answer": "bad", "seconds": 1}, {"clip": 0, "answer": KEEP, "seconds": -1}, {"clip": 0}],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused_and_nothing_written(server, body):
    status, said, _ = ask(server, "answer", "POST", body)
    assert status in (400, 409)
    assert "\n" not in json.loads(said)["error"]
    assert not server.sheet.file.exists()


def test_no_more_is_read_than_an_answer_can_be_long(server):
    long = {"clip": 0, "answer": KEEP, "seconds": 1, "more": "x" * 2_000}
    for headers in ({}, {"Content-Length": "9" * 9}, {"Content-Length": "-1"}, {"Content-Length": "1_0"}):
        assert ask(server, "answer", "POST", long, **headers)[0] == 413
    assert not server.sheet.file.exists()


def test_of_answers_that_come_at_once_none_is_lost(server, monkeypatch):
    keep = Sheet._keep
    monkeypatch.setattr(Sheet, "_keep", lambda *of: (time.sleep(0.05), keep(*of)))  # the others come meanwhile
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda clip: judge(server, clip, KEEP), range(3))) == [200] * 3
    assert len(read_rows(server.sheet.file, COLUMNS)) == 3


def test_what_cannot_be_written_is_not_taken(server):
    judge(server, 0, KEEP)
    server.sheet.file.unlink()
    server.sheet.file.mkdir()
    status, said, _ = ask(server, "answer", "POST", {"clip": 1, "answer": KEEP, "seconds": 1})
    assert status == 409
    assert "cannot write" in json.loads(said)["error"]
    assert list(server.sheet.answers) == ["a.mp4"]


# ---- going on -----------------------------------------------------------------------------------------


def go_on(monkeypatch, folder: Path, file: Path, rater: str = "ann") -> Sheet:
    """`curate.run`, broken off at once; the sheet that the page would have shown."""
    sheets = []
    monkeypatch.setattr(curate, "_until_interrupted", lambda server, opens: sheets.append(server.sheet))
    curate.run(folder, rater, file, 0, False)
    return sheets[0]


def test_changed_and_vanished_clips_are_named_and_no_answer_is_lost(monkeypatch, server, folder, capsys):
    for clip in range(3):
        judge(server, clip, KEEP)
    before = read_rows(server.sheet.file, COLUMNS)
    (folder / "a.mp4").write_bytes(b"other")
    (folder / "deep/c.mp4").unlink()
    sheet = go_on(monkeypatch, folder, server.sheet.file)
    said = capsys.readouterr()
    assert "asked about again: 1 (a.mp4)" in said.err
    assert "no longer in the folder, and their answers stay: 1 (deep/c.mp4)" in said.err
    assert "ann: 1 of 2 clips judged, 0 of them to be removed" in said.out
    assert "; 1 left" in said.out
    assert [*sheet.answers] == ["deep/b.MKV", "deep/c.mp4"]
    sheet.put(sheet.answers["deep/b.MKV"].model_copy(update={"verdict": "remove", "reason": "hair"}))
    assert len(read_rows(sheet.file, COLUMNS)) == len(before)


def test_raters_share_a_file_and_see_their_own_answers_alone(monkeypatch, server, folder):
    judge(server, 0, "hair")
    bob = go_on(monkeypatch, folder, server.sheet.file, "bob")
    assert bob.answers == {}
    bob.put(server.sheet.answers["a.mp4"].model_copy(update={"rater": "bob"}))
    bob.withdraw("a.mp4")
    assert [row["rater"] for row in read_rows(bob.file, COLUMNS)] == ["ann"]


def row_of(clip: str = "a.mp4", rater: str = "ann", reason: str = "", **other: str) -> list[str]:
    found = {"clip": clip, "rater": rater, "verdict": "remove" if reason else KEEP, "reason": reason, "seconds": "1.0"}
    return list({**found, "at": WHEN, "sha256": "0" * 64, **other}.values())


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([row_of(), row_of()], "answer 2: ann answers 'a.mp4' a second time"),
        ([row_of(verdict="maybe")], "answer 1, column verdict: 'maybe'"),
        ([row_of(), row_of("b.mp4", reason="ugly")], "unknown reason to remove 'ugly'; known: 'lip_sync'"),
        ([row_of(reason="hair", verdict="keep")], "unknown reason to keep 'hair'"),
        ([row_of(verdict="remove")], "unknown reason to remove ''"),
        ([row_of(seconds="nan")], "column seconds: 'nan'"),
        ([row_of(seconds="-1")], "column seconds: '-1'"),
        ([row_of(at="yesterday")], "column at: 'yesterday'"),
        ([row_of(sha256="abc")], "column sha256: 'abc'"),
        ([row_of(clip="")], "column clip: ''"),
        ([row_of(rater=" ")], "column rater: ' '"),
        ([row_of()[:-1]], "is cut, or was changed: 1 of 1 rows"),
        (None, "has the columns ['source', 'made']; it needs clip, rater, verdict"),
    ],
)
def test_a_malformed_file_is_one_line_and_stays_as_it_was(folder, tmp_path, rows, says):
    file = tmp_path / "curation.csv"
    write_rows(rows or [], file, COLUMNS if rows else ("source", "made"))
    before = file.read_bytes()
    for read in (lambda: curate.run(folder, "ann", file, 0, False), lambda: agreement.run([file])):
        with pytest.raises(DataError) as error:
            read()
        assert says in str(error.value)
        assert "\n" not in str(error.value)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "nowhere", "ann", f.parent / "x.csv", 0), "is not there; name a folder"),
        (lambda f: (f / "a.mp4", "ann", f.parent / "x.csv", 0), "is a file; name a folder"),
        (lambda f: (f, "ann", f, 0), "is a folder; name a file in it"),
        (lambda f: (f, "a\nb", f.parent / "x.csv", 0), "--rater 'a\\nb' holds letters that cannot be seen"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder, change, says):
    with pytest.raises(ParamsError, match=re.escape(says)):
        curate.run(*change(folder), False)


def test_a_folder_without_clips_and_odd_names_are_said(tmp_path, capsys):
    with pytest.raises(DataError, match="no clip to judge"):
        curate.listed(tmp_path)
    (tmp_path / "a\rb.mp4").touch()
    (tmp_path / "good.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    assert curate.listed(tmp_path) == ["good.mp4"]
    said = capsys.readouterr().err
    assert "a\\rb.mp4: a name with letters that cannot be seen" in said
    assert "loop.mp4: no regular file that can be read" in said
    assert "pipe.mp4: no regular file that can be read" in said


def test_a_port_or_a_file_in_use_is_one_line(monkeypatch, server, folder, tmp_path):
    with pytest.raises(ParamsError, match=f"--port {server.server_port}: address already in use; leave it out"):
        curate.run(folder, "ann", tmp_path / "other.csv", server.server_port, False)
    again = (folder, "bob", tmp_path / "x.csv", 0, False)
    monkeypatch.setattr(curate, "_until_interrupted", lambda *_: curate.run(*again))
    with pytest.raises(DataError, match=r"another process is making x\.csv"):
        curate.run(folder, "ann", tmp_path / "x.csv", 0, False)


def test_one_alone_writes_a_file_though_whoever_had_it_before_has_just_ended(monkeypatch, tmp_path):
    file, had = tmp_path / "x.csv", []

    @contextmanager
    def as_another_ends(lock: Path, what: str) -> Iterator[int]:
        """Got hold of, at first, is a lock that is removed in that moment."""
        with folders.alone(lock, what, wait=0) as mine:
            if not had:
                lock.unlink()
            had.append(mine)
            yield mine

    monkeypatch.setattr(curate, "alone", as_another_ends)
    with curate._to_ourselves(file):
        assert len(had) == 2
        with pytest.raises(DataError, match=r"another process is making x\.csv"), curate._to_ourselves(file):
            pass
    assert not list(tmp_path.iterdir())


# ---- the reasons --------------------------------------------------------------------------------------


def test_each_reason_has_a_key_of_its_own_that_moves_nothing():
    keys = [one.key for one in reasons().values()]
    assert len({*keys, "k", "v"}) == len(keys) + 2
    assert all(re.fullmatch("[a-z]", key) for key in keys)


def test_every_fault_of_a_simulated_generator_is_of_one_kind():
    sorted_out = [fault for one in reasons().values() for fault in one.rendered.split()]
    talking = [name for name in generators.known() if name != "faceswap"]  # which Appendix C is not about
    made = {fault for name in talking for fault in generators.load(name).chances}
    assert len(set(sorted_out)) == len(sorted_out)
    assert set(sorted_out) == made


def test_what_table_4_names_is_among_the_reasons(repo):
    """Each of its words begins one of theirs, but for how bad it is and its two other names of a kind."""
    printed = " ".join(pd.read_csv(repo / "paper/published/table4_stats.csv")["key_artifacts"].dropna())
    known = " ".join(one.shown for one in reasons().values()).replace("artefact", "artifact").split()
    words = {word[:5] for word in re.findall("[a-z]+", printed.lower())} - {"extre", "float", "disto"}
    assert words <= {word[:5] for word in known}


# ---- agreement ----------------------------------------------------------------------------------------


def kappa(first: list[str], second: list[str]) -> float:
    """Cohen's (1960), from its definition: (observed - expected) / (1 - expected)."""
    n = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    expected = sum(first.count(one) * second.count(one) for one in {*first, *second}) / n**2
    return (observed - expected) / (1 - expected)


def answers(n: int, seed: int, like: list[str] | None = None) -> list[str]:
    rng = np.random.default_rng(seed)
    own = rng.choice([KEEP, "hair", "teeth", "face"], n, p=[0.4, 0.3, 0.2, 0.1]).tolist()
    return own if like is None else [b if rng.random() < 0.4 else a for a, b in zip(like, own, strict=True)]


def as_rows(rater: str, given: list[str], start: int = 0, **other: str) -> list[list[str]]:
    return [row_of(f"{i}.mp4", rater, "" if one == KEEP else one, **other) for i, one in enumerate(given, start)]


def test_kappa_is_cohens_by_its_definition_over_verdicts_and_over_reasons(tmp_path, capsys):
    ann = answers(60, 1)
    bob = answers(60, 2, like=ann)
    write_rows(as_rows("ann", ann), tmp_path / "ann.csv", COLUMNS)
    write_rows([*as_rows("bob", bob)[10:], *as_rows("bob", ["pupils"] * 5, 60)], tmp_path / "bob.csv", COLUMNS)
    agreement.run([tmp_path / "ann.csv", tmp_path / "bob.csv"])
    said = capsys.readouterr().out
    a, b = ann[10:], bob[10:]
    both = [(x, y) for x, y in zip(a, b, strict=True) if KEEP not in (x, y)]
    told = {
        "keep or remove": ([x == KEEP for x in a], [y == KEEP for y in b]),
        "keep, or which reason": (a, b),
        "which reason, where both remove": tuple(map(list, zip(*both, strict=True))),
    }
    assert said.startswith("ann and bob: 50 clips in common\n")
    for what, (x, y) in told.items():
        same = sum(p == q for p, q in zip(x, y, strict=True)) / len(x)
        assert f"  {what}: the same on {same:.0%} of {len(x)}, Cohen's kappa {kappa(x, y):.2f}\n" in said
    hair = [sum(p == "hair" and q == one for p, q in zip(a, b, strict=True)) for one in (KEEP, "face", "hair", "teeth")]
    assert re.search(r"hair +" + r" +".join(map(str, hair)) + r"\n", said)
    assert re.search(r"\n +keep +face +hair +teeth\n", said)


def test_clips_of_which_raters_saw_other_bytes_count_nowhere(tmp_path, capsys):
    rows = [
        *as_rows("ann", [KEEP, "hair", KEEP]),
        *as_rows("bob", [KEEP, "hair"]),
        *as_rows("bob", ["hair"], 2, sha256="1" * 64),
    ]
    write_rows(rows, tmp_path / "c.csv", COLUMNS)
    agreement.run([tmp_path / "c.csv"])
    said = capsys.readouterr().out
    assert "2 clips in common" in said
    assert "they saw different bytes of them: 1 (2.mp4)" in said
    assert "keep or remove: the same on 100% of 2, Cohen's kappa 1.00" in said
    assert "where both remove: the same on 100% of 1, Cohen's kappa — (not defined" in said


def test_each_two_of_three_raters_are_compared(tmp_path, capsys):
    rows = [*as_rows("ann", [KEEP, "hair"]), *as_rows("bob", ["hair"], 1), *as_rows("cy", [KEEP], 0)]
    write_rows(rows, tmp_path / "c.csv", COLUMNS)
    agreement.run([tmp_path / "c.csv"])
    said = capsys.readouterr().out
    assert [f"{pair}: {n}" in said for pair, n in {"ann and bob": 1, "ann and cy": 1, "bob and cy": 0}.items()] == [
        True
    ] * 3
    assert "where both remove: no such clip" in said


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "c.csv: agreement needs two raters; here is nobody"),
        (as_rows("ann", [KEEP]), "c.csv: agreement needs two raters; here is ann"),
        (
            [*as_rows("ann", [KEEP]), *as_rows("bob", [KEEP], 1)],
            "c.csv: no clip was seen, with the same bytes, by two of ann, bob",
        ),
        (None, "writes one"),
    ],
)
def test_without_two_raters_on_one_clip_there_is_one_line(tmp_path, monkeypatch, capsys, rows, says):
    if rows is not None:
        write_rows(rows, tmp_path / "c.csv", COLUMNS)
    monkeypatch.setattr(sys, "argv", ["thb", "agreement", str(tmp_path / "c.csv")])
    with pytest.raises(SystemExit) as end:
        main.main()
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert re.fullmatch(r"thb: .*\n", said)
    assert says in said
