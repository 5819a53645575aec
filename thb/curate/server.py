"""The page on which clips are judged, served to this machine alone.

Only the loopback interface is listened at. Every request has to come under that name (else a page elsewhere could have
its own name lead here) and bear the token of this run, which stands in the address that is printed.
"""

from __future__ import annotations

import json
import mimetypes
import os
import re
import secrets
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import jinja2
from pydantic import BaseModel, Field, ValidationError

from thb.core import origin
from thb.core.errors import DataError, ThbError, unknown
from thb.curate.ratings import KEEP, REMOVE, Rating, Sheet, now, reasons

LOOPBACK = "127.0.0.1"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address bears the token
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
LONGEST = 2_000  # bytes of an answer
STATIC = {name: Path(__file__).with_name(name) for name in ("page.css", "page.js")}


class Answer(BaseModel):
    """What the page sends."""

    clip: Annotated[int, Field(ge=0)]  # its place in the list
    answer: str  # `keep`, or a reason
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


def stays_below(folder: Path, file: Path) -> bool:
    """Whether the file, wherever its links lead, lies in the folder."""
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder))


class Server(ThreadingHTTPServer):
    """Serves the page, its clips by their numbers, and takes answers; port 0 is any that is free."""

    daemon_threads = True

    def __init__(self, folder: Path, clips: Sequence[str], sheet: Sheet, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.folder, self.clips, self.sheet = folder, clips, sheet
        self.token = secrets.token_urlsafe(16)
        self.names = [f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")]
        self._one_at_a_time = Lock()

    @property
    def url(self) -> str:
        return f"http://{self.names[0]}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that breaks a transfer off, as it does when a clip is left, is no fault."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def film(self, place: int) -> Path:
        """The file of a clip; raises DataError if it has vanished, or has come to lead out of the folder."""
        file = self.folder / self.clips[place]
        if not file.is_file() or not os.access(file, os.R_OK) or not stays_below(self.folder, file):
            raise DataError(f"{self.clips[place]} is no longer there, or can no longer be read")
        return file

    def page(self) -> str:
        """The page as it stands: the clips, the reasons, and what was answered."""
        given = self.sheet.answers
        answers = [given.get(clip) for clip in self.clips]
        data = {
            "clips": self.clips,
            "answers": [one and {"answer": one.answer, "seconds": one.seconds} for one in answers],
            "reasons": {name: one.shown for name, one in reasons().items()},
        }
        about = {"folder": self.folder.resolve().name, "file": self.sheet.file.name, "rater": self.sheet.rater}
        return _TEMPLATE.render(data=data, reasons=reasons().values(), **about)

    def take(self, given: Answer) -> None:
        """Write an answer down; raises ValidationError for one that is neither `keep` nor a reason."""
        if given.clip >= len(self.clips):
            raise DataError(unknown("clip", given.clip, [f"0 to {len(self.clips) - 1}"]))
        kept, seconds = given.answer == KEEP, round(given.seconds, 1)
        verdict, reason = (KEEP, "") if kept else (REMOVE, given.answer)
        with self._one_at_a_time:
            digest = origin.sha256(self.film(given.clip))
            clip, rater = self.clips[given.clip], self.sheet.rater
            self.sheet.put(
                Rating(clip=clip, rater=rater, verdict=verdict, reason=reason, seconds=seconds, at=now(), sha256=digest)
            )

    def undo(self) -> int | None:
        """Take the latest answer about a clip of the list back; its place, or None if there is none."""
        with self._one_at_a_time:
            latest = next((clip for clip in reversed(self.sheet.answers) if clip in self.clips), None)
            if latest is None:
                return None
            self.sheet.withdraw(latest)
            return self.clips.index(latest)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server  # type: ignore[assignment]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal shows the address."""

    def do_GET(self) -> None:
        asked = self._asked()
        if asked == "":
            self._send(200, self.server.page().encode(), "text/html; charset=utf-8")
        elif asked in STATIC:
            self._send(200, STATIC[asked].read_bytes(), mimetypes.guess_type(asked)[0] or "")
        elif asked is not None:
            place = re.fullmatch(r"clip/(\d{1,9})", asked)
            if place is None or int(place[1]) >= len(self.server.clips):
                return self._refuse(404, "there is nothing of that name here")
            try:
                self._send_film(self.server.film(int(place[1])))
            except DataError as fault:
                self._refuse(410, str(fault))

    def do_POST(self) -> None:
        asked = self._asked()
        if asked is None:
            return
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,9}", length) or int(length) > LONGEST:
            return self._refuse(413, "an answer is short, and says how long it is")
        body = self.rfile.read(int(length))
        try:
            if asked == "answer":
                self.server.take(Answer.model_validate_json(body))
                self._tell(200, {})
            elif asked == "undo":
                self._tell(200, {"clip": self.server.undo()})
            else:
                self._refuse(404, "there is nothing of that name here")
        except ValidationError as fault:
            self._refuse(400, f"no answer: {fault.errors(include_url=False)[0]['msg']}")
        except ThbError as fault:
            self._refuse(409, str(fault))

    def _asked(self) -> str | None:
        """What is asked for, below the token; None for a request from elsewhere, which is refused."""
        names, given = self.server.names, self.headers.get_all("Host", [])
        if len(given) != 1 or given[0] not in names:
            return self._refuse(403, "this page is for the machine that it runs on, by its own name")
        if self.headers.get("Origin", f"http://{given[0]}") != f"http://{given[0]}":
            return self._refuse(403, "another page may ask nothing here")
        token, _, rest = self.path.removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            return self._refuse(403, "use the whole address that `thb curate` printed; each run has its own")
        return rest

    # ---- what goes back ---------------------------------------------------------------------------------

    def _send_film(self, file: Path) -> None:
        """The file, or the one range of its bytes that is asked for."""
        with file.open("rb") as film:
            size = film.seek(0, 2)
            told = {"Accept-Ranges": "bytes", "Content-Type": mimetypes.guess_type(file.name)[0] or "video/mp4"}
            part = _span(self.headers.get("Range", ""), size)
            if part is None:
                status, part = 200, range(size)
            else:
                status = 206 if part else 416
                told["Content-Range"] = f"bytes {f'{part[0]}-{part[-1]}' if part else '*'}/{size}"
            self._begin(status, len(part), told)
            if part and self.connection.sendfile(film, part.start, len(part)) < len(part):
                self.close_connection = True  # it was cut while it was sent

    def _send(self, status: int, body: bytes, kind: str, also: dict[str, str] | None = None) -> None:
        self._begin(status, len(body), {"Content-Type": kind, **(also or {})})
        self.wfile.write(body)

    def _tell(self, status: int, value: dict[str, Any], also: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", also)

    def _refuse(self, status: int, why: str) -> None:
        """One line that says why; what else the request holds is not read."""
        self._tell(status, {"error": why}, {"Connection": "close"})

    def _begin(self, status: int, length: int, told: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **told, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


def _span(asked: str, size: int) -> range | None:
    """The bytes that a Range header asks for, none if they lie beyond; None if it asks for no one range."""
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", asked)
    first, last = found.groups() if found else ("", "")
    if not first:
        return range(max(0, size - int(last)), size) if last else None
    end = int(last) + 1 if last else size
    return range(min(int(first), size), min(end, size)) if end > int(first) or int(first) >= size else None


_ENVIRONMENT = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
_TEMPLATE = _ENVIRONMENT.from_string(Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8"))
