"""What is said of checks: on the screen, in verify.json and on its page; and on what machine they were made."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from thb.book import provenance
from thb.core.errors import printable
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_atomic, write_json
from thb.review.verify import Check, judge

SHOWN = 10  # things that differ, named on the screen; verify.json has all of them
REPORT, PAGE = "verify.json", "verify.md"


def tell(checks: Sequence[Check], against: str, report: str = REPORT) -> None:
    """A line a check, what differs below it, and the verdict."""
    print(f"held against {against}:")
    for check in checks:
        print(f"  {check.verdict:<14} {check.name:<12} {check.told}")
        rows = pd.DataFrame(check.rows).to_string(index=False, na_rep="").splitlines() if check.rows else []
        for line in [*rows, *check.differing[:SHOWN]]:
            print(f"      {line}")
        if len(check.differing) > SHOWN:
            print(f"      and {len(check.differing) - SHOWN} more, in {report}")
    print(judge(checks))


def write(paths: Paths, params: Params, checks: Sequence[Check], against: str, **more: Any) -> None:
    """verify.json, and the same as a page, verify.md."""
    about = {
        "verdict": judge(checks),
        "against": against,
        "commit": provenance.commit(paths.root),
        "profile": params.profile,
        "seed": params.active.seed,
        "checks": [asdict(check) for check in checks],
        "inputs": provenance.inputs(paths),
        "versions": provenance.versions(),
        "system": system(),
        **more,
    }
    write_json(about, paths.root / REPORT)
    text = "\n".join(_page(about)) + "\n"
    write_atomic(paths.root / PAGE, lambda part: part.write_text(text, encoding="utf-8"))


def system() -> dict[str, str]:
    """What it was run on; what the system does not tell is left out."""
    about = {"python": sys.version.split()[0], "system": platform.platform(), "machine": platform.machine()}
    listed, names = Path("/proc/cpuinfo"), getattr(os, "sysconf_names", {})
    models = re.findall(r"^model name\s*: (.*)$", listed.read_text(), re.M) if listed.is_file() else []
    if model := next(iter(models), platform.processor()):
        about["processor"] = model
    about["cores"] = str(os.cpu_count() or "")
    if {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(names):
        about["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
    return about


def page_table(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The lines of a Markdown table; a value is on one line, and ends no cell."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        cells = ("" if value is None else printable(value).replace("|", "\\|") for value in row)
        yield f"| {' | '.join(cells)} |"


def page_checks(checks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a page on checks, as `asdict` has them: their verdicts, then rows and differences of each."""
    checks = list(checks)
    yield from page_table(("check", "verdict", ""), ((c["name"], c["verdict"], c["told"]) for c in checks))
    for check in checks:
        if rows := check["rows"]:
            yield from ("", f"## {check['name']}", "", *page_table(list(rows[0]), (row.values() for row in rows)))
        if check["differing"]:
            yield from ("", f"## {check['name']}: what differs", "", *(f"- {line}" for line in check["differing"]))


def _page(about: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"# {about['verdict']}",
        "",
        f"Commit {about['commit']}, profile {about['profile']}, seed {about['seed']},",
        f"held against {about['against']}.",
        "",
        *page_checks(about["checks"]),
    )
    yield from ("", "## With", "", *(f"- {name} {version}" for name, version in about["versions"].items()))
