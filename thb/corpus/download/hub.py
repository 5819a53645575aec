"""The published dataset on the Hugging Face Hub: what a revision holds, and how one asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from threading import Event
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import (
    HfApi,
    get_session,
    get_token,
    hf_hub_url,
    hf_raise_for_status,
    is_offline_mode,
    set_client_factory,
)
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils import build_hf_headers
from huggingface_hub.utils import logging as hub_logging
from tqdm import tqdm

from thb.core.errors import DataError, ParamsError
from thb.core.params import Fetch
from thb.corpus.download.retry import Short, persist

KIND = "dataset"
CONNECT = 8.0  # seconds at most to connect; an address where nobody answers is soon known
LONG = 10  # seconds of waiting that are reported
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


class Unreachable(DataError):
    """The Hub cannot be asked: no connection, or HF_HUB_OFFLINE is set."""


class Stopped(Exception):
    """Raised in threads once the run ends: by Ctrl-C, a full disk, or a Hub that is gone."""


@dataclass(frozen=True)
class HubFile:
    """A file of the release and what the Hub says of it."""

    path: str
    bytes: int
    sha256: str  # of a large file; '' where git itself keeps it
    blob: str  # git's own hash, which says what a small file holds
    local: bool = False  # only the user's own copy has it

    @property
    def listed(self) -> str:
        """The hash by which the file is known, '' where there is none."""
        return self.sha256 or self.blob


class Hub:
    """One revision of one dataset; `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` are read by the library."""

    def __init__(self, settings: Fetch, revision: str | None) -> None:
        if not revision or not COMMIT.fullmatch(revision):
            raise ParamsError(f"revision {revision!r} is not a commit (40 digits of 0-9a-f); a branch or tag may move")
        token = get_token() or ""
        if not (token.isascii() and token.isprintable()):  # the error of sending it would show it
            raise ParamsError("HF_TOKEN holds characters that no token has; set it anew")
        hub_logging.set_verbosity_error()  # the library logs addresses, which may be signed
        hooks = {"request": [self._before]}
        set_client_factory(lambda: httpx2.Client(event_hooks=hooks, follow_redirects=True, timeout=settings.timeout))
        self.settings, self.revision, self.api, self.stop = settings, revision, HfApi(), Event()

    @property
    def name(self) -> str:
        return f"dataset {self.settings.repo} on {urlsplit(self.api.endpoint).hostname}"

    def listing(self, retries: int) -> list[HubFile]:
        """Every file of the revision, sorted by path and checked; raises Unreachable, or DataError for any other fault.

        The library's own listing retries each page by itself, silently and for minutes, and sends the token wherever
        the next page is.
        """
        page: str | None = f"{self.api.endpoint}/api/{KIND}s/{self.settings.repo}/tree/{self.revision}?recursive=true"
        files: list[HubFile] = []
        try:
            while page:
                found, page = persist(partial(self._page, page), retries, self.settings.pause, self.pause)
                files += found
        except httpx2.TransportError as fault:
            raise Unreachable(f"{self.name} cannot be reached: {self.why(fault)}") from None
        except httpx2.HTTPError as fault:
            raise DataError(self.why(fault)) from None
        except (TypeError, ValueError, KeyError, AttributeError, httpx2.InvalidURL) as fault:
            raise DataError(f"{self.name} gives no listing that can be read ({type(fault).__name__})") from None
        return checked(files)

    def _page(self, url: str) -> tuple[list[HubFile], str | None]:
        """Some files, and where the next ones are; the token goes to the endpoint only."""
        at_home = urlsplit(url).netloc == urlsplit(self.api.endpoint).netloc
        answer = get_session().get(url, headers=build_hf_headers(token=None if at_home else False))
        hf_raise_for_status(answer)
        files = [
            HubFile(entry["path"], entry["size"], entry["lfs"]["oid"] if entry.get("lfs") else "", entry["oid"])
            for entry in answer.json()
            if entry["type"] == "file"
        ]
        return files, answer.links.get("next", {}).get("url")

    def newest(self) -> str:
        """The commit that the main branch is at; asked once, '' where there is no answer."""
        try:
            return self.api.repo_info(self.settings.repo, repo_type=KIND, timeout=self.settings.timeout).sha or ""
        except (httpx2.HTTPError, Unreachable, TypeError, ValueError, KeyError):
            return ""

    def open(self, path: str, start: int) -> AbstractContextManager[httpx2.Response]:
        """The answer that carries a file from byte `start` on, its status not yet looked at."""
        url = hf_hub_url(self.settings.repo, path, repo_type=KIND, revision=self.revision, endpoint=self.api.endpoint)
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}  # compressed bytes cannot be resumed
        if start:
            headers["Range"] = f"bytes={start}-"
        return get_session().stream("GET", url, headers=headers)

    def pause(self, seconds: float) -> None:
        """Wait; raises Stopped once the run ends."""
        if seconds >= LONG:
            say(f"waiting {seconds:.0f} s before the Hub is asked again")
        if self.stop.wait(seconds):
            raise Stopped

    def why(self, fault: Exception) -> str:
        """A fault in a few words; never the library's own text, which may hold addresses and what was sent."""
        if isinstance(fault, RevisionNotFoundError):
            return f"{self.name} has no revision {self.revision}"
        if isinstance(fault, GatedRepoError):
            return f"{self.name} is gated; accept its terms there, and set HF_TOKEN"
        if isinstance(fault, RepositoryNotFoundError):
            return f"there is no {self.name}, or it takes an HF_TOKEN to see it"
        if isinstance(fault, HfHubHTTPError):
            status = fault.response.status_code
            return f"the Hub answers {status}{' (does HF_TOKEN allow it?)' if status in (401, 403) else ''}"
        return str(fault) if isinstance(fault, (Short, Unreachable)) else f"no connection ({type(fault).__name__})"

    def _before(self, request: httpx2.Request) -> None:
        """Refuse a request when offline; no other waits longer than `timeout` seconds for a byte."""
        if is_offline_mode():
            raise Unreachable(f"{self.name} is not asked, as HF_HUB_OFFLINE is set")
        limit = self.settings.timeout
        request.extensions["timeout"] = httpx2.Timeout(limit, connect=min(limit, CONNECT)).as_dict()


def say(line: str) -> None:
    """One line of fetch's own, above the progress bar."""
    tqdm.write(f"fetch: {line}")


def checked(files: Iterable[HubFile]) -> list[HubFile]:
    """The files sorted by path; raises DataError for an impossible name, size or hash."""
    by_path: dict[str, HubFile] = {}
    for file in files:
        name = checked_path(file.path)
        if name in by_path:
            raise DataError(f"the Hub lists {name!r} twice")
        if not isinstance(file.bytes, int) or file.bytes < 0:
            raise DataError(f"the Hub lists {name!r} with {file.bytes!r} bytes")
        if not (SHA256.fullmatch(str(file.sha256)) if file.sha256 else COMMIT.fullmatch(str(file.blob))):
            raise DataError(f"the Hub lists {name!r} with no hash that could be checked")
        by_path[name] = file
    return [by_path[name] for name in sorted(by_path)]


def checked_path(path: object) -> str:
    """A path below data/raw as the Hub or a list writes it; raises DataError for one that could lead out."""
    parts = path.split("/") if isinstance(path, str) else [""]
    odd = isinstance(path, str) and ("\\" in path or not path.isprintable() or PurePosixPath(path).is_absolute())
    if odd or any(part in ("", ".", "..") for part in parts):
        raise DataError(f"the name {path!r} leads out of data/raw, or may; it is refused")
    return str(path)
