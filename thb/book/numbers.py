"""Every number of the book's sentences, each with the file it was read from."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from thb.book import citation, reviewing
from thb.cells.questions import SHIFTS
from thb.core import origin
from thb.core.decimals import NONE, decimal
from thb.core.errors import DataError, printable, unknown
from thb.core.metrics import AUC
from thb.core.params import Params
from thb.core.tables import read_csv
from thb.core.words import text
from thb.report.conditions import reencoded, taken_by_condition
from thb.report.corpus import distinct, read_corpus
from thb.report.load import Results
from thb.report.means import cells_across, mean_of
from thb.report.queries import printed_beside, rank_correlation

PARAMS, CORPUS, CELLS = "params.yaml", "results/corpus.csv", "results/cells.csv"
TABLE1, TABLE4, COUNTS = (
    f"paper/published/{name}.csv" for name in ("table1_datasets", "table4_stats", "release_counts")
)
REENCODED = "results/reencoded/changes.csv"
PRINTED = "paper/published/tables_5_6_7_D9_D10_all_long.csv"
CITATION, REFERENCES = "CITATION.cff", "paper/references.bib"


SLOT = re.compile(r"\{\{ *(.*?) *\}\}")


@dataclass(frozen=True)
class Number:
    """A value as the prose shows it, and where it comes from; `code`: a block of code to copy."""

    shown: str
    source: str
    code: str = ""  # its language

    def markdown(self) -> str:
        """What the page gets: the value, with its source shown on hover."""
        hover = f'class="from-file" title="from {text(self.source)}"'
        if not self.code:
            return f"<span {hover}>{text(self.shown)}</span>"
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", self.shown)), default=0))  # longer than any within
        block = "\n".join([f"{fence}{self.code}", *map(printable, self.shown.splitlines()), fence])
        return f"<div {hover}>\n\n{block}\n\n</div>"


def all_numbers(results: Results) -> dict[str, Number]:
    """name -> value, for {{ name }} in the book's pages; computed once for the same files."""
    key = _fingerprint(results)
    if key not in _KNOWN:
        _KNOWN.clear()
        read = (_settings(results.params), clips(results), _printed(results), _citations(results), _reencoded())
        stated = {name: Number(*one) for name, one in reviewing.stated(results).items()}
        _KNOWN[key] = {name: number for part in (*read, stated) for name, number in part.items()}
    return dict(_KNOWN[key])


def filled(words: str, known: Mapping[str, Number]) -> str:
    """Words with the value of each {{ name }} in its place. Raises DataError for a name that is not known."""

    def value(found: re.Match) -> str:
        if found[1] not in known:
            raise DataError(unknown("name in {{ }}", found[1], known))
        return known[found[1]].shown

    return SLOT.sub(value, words)


_KNOWN: dict[str, dict[str, Number]] = {}  # what the last files gave


def _fingerprint(results: Results) -> str:
    """A hash of everything that values are read from, wherever the clone lies."""
    root, found = results.paths.root, hashlib.sha256(results.params.model_dump_json().encode())
    below = [file for name in ("paper", "results") for file in sorted((root / name).rglob("*"))]
    for file in (f for f in (results.paths.params, results.paths.citation, *below) if f.is_file()):
        found.update(f"{file.relative_to(root)}\0{origin.sha256(file)}\0".encode())
    return found.hexdigest()


def _settings(params: Params) -> dict[str, Number]:
    """What params.yaml fixes."""
    active, paper = params.active, params.profiles["paper"]
    values: dict[str, object] = {
        "profile": params.profile,
        "corpus": active.corpus,
        "seed": active.seed,
        "training_seed": active.training_seed,
        "n_detectors": len(params.detectors),
        "frames": active.store.frames,
        "windows": active.store.windows,
        "run": active.store.run,
        "frame_size": active.store.size,
        "test_windows": active.store.test_windows,
        "face_size": active.store.face.size,
        "face_margin": f"{active.store.face.margin:g}",
        "bootstrap": f"{params.metrics.bootstrap:,}",
        "confidence": f"{params.metrics.confidence:.0%}",
        "n_fits": len(params.fits),
        "n_generators": len(params.generators),
        "n_unseen": len(params.of_role("unseen")),
        "finder": active.finder,
        "failed_share": f"{active.max_failed_share:.0%}",
        "clip_megabytes": round(3 * paper.store.frames * (paper.store.size**2 + paper.store.face.size**2) / 1e6),
        "data_revision": paper.revision or "",
        "failed_share_paper": f"{paper.max_failed_share:.0%}",
    }
    for name, alpha in params.metrics.fpr.items():
        key = name.replace(".", "_")
        values |= {f"fpr_{key}": f"{100 * alpha:g} %", f"reals_for_{key}": f"{math.ceil(1 / alpha):,}"}
    return {key: Number(str(value), PARAMS) for key, value in values.items()}


def clips(results: Results) -> dict[str, Number]:
    """How many clips there are, by role and split, and what their files are like."""
    corpus = read_corpus(results)
    tested, count = corpus[corpus["split"] == "test"], corpus["clips"]
    reals = int(tested.loc[tested["role"] == "real", "ok"].sum())
    values = {
        "n_clips": count.sum(),
        "n_fakes": count[corpus["role"].isin(["generator", "unseen"])].sum(),
        "n_reals": count[corpus["role"] == "real"].sum(),
        "n_test_reals": reals,
        "n_unusable": (count - corpus["ok"]).sum(),
        **{f"n_{split}": count[corpus["split"] == split].sum() for split in ("train", "val", "test")},
        "clip_minutes": round(corpus["seconds"].sum() / 60),
    }
    for name, alpha in results.params.metrics.fpr.items():
        values[f"allowed_{name.replace('.', '_')}"] = math.floor(alpha * reals + 1e-9)
    shown = {key: f"{int(value):,}" for key, value in values.items()}
    shown |= {"clip_sizes": _span(distinct(corpus["size"])), "clip_rates": _span(distinct(corpus["fps"]))}
    return {key: Number(value, CORPUS) for key, value in shown.items()}


def _span(ordered: Sequence[str]) -> str:
    """All of them; the ends alone if there are many."""
    return ", ".join(ordered) if len(ordered) <= 5 else f"{ordered[0]} to {ordered[-1]}"


def _printed(results: Results) -> dict[str, Number]:
    """What the paper printed and its authors released, and how far the cells here are ordered as the printed ones."""
    root, params = results.paths.root, results.params
    own = pd.read_csv(root / TABLE1).set_index("dataset").loc["TalkingHeadBench (Ours)"]
    total = pd.read_csv(root / TABLE4).set_index("generator").loc["TOTAL"]
    released = read_csv(root / COUNTS, ["source", "clips", "when", "from"]).set_index("source")["clips"]
    values = {
        "printed_fakes": (f"{int(total['total']):,}", TABLE4),
        "printed_reals": (f"{int(own['real_count']):,}", TABLE1),
        "printed_removed": (f"{total['ratio_removed_pct_approx']:g} %", TABLE4),
        "rank_correlation": (decimal(rank_correlation(printed_beside("v1", [AUC]))), f"{CELLS}, {PRINTED}"),
    }
    for name, roles in (("released_fakes", ("generator", "unseen")), ("released_reals", ("real",))):
        values[name] = (f"{sum(int(released.loc[params.source(s).printed]) for s in params.of_role(*roles)):,}", COUNTS)
    metric = next(iter(params.metrics.fpr))  # that of the paper's figures
    means = mean_of(cells_across(SHIFTS, metric), ["protocol"]).set_index("protocol")["printed"]
    values |= {f"printed_{protocol}": (decimal(means.loc[protocol]), PRINTED) for protocol in SHIFTS}
    return {key: Number(shown, source) for key, (shown, source) in values.items()}


def _reencoded() -> dict[str, Number]:
    """The condition that takes most of the detectors' mean AUC, and what it takes; a dash where nothing was scored."""
    rows = reencoded().query("metric == @AUC")
    taken = taken_by_condition(rows)
    values = dict.fromkeys(("condition", "protocol", "losing", "before", "after", "worst", "unharmed"), NONE)
    if len(taken):
        most = min(taken.reset_index().to_dict("records"), key=lambda one: one["change"])
        harmful = set(taken.loc[taken["lose"] > 0].index.get_level_values("says"))
        values = {
            "condition": most["says"],
            "protocol": most["protocol"],
            "losing": f"{most['lose']} of {most['of']}",
            "before": decimal(most["before"]),
            "after": decimal(most["value"]),
            "worst": rows.loc[most["most"], "detector"],
            "unharmed": ", ".join(dict.fromkeys(says for says, _ in taken.index if says not in harmful)) or "none",
        }
    return {f"reencoded_{name}": Number(str(value), REENCODED) for name, value in values.items()}


def _citations(results: Results) -> dict[str, Number]:
    """BibTeX, as code to copy."""
    entries = {
        "bibtex_paper": (citation.paper(results.paths), REFERENCES),
        "bibtex_package": (citation.package(results.paths), CITATION),
    }
    return {name: Number(entry, source, code="bibtex") for name, (entry, source) in entries.items()}
