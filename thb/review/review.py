"""review: what a reviewer attaches to a report, as review.md and review.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from thb.book import provenance
from thb.book.chain import ABSENT, SCORES, Tracer
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_atomic, write_json
from thb.report.claims import judged
from thb.report.load import open_results
from thb.review import paper, telling, verify
from thb.review.telling import page_table
from thb.review.verify import UNCHECKED, Check

REPORT, PAGE = "review.json", "review.md"
COMMANDS = {
    "everything that follows from the committed scores, without torch or a clip": "make recompute",
    "everything, from the clips on": "make reproduce",
    "whether a run agrees with what was committed": "thb verify --paper",
    "one fit trained again": "thb verify --spot {detector} {fit}",
    "where one number comes from": "thb where table5",
    "this report": "thb review",
}
JUDGED = ("clips.csv", "clips.json", "cells.csv", "comparisons.csv", "metrics.json", "scores")  # by thb verify


def run(paths: Paths, params: Params, reference: Paths, against: str) -> None:
    """Write both files, and print the checks and where they are."""
    checks = [
        *verify.compare(paths, params, reference, exact=False),
        paper.check(paths, params),
        other_files(paths, reference),
    ]
    telling.tell(checks, against, REPORT)
    about = report(paths, params, checks, against)
    write_json(about, paths.root / REPORT)
    text = "\n".join(_page(about)) + "\n"
    write_atomic(paths.root / PAGE, lambda part: part.write_text(text, encoding="utf-8"))
    print(f"{PAGE} and {REPORT}")


def other_files(paths: Paths, reference: Paths) -> Check:
    """The results that no check judges: how many are the same to the byte."""
    of = {
        place: {
            file.relative_to(place.results).as_posix(): file
            for file in sorted(place.results.rglob("*"))
            if file.is_file() and file.relative_to(place.results).parts[0] not in JUDGED
        }
        for place in (paths, reference)
    }
    own, theirs = of[paths], of[reference]
    both = own.keys() & theirs.keys()
    other = sorted(name for name in both if own[name].read_bytes() != theirs[name].read_bytes())
    told = (
        f"{len(both) - len(other)} files the same to the byte, {len(other)} other, "
        f"{len(theirs.keys() - both)} missing, {len(own.keys() - both)} here only"
    )
    return Check("other files", UNCHECKED, told, [f"results/{name} is other than in the reference" for name in other])


def report(paths: Paths, params: Params, checks: list[Check], against: str) -> dict[str, Any]:
    """Everything that review.json holds."""
    changed = provenance.git(paths.root, "status", "--porcelain")
    claims, unjudged = _claims(paths)
    return {
        "verdict": verify.judge(checks),
        "against": against,
        "commit": provenance.git(paths.root, "rev-parse", "HEAD"),
        "changed": None if changed is None else changed.splitlines(),
        "profile": params.profile,
        "corpus": params.active.corpus,
        "seed": params.active.seed,
        "system": telling.system(),
        "versions": provenance.versions(),
        "commands": {
            what: command.format(detector=next(iter(params.detectors)), fit=params.fits[-1])
            for what, command in COMMANDS.items()
        },
        "runs": list(_runs(paths, params)),
        "checks": [asdict(check) for check in checks],
        "claims": claims,
        "claims_unjudged": unjudged,
    }


def _claims(paths: Paths) -> tuple[list[dict[str, Any]], str]:
    """The paper's claims with both verdicts; or none, and why, where results are of other code or settings."""
    results = open_results(paths.root)
    try:
        rows = judged(results)
    except DataError as fault:
        return [], str(fault)
    return rows.loc[:, ["id", "section", "claim", "verdict", "here"]].to_dict("records"), ""


def _runs(paths: Paths, params: Params) -> Iterator[dict[str, Any]]:
    """A row a fit: what its records say of its training; machine and time where the weights behind the scores are."""
    tracer = Tracer(paths, params)
    for detector in params.detectors:
        for fit in params.fits:
            scores, *weights = tracer.fit(detector, fit)
            facts, here = (weights[0].facts, weights[0].here) if weights else (scores.facts, {})
            clips = facts.get("clips", {})
            yield {
                "detector": detector,
                "fit": fit,
                SCORES: scores.state,
                "weights": weights[0].state if weights else ABSENT,
                "training clips": clips.get("train"),
                "validation clips": clips.get("val"),
                "epochs": facts.get("epochs"),
                "stopped by": facts.get("stopped_by") or facts.get("absent") or facts.get("given_by"),
                "hardware": here.get("hardware"),
                "seconds": here.get("seconds"),
            }


# ---- the page -----------------------------------------------------------------------------------------


def _page(about: Mapping[str, Any]) -> Iterator[str]:
    state = "clean" if about["changed"] == [] else f"{len(about['changed'] or ())} files changed"
    commit = f"Commit {about['commit']} ({state})" if about["commit"] else "No git checkout"
    yield from (
        f"# Review: {about['verdict']}",
        "",
        f"{commit}, profile {about['profile']}, corpus {about['corpus']}, seed {about['seed']}, held against "
        f"{about['against']}.",
        *(f"- `{line}`" for line in about["changed"] or ()),
        *("", "## What agrees, what differs, what was not checked", ""),
        *telling.page_checks(about["checks"]),
        *("", "## System", "", *page_table(("", ""), about["system"].items())),
        *("", "## Versions", "", *page_table(("package", "version"), about["versions"].items())),
        *("", "## To run again", "", *(f"- {what}: `{command}`" for what, command in about["commands"].items())),
        *("", "## What was run", "", *_fits(about["runs"])),
        *("", "## The paper's claims", "", *_judged(about)),
    )


def _fits(rows: list[dict[str, Any]]) -> Iterator[str]:
    timed = [row["seconds"] for row in rows if row["seconds"] is not None]
    yield f"{len(rows)} fits, of which {len(timed)} have their time on record here: {sum(timed) / 60:.1f} min in all."
    yield from ("", *page_table(list(rows[0]), (row.values() for row in rows)))


def _judged(about: Mapping[str, Any]) -> Iterator[str]:
    if about["claims_unjudged"]:
        yield f"Not judged: {about['claims_unjudged']}"
    else:
        yield "*Verdict*: by the paper's own tables; *here*: by the cells at hand."
        yield from ("", *page_table(list(about["claims"][0]), (row.values() for row in about["claims"])))
