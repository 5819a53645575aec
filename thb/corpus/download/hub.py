"""The published dataset on the Hugging Face Hub: what a revision holds, and how one asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TypeVar
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

from thb.core.errors import DataError, ParamsError
from thb.core.params import Fetch
from thb.corpus.download.retry import Short, persist

T = TypeVar("T")

KIND = "dataset"
DENIED = (401, 403)
CONNECT = 8.0  # seconds at most until somebody answers at all: nobody at the address is soon known
HURRIED = 1  # retries where the user's own copy stands in, if the Hub cannot be reached
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


class Unreachable(DataError):
    """The Hub cannot be asked: offline by wish or by accident."""


@dataclass(frozen=True)
class HubFile:
    """A file of the release and what the Hub says of it."""

    path: str
    bytes: int
    sha256: str  # of a large file; '' where git itself keeps it
    blob: str  # git's own hash, which says what a small file holds
    local: bool = False  # only the user's own copy has it


class Hub:
    """One revision of one dataset; `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` are the library's to read."""

    def __init__(self, settings: Fetch, revision: str | None, pause: Callable[[float], None]) -> None:
        if not COMMIT.fullmatch(revision or ""):
            raise ParamsError(f"revision {revision!r} is not a commit (40 digits of 0-9a-f); a branch or tag may move")
        _check_token(get_token() or "")
        # The library logs addresses, which may be signed, and waits for ever where it is given no limit.
        hub_logging.set_verbosity_error()
        set_client_factory(lambda: _client(settings.timeout))
        self.settings, self.revision, self.pause, self.api = settings, revision, pause, HfApi()

    @property
    def name(self) -> str:
        return f"dataset {self.settings.repo} on {urlsplit(self.api.endpoint).hostname}"

    @property
    def identity(self) -> str:
        """Who is asked for what: another endpoint may list other files under the same revision."""
        return f"{self.api.endpoint} {self.settings.repo} {self.revision}"

    def listing(self, hurried: bool) -> list[HubFile]:
        """Every file of the revision, sorted by path; names are checked. Who is `hurried` hardly tries again.

        The library's own listing tries each page again by itself, for minutes and in silence.
        """
        page: str | None = f"{self.api.endpoint}/api/{KIND}s/{self.settings.repo}/tree/{self.revision}?recursive=true"
        files: list[HubFile] = []
        while page:
            found, page = self._ask(partial(self._page, page), HURRIED if hurried else self.settings.retries)
            files += found
        return checked(files)

    def _page(self, url: str) -> tuple[list[HubFile], str | None]:
        """Some files, and where the next ones are; nobody but the endpoint is told the token."""
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
        """The commit that the main branch is at; asked once, and '' where nobody answers."""
        if is_offline_mode():
            return ""
        try:
            info = self.api.repo_info(self.settings.repo, repo_type=KIND, timeout=self.settings.timeout)
        except (httpx2.HTTPError, TypeError, ValueError, KeyError):
            return ""
        return info.sha or ""

    def open(self, path: str, start: int) -> AbstractContextManager[httpx2.Response]:
        """The answer that carries a file from byte `start` on, its status not yet looked at."""
        self._refuse_offline()
        url = hf_hub_url(self.settings.repo, path, repo_type=KIND, revision=self.revision, endpoint=self.api.endpoint)
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}  # packed bytes have no place to go on from
        if start:
            headers["Range"] = f"bytes={start}-"
        return get_session().stream("GET", url, headers=headers)

    def why(self, fault: Exception) -> str:
        """A fault in a few words; never the library's own text, which may hold addresses and what was sent."""
        if isinstance(fault, RevisionNotFoundError):
            return f"{self.name} has no revision {self.revision}"
        if isinstance(fault, GatedRepoError):
            return f"{self.name} is gated; accept its terms there, and set HF_TOKEN"
        if isinstance(fault, RepositoryNotFoundError):
            return f"there is no {self.name}, or it takes an HF_TOKEN to see it"
        if isinstance(fault, HfHubHTTPError):
            denied = " (does HF_TOKEN allow it?)" if fault.response.status_code in DENIED else ""
            return f"the Hub answers {fault.response.status_code}{denied}"
        return str(fault) if isinstance(fault, Short) else f"no connection ({type(fault).__name__})"

    def _ask(self, question: Callable[[], T], retries: int) -> T:
        self._refuse_offline()
        try:
            return persist(question, retries, self.pause, self.settings.pause)
        except httpx2.TransportError as fault:
            raise Unreachable(f"{self.name} cannot be reached: {self.why(fault)}") from None
        except httpx2.HTTPError as fault:
            raise DataError(self.why(fault)) from None
        except (TypeError, ValueError, KeyError, AttributeError, httpx2.InvalidURL) as fault:
            raise DataError(f"{self.name} gives no listing that can be read ({type(fault).__name__})") from None

    def _refuse_offline(self) -> None:
        """Our client does not know the switch, so it is heeded here."""
        if is_offline_mode():
            raise Unreachable(f"{self.name} is not asked, as HF_HUB_OFFLINE is set")


def checked(files: Iterable[HubFile]) -> list[HubFile]:
    """The files sorted by path; one with a name, a size or a hash that cannot be is refused."""
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
    """A path below data/raw as the Hub or a list writes it; whatever could lead out is refused."""
    parts = path.split("/") if isinstance(path, str) else [""]
    odd = isinstance(path, str) and ("\\" in path or not path.isprintable() or PurePosixPath(path).is_absolute())
    if odd or any(part in ("", ".", "..") for part in parts):
        raise DataError(f"the name {path!r} leads out of data/raw, or may; it is refused")
    return str(path)


def _check_token(token: str) -> None:
    """A token that no header can hold would be shown in the error of whoever sends it."""
    if not (token.isascii() and token.isprintable()):
        raise ParamsError("HF_TOKEN holds characters that no token has; set it anew")


def _client(timeout: float) -> httpx2.Client:
    """The client that the library asks with: none of its requests waits longer than `timeout` seconds for a byte."""

    def limit(request: httpx2.Request) -> None:
        request.extensions["timeout"] = httpx2.Timeout(timeout, connect=min(timeout, CONNECT)).as_dict()

    return httpx2.Client(event_hooks={"request": [limit]}, follow_redirects=True, timeout=timeout)
