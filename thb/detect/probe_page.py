"""The report of a probed folder: a page that stands alone, the same as JSON, and its figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from thb import report
from thb.cells import heat
from thb.core.metrics import AUC, FIRM
from thb.core.params import Params
from thb.core.tables import OK, write_atomic, write_json
from thb.core.words import corpus_line
from thb.detect.probe_numbers import ALIKE, ALL, CLOSE, FOUND, Probed, nearest, needed, verdict
from thb.report.cell import CSS
from thb.report.table import Table, as_html

PAGE, REPORT, FIGURE = "index.html", "report.json", "figure"
NUMBERS = ["detector", "metric", "pairs", "value", "lo", "hi", "n_real", "n_fake", "resolvable"]
SURE = 30  # clips below which the page says that they are few
_PAGE = Path(__file__).with_name("probe_page.html.j2")

Numbers = Mapping[tuple[str, str, str], Mapping[str, Any]]  # by detector, metric and pairs
Strip = tuple[str, str, str]  # which clip, the detector, the picture's file


def write(
    folder: Path,
    params: Params,
    found: Probed,
    told: pd.DataFrame,
    known: pd.DataFrame,
    survived: pd.DataFrame | None,
    looked_at: pd.DataFrame,
    strips: Sequence[Strip],
) -> None:
    """Write page, JSON, CSV and figure into an empty folder."""
    labels = {name: params.detectors[name].printed or name for name in found.detectors}
    numbers = {(row["detector"], row["metric"], row["pairs"]): row for row in told.to_dict("records")}
    said = summary(params, found, numbers, known)
    _figure(folder, found, told, known, labels)
    tables = [_who_finds_it(params, found, numbers, labels), _beside_known(params, found, numbers, known, labels)]
    if survived is not None:
        tables.append(_survival(survived, labels))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.from_string(_PAGE.read_text(encoding="utf-8")).render(
        name=found.name,
        css=CSS,
        said=said,
        labels=labels,
        tables=[as_html(one) for one in tables],
        confidence=params.metrics.confidence,
        reencoded=survived is not None,
        looked_at=as_html(_attention(looked_at, labels)),
        strips=[(which, labels[name], file) for which, name, file in strips],
        left_out=found.fakes.loc[found.fakes["status"] != OK, ["clip", "reason"]].to_dict("records"),
        corpus=corpus_line(params),
        figure=f"{FIGURE}.svg",
    )
    write_atomic(folder / PAGE, lambda part: part.write_text(page, encoding="utf-8"))
    lists = {"numbers": told, "after_reencoding": survived, "attention": looked_at}
    write_json({**said, **{name: _plain(rows) for name, rows in lists.items()}}, folder / REPORT)


def _plain(rows: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Rows for JSON, which knows no NaN."""
    if rows is None:
        return []
    return [{key: None if pd.isna(value) else value for key, value in row.items()} for row in _dicts(rows)]


def _dicts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def average(values: Iterable[float]) -> float:
    """The mean of those that are known; nan of none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def summary(params: Params, found: Probed, numbers: Numbers, known: pd.DataFrame) -> dict[str, Any]:
    """What the page says in words: counts, the controls, who finds it, its rank and neighbour, what would be firm."""
    auc = {name: numbers[name, AUC, ALL] for name in found.detectors}
    own = {name: float(auc[name]["value"]) for name in found.networks if auc[name]["n_fake"]}
    mean = float(np.mean(list(own.values())))
    means = [average(row[name] for name in own) for row in _dicts(known)]
    scored, (neighbour, apart) = int(np.count_nonzero(found.fakes["status"] == OK)), nearest(known, own)
    verdicts = {name: verdict(one["lo"], one["hi"]) for name, one in auc.items()}
    finders = [name for name, said in verdicts.items() if said == FOUND]
    return {
        "name": found.name,
        "clips": len(found.fakes),
        "scored": scored,
        "no_face": sum(why.startswith("no face found") for why in found.fakes["reason"]),
        "reals": max(int(one["n_real"]) for one in auc.values()),
        "own_reals": found.own_reals,
        "finder": found.finder,
        "few": scored < SURE,
        "verdicts": verdicts,
        "controls_that_find_it": [name for name in finders if not found.is_network[name]],
        "networks_that_find_it": [name for name in finders if found.is_network[name]],
        "mean_auc": mean,
        "harder_than": sum(bool(other > mean) for other in means),
        "known": len(means),
        "nearest": params.sources[neighbour].printed,
        "nearest_is_apart": apart,
        "clips_needed": max(needed(int(auc[n]["n_fake"]), auc[n]["lo"], auc[n]["hi"]) for n in own),
        "close": CLOSE,
        "rates": rates(params, numbers),
        "profile": params.profile,
    }


def rates(params: Params, numbers: Numbers) -> dict[str, dict[str, Any]]:
    """Whether all detectors that have a number at a false-positive rate have a firm one, and what reals that takes."""
    words = {
        m: [one["resolvable"] for (_, of, pairs), one in numbers.items() if (of, pairs) == (m, ALL) and one["n_fake"]]
        for m in params.metrics.fpr
    }
    return {
        metric: {"rate": rate, "firm": set(words[metric]) == {FIRM}, "reals_needed": round(3 / rate)}
        for metric, rate in params.metrics.fpr.items()
    }


def _who_finds_it(params: Params, found: Probed, numbers: Numbers, labels: Mapping[str, str]) -> Table:
    """A line a detector, the controls on top: AUC of all pairs and of files alike, the rates, the verdict."""
    lines = {
        labels[name]: {
            "AUC": report.number(numbers[name, AUC, ALL]),
            "AUC, files alike": report.number(numbers[name, AUC, ALIKE]),
            **{metric: report.number(numbers[name, metric, ALL]) for metric in params.metrics.fpr},
            "By its AUC": verdict(numbers[name, AUC, ALL]["lo"], numbers[name, AUC, ALL]["hi"]),
        }
        for name in sorted(found.detectors, key=lambda name: found.is_network[name])
    }
    frame = pd.DataFrame.from_dict(lines, "index").rename_axis("Detector")
    return report.table(frame, "Who finds it; controls, which see no face, first", sortable=False)


def _beside_known(
    params: Params, found: Probed, numbers: Numbers, known: pd.DataFrame, labels: Mapping[str, str]
) -> Table:
    """A line a generator, from the one that networks find least: their AUC, and its mean."""
    rows = [(params.sources[str(name)].printed, row) for name, row in zip(known.index, _dicts(known), strict=True)]
    own = {name: numbers[name, AUC, ALL]["value"] for name in found.networks} | {"seen": False}
    rows = [(f"{found.name} (this one)", own), *rows]
    of = {name: average(row[network] for network in found.networks) for name, row in rows}
    lines = {
        name: {
            "Mean AUC": report.fixed(of[name]),
            **{labels[network]: report.fixed(row[network]) for network in found.networks},
            "In training": "yes" if row["seen"] else "no",
        }
        for name, row in sorted(rows, key=lambda one: of[one[0]])
    }
    frame = pd.DataFrame.from_dict(lines, "index").rename_axis("Generator")
    return report.table(frame, "Beside the known generators, the hardest first", sortable=False)


def _survival(survived: pd.DataFrame, labels: Mapping[str, str]) -> Table:
    """A line a condition: the share of clips called fake before and after, a column a detector."""
    lines: dict[str, dict[str, str]] = {}
    for row in _dicts(survived):
        shares = f"{row['before']:.2f} → {row['after']:.2f}" if row["n"] else "–"
        lines.setdefault(row["condition"], {})[labels[row["detector"]]] = shares
    frame = pd.DataFrame.from_dict(lines, "index").rename_axis("Condition")
    return report.table(frame, "Share of clips called fake, before and after they are encoded again", sortable=False)


def _attention(looked_at: pd.DataFrame, labels: Mapping[str, str]) -> Table:
    """A line a network, a column a region: its share of the heat and a mark, below it its share of the picture."""
    lines: dict[str, dict[str, Any]] = {}
    for row in _dicts(looked_at):
        lines.setdefault(labels[row["detector"]], {})[row["region"].capitalize()] = report.against(
            row["mass"], row["area"], heat.MARKS.get(row["verdict"], ""), hover=row["verdict"]
        )
    frame = pd.DataFrame.from_dict(lines, "index").rename_axis("Detector")
    return report.table(frame, "Share of the heat on each region, below it the share of the picture", sortable=False)


def _figure(folder: Path, found: Probed, told: pd.DataFrame, known: pd.DataFrame, labels: Mapping[str, str]) -> None:
    """The AUC of every detector with its interval, a diamond at the mean over known generators that no network saw."""
    own = [row for row in _dicts(told) if (row["metric"], row["pairs"]) == (AUC, ALL)]
    unseen = [row for row in _dicts(known) if not row["seen"]]
    others = {name: average(row[name] for row in unseen) for name in found.networks}
    rows = pd.DataFrame(
        [
            {**row, "printed": others.get(row["detector"], np.nan), "label": labels[row["detector"]], "all": ""}
            for row in own
        ]
    )
    report.theme()
    figure, (ax,) = report.panels([0.3 * len(rows) + 0.8])
    report.dots(ax, rows, along="label", hue="all", colour={"": (0.0, 0.0, 0.0)})
    report.share_axis(ax, AUC, min(row["lo"] for row in own if row["n_fake"]))
    ax.set_title(f"{found.name}: AUC against {max(row['n_real'] for row in own)} reals")
    report.legend(figure, [], dot="this folder, with interval", diamond="mean over generators that no network saw")
    report.save(str(folder / FIGURE), pd.DataFrame(told, columns=NUMBERS), figure)
