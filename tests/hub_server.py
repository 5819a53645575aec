"""A small Hugging Face Hub on this machine: one dataset, the requests the real client makes, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REPO, PINNED, NEWER = "luchaoqi/TalkingHeadBench", "cd5f4672a13c61efe0df6aa79c61bbc9602ff625", "7" * 40
GENERATORS = ("Hallo", "Hallo2", "AniPortraitAudio", "AniPortraitVideo", "LivePortrait", "EmoPortrait")
DRIVERS = ("SAK2kObsiMY_5", "-5be_UPkLRw_4", "_W4Em_fHubY_23", "m-cgkdATHUo_0_1")
LIST = "real/real_dataset_split.json"
HANG = 20  # seconds, if nobody hangs up first
SMALL = 3_000  # bytes up to which git itself keeps a file


def small_release() -> dict[str, bytes]:
    """Some forty files laid out and named as in the release, pitfalls included; their content means nothing."""
    names = [
        f"fake/{generator}/{split}/{n:05d}--{driver}--{generator}.mp4"
        for generator in GENERATORS
        for n, (split, driver) in enumerate(zip(("train", "train", "val", "test"), DRIVERS, strict=True), 100)
    ]
    names += [
        "fake/additional_dataset/Hallo3/27576-SWlYiOtP5mI_2.mp4",
        "fake/additional_dataset/Hallo3/27577--5be_UPkLRw_4.mp4",
        "fake/additional_dataset/MAGI-1/00042.mp4",
        "audio/ff++/001.wav",
        "audio/ff++/020.wav",
        "audio/fake_celebvhq/SAK2kObsiMY_5.wav",
    ]
    names += [f"audio/fake/{n:05d}--{driver}--Hallo.wav" for n, driver in enumerate(DRIVERS, 100)]
    dice = random.Random(11)
    files = {name: dice.randbytes(dice.randint(5_000, 200_000)) for name in names}
    listed = {"FaceForensics++": ["001.mp4"], "CelebV-HQ": ["SAK2kObsiMY_5.mp4"]}
    blocks = json.dumps(
        {split: listed if split == "Test" else {block: [] for block in listed} for split in ("Train", "Val", "Test")}
    ).encode()
    return files | {
        LIST: blocks,
        "real/real_dataset_split_official_ff++.json": blocks + b"\n",
        "README.md": b"not wanted",
        ".gitattributes": b"*.mp4 lfs",
        "fake/Elsewhere/a.mp4": bytes(4000),
    }


@dataclass
class Fault:
    """Something to do wrong, `times` times, with requests for `what` ('' any file; or info, tree)."""

    kind: str  # drop | status | wrong_byte | short | lying | long | hang | whole
    what: str = ""
    times: int = 1
    after: int = 1000  # drop, short, lying: bytes that are sent all the same
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)

    def meant_for(self, what: str) -> bool:
        """Whether a request for this file (or for `info` or `tree`) is to go wrong."""
        questions = ("info", "tree")
        return self.what == what or (self.what not in questions and what not in questions and self.what in what)


class Server(ThreadingHTTPServer):
    """The dataset at one revision; `main` may be moved on, `faults` are used up as requests come."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], page: int = 15) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.page, self.main = files, page, PINNED
        self.next_at = ""  # another address where the listing's further pages are
        self.faults: list[Fault] = []
        self.tried: Counter[str] = Counter()
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.over = threading.Event()
        self.extra: list[dict[str, Any]] = []  # entries that the listing has besides the files
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fault(self, what: str) -> Fault | None:
        """The next fault meant for this request, if any."""
        with self.lock:
            fault = next((f for f in self.faults if f.times and f.meant_for(what)), None)
            if fault:
                fault.times -= 1
                self.tried[f"{fault.kind} {fault.status}" if fault.kind == "status" else fault.kind] += 1
            return fault

    def files_asked(self) -> list[str]:
        return [path for method, path, _ in self.seen if "/resolve/" in path]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error here."""


@contextmanager
def serving(files: dict[str, bytes] | None = None, **how: Any) -> Iterator[Server]:
    """The server in a thread of its own, until the block ends."""
    server = Server(small_release() if files is None else files, **how)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


def blob(content: bytes) -> str:
    """What git calls a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """info, tree, resolve, and the store to which resolve sends for large files (under another host name)."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.seen.append((self.command, path, dict(self.headers)))
        if path.startswith("/store/"):
            return self._content(path.removeprefix("/store/"))
        if match := re.fullmatch(f"/datasets/{REPO}/resolve/([^/]+)/(.+)", path):
            return self._resolve(*match.groups())
        if match := re.fullmatch(f"/api/datasets/{REPO}/tree/([^/]+)", path):
            return self._tree(match[1])
        if match := re.fullmatch(f"/api/datasets/{REPO}(?:/revision/([^/]+))?", path):
            return self._info(match[1])
        return self._json({"error": "Repository not found"}, 401, {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    # ---- what the Hub knows

    def _info(self, revision: str | None) -> None:
        if self._wrong("info"):
            return None
        return self._json({"id": REPO, "sha": revision or self.server.main, "siblings": []})

    def _tree(self, revision: str) -> None:
        if self._wrong("tree"):
            return None
        if revision != PINNED:
            return self._json({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        start = int(parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0])
        entries = [
            {"type": "directory", "path": "fake", "oid": "0" * 40, "size": 0},
            *map(self._entry, sorted(self.server.files)),
            *self.server.extra,
        ]
        more = start + self.server.page < len(entries)
        place = f"{self.server.next_at or self.server.url}{urlsplit(self.path).path}"
        follow = f"{place}?recursive=true&cursor={start + self.server.page}"
        return self._json(
            entries[start : start + self.server.page], 200, {"Link": f'<{follow}>; rel="next"'} if more else {}
        )

    def _entry(self, path: str) -> dict[str, Any]:
        content = self.server.files[path]
        entry = {"type": "file", "path": path, "size": len(content), "oid": blob(content)}
        if len(content) > SMALL:
            entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        return entry

    def _resolve(self, revision: str, path: str) -> None:
        content = self.server.files.get(path)
        if revision != PINNED or content is None:
            return self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        if len(content) <= SMALL:
            return self._content(path)
        return self._answer(
            302,
            b"",
            {
                "Location": f"http://localhost:{self.server.server_port}/store/{path}",
                "X-Repo-Commit": PINNED,
                "X-Linked-Size": str(len(content)),
                "X-Linked-Etag": f'"{sha256(content)}"',
            },
        )

    # ---- files

    def _content(self, path: str) -> None:
        content, fault = self.server.files[path], self.server.fault(path)
        if fault and fault.kind in ("status", "hang"):
            return self._misbehave(fault)
        start = self._start()
        if start >= len(content) > 0 and start:
            return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        if fault and fault.kind == "whole":  # as some stores do with packed files: no ranges
            start = 0
        body = content[start:]
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        if fault and fault.kind in ("drop", "lying"):
            return self._answer(206 if start else 200, body[: fault.after], headers, promised=len(body))
        if fault and fault.kind == "short":
            body = body[: fault.after]
        if fault and fault.kind == "long":
            body += bytes(5000)
        if fault and fault.kind == "wrong_byte":
            body = bytes([body[0] ^ 1]) + body[1:]
        return self._answer(206 if start else 200, body, headers)

    def _start(self) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(asked[1]) if asked else 0

    def _wrong(self, what: str) -> bool:
        fault = self.server.fault(what)
        if fault:
            self._misbehave(fault)
        return fault is not None

    def _misbehave(self, fault: Fault) -> None:
        if fault.kind == "hang":
            self.server.over.wait(HANG)
            self.close_connection = True
        elif fault.kind == "drop":
            self.close_connection = True
        else:
            self._answer(fault.status, b"busy", fault.headers)

    # ---- bytes

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | (headers or {}))

    def _answer(self, status: int, body: bytes, headers: dict[str, str], promised: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if promised is not None:
            self.close_connection = True
