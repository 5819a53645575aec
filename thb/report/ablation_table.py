"""What is learnt from the faint fingerprint, what from visible faults: the corpus with each switched off."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.core.errors import DataError
from thb.core.metrics import AUC
from thb.core.paths import Paths
from thb.fits.absent import NO_VARIANTS
from thb.report import classes, style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import MAIN, MEAN, MEASURED, Results, open_results

NONE_HERE = f"{NO_VARIANTS[0].upper()}{NO_VARIANTS[1:]}."
PROTOCOL = "P1"  # control corpora have the `all` fit only
COLUMNS = ["variant", *MEASURED]


def build(metric: str = AUC) -> Exhibit:
    """The exhibit of one metric, on the main corpus and each control corpus, of the detectors fitted to all."""
    results = open_results()
    results.check_metric(metric)
    rows = ablation(results, metric)
    return Exhibit(
        title="Fingerprint or visible fault?",
        html=_html(results, rows, metric),
        rows=rows,
        drawing=_draw(results, rows, metric),
        alt=f"Dots with intervals: {metric} on each generator for the main corpus and the control corpora, "
        "one panel a detector.",
    )


def names(results: Results) -> dict[str, str]:
    """variant -> how the page calls it."""
    switched = {"fingerprint": "fingerprint", "artefacts": "visible faults"}
    changes = {
        name: [
            f"{switched[k]} off" if v == 0 else f"{switched[k]} × {v:g}"
            for k, v in ablation.model_dump(exclude_none=True).items()
        ]
        for name, ablation in results.params.ablations.items()
    }
    return {MAIN: "main corpus", **{name: ", ".join(texts) for name, texts in changes.items()}}


def ablation(results: Results, metric: str) -> pd.DataFrame:
    """COLUMNS: variant x detector x (generator, mean); empty for a corpus that cannot be rendered again."""
    if results.params.active.corpus != "mini":
        return pd.DataFrame(columns=COLUMNS)
    corpora = {MAIN: results.paths} | {name: results.variant(name) for name in results.params.ablations}
    rows = [row for name, paths in corpora.items() for row in _rows(results, name, paths, metric)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(results: Results, variant: str, paths: Paths, metric: str) -> Iterator[dict]:
    """One corpus: every detector's cells, and their mean."""
    cells, means = results.cells_of(paths), results.means_of(paths)
    kept = cells[(cells["protocol"] == PROTOCOL) & (cells["metric"] == metric)]
    for entrant in (e for e in results.entrants if e.key in results.params.ablated):
        own = kept[kept["detector"] == entrant.key].set_index("generator")
        if missing := [g for g in results.params.generators if g not in own.index]:
            raise DataError(f"the cells of {variant} lack {PROTOCOL} {entrant.key} {missing[0]}; run `dvc repro`")
        head = {"variant": variant, "detector": entrant.label, "control": entrant.control, "metric": metric}
        for generator in results.params.generators:
            yield head | {"generator": generator} | {c: own.loc[generator, c] for c in COLUMNS[5:]}
        yield head | {
            "generator": MEAN,
            **results.mean(PROTOCOL, entrant.key, metric, means),
            "n_real": own["n_real"].max(),
            "n_fake": own["n_fake"].sum(),
            "resolvable": bool(own["resolvable"].all()),
        }


def mean(rows: pd.DataFrame, variant: str, detector: str) -> float:
    """The mean over generators of one detector on one corpus; nan where it cannot be resolved."""
    found = rows[(rows["variant"] == variant) & (rows["detector"] == detector) & (rows["generator"] == MEAN)]
    return float(found["value"].where(found["resolvable"].astype(bool)).iloc[0])


def sentences(results: Results, rows: pd.DataFrame, metric: str) -> list[str]:
    """For each detector: what switching each thing off did to its mean."""
    out = []
    for detector in dict.fromkeys(rows["detector"]):
        before = mean(rows, MAIN, detector)
        parts = [
            f"{tables.decimal(mean(rows, v, detector))} with {name}" for v, name in names(results).items() if v != MAIN
        ]
        out.append(
            f"{tables.text(detector)}: mean {tables.text(metric)} {tables.decimal(before)} on the main "
            f"corpus, {' and '.join(parts)}."
        )
    return out


def _html(results: Results, rows: pd.DataFrame, metric: str) -> str:
    if rows.empty:
        return f"<p>{NONE_HERE}</p>"
    parts = [tables.interval_switch("ablation", results.params.metrics.confidence)]
    parts += [_detector_table(results, rows[rows["detector"] == d], metric) for d in dict.fromkeys(rows["detector"])]
    if metric in results.params.metrics.fpr:
        parts.append(classes.legend())
    return "\n".join(
        [
            *parts,
            tables.notes(
                [
                    *sentences(results, rows, metric),
                    "Each corpus has its own fits; the real clips are the same in all.",
                ]
            ),
        ]
    )


def _detector_table(results: Results, rows: pd.DataFrame, metric: str) -> str:
    generators = list(dict.fromkeys(rows["generator"]))
    grid = rows.set_index(["variant", "generator"])
    classed = metric in results.params.metrics.fpr
    bodies = [
        tables.body(
            [
                tables.row(
                    tables.text(name),
                    [tables.number(grid.loc[(variant, g)], classed, False) for g in generators],
                )
            ]
        )
        for variant, name in names(results).items()
    ]
    label = tables.text(rows["detector"].iloc[0]) + (" (control)" if rows["control"].iloc[0] else "")
    return tables.table(
        f"{label} <small>· {tables.text(metric)}, {PROTOCOL}</small>",
        ["Corpus", *(tables.name(results.label(g)) for g in generators)],
        bodies,
    )


def _draw(results: Results, rows: pd.DataFrame, metric: str) -> Figure:
    detectors = list(dict.fromkeys(rows["detector"]))
    with style.look():
        if rows.empty:
            return style.message("Control corpora exist for the embedded corpus only.")
        figure, axes = style.panels([0.42 * len(rows["generator"].unique()) + 0.6] * len(detectors))
        for ax, detector in zip(axes, detectors, strict=True):
            _panel(ax, results, rows[rows["detector"] == detector], f"{detector}, {metric}")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _panel(ax: Axes, results: Results, rows: pd.DataFrame, title: str) -> None:
    generators = list(dict.fromkeys(rows["generator"]))
    for i, (variant, name) in enumerate(names(results).items()):
        own = rows[rows["variant"] == variant].set_index("generator").loc[generators]
        y = np.arange(len(generators)) + (i - 1) * 0.24
        own = own.where(own["resolvable"].astype(bool))
        ax.hlines(y, own["lo"].astype(float), own["hi"].astype(float), color=style.COLOURS[i], lw=1.3)
        ax.plot(own["value"].astype(float), y, "osD^v"[i], color=style.COLOURS[i], ms=4.6, label=name)
    ax.set_title(title)
    ax.set_yticks(range(len(generators)), [results.label(g) for g in generators])
    ax.invert_yaxis()
    style.share_axis(ax, rows["metric"].iloc[0], rows["lo"].min())
