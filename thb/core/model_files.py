"""Small networks of others: from the Hub at a pinned revision, or a copy of the user's, checked by hash."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from thb.core import origin
from thb.core.errors import DataError, entry
from thb.core.params import Net


def weights(name: str, known: Mapping[str, Net]) -> Path:
    """The weights file of a network of params.yaml: `$THB_<NAME>`, else its `path`, else the Hub.

    Raises DataError for a file that is missing or has another hash.
    """
    net = entry("network under nets", name, known)
    own = os.environ.get(variable(name)) or net.path
    file = Path(own).expanduser() if own else _from_hub(name, net)
    if not file.is_file():
        raise DataError(f"the weights of {name}: {own} is no file; {_ways(name, net)}")
    if (found := origin.sha256(file)) != net.sha256:
        raise DataError(
            f"the weights of {name}: {file.name} has SHA-256 {found[:12]}…, not {net.sha256[:12]}…; "
            f"{_ways(name, net)}, or name the other hash in nets.{name}.sha256 if you trust it"
        )
    return file


def variable(name: str) -> str:
    """The environment variable that names a user's own copy."""
    return f"THB_{name.upper()}"


def _from_hub(name: str, net: Net) -> Path:
    """The file in the library's cache; an error names only the kind of a fault, as its text may hold addresses."""
    import httpx2
    from huggingface_hub import hf_hub_download

    if not net.repo:
        raise DataError(f"the weights of {name} are nowhere; {_ways(name, net)}")
    try:
        return Path(hf_hub_download(net.repo, net.file, revision=net.revision))
    except (httpx2.HTTPError, OSError, ValueError) as e:
        raise DataError(
            f"the weights of {name} cannot be had from {net.repo} on the Hub ({type(e).__name__}); {_ways(name, net)}"
        ) from None


def _ways(name: str, net: Net) -> str:
    there = f"get {net.file} of {net.repo} and name it" if net.repo else "name the file"
    return f"{there} in nets.{name}.path or {variable(name)}"
