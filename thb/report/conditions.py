"""What the numbers rest on: what training and test share, and the settings and size of every detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from thb.cells.comparisons import BELOW
from thb.cells.questions import MEAN
from thb.core import origin
from thb.core.errors import check_known
from thb.core.tables import read_json
from thb.reencoded.files import read_cells
from thb.report import vouched
from thb.report.load import open_results
from thb.splits.shared import COLUMNS, by_face, by_name
from thb.submitted.compared import trained_here


def leakage() -> dict[str, Any]:
    """leakage.json: what training and test share by name, as `split` found, and which list of reals it followed."""
    results = open_results()
    return vouched.leakage(results.paths, results.params)


def shared(protocols: Sequence[str] = ()) -> pd.DataFrame:
    """What training and test of these protocols (default: all) share, then the whole corpus: thb.splits.shared's rows.

    Raises ParamsError for a protocol that params.yaml does not have, DataError for one that was not looked at.
    """
    results, found = open_results(), leakage()
    for name in protocols:
        results.protocol(name)
    names = protocols or [name for name in results.params.protocols if name in found["protocols"]]
    seen = [row for of_net in look_alikes()[0].values() for row in by_face(of_net, names)]
    return pd.DataFrame([*by_name(found, names), *seen], columns=COLUMNS)


def reencoded() -> pd.DataFrame:
    """What re-encoding costs: a row a condition, protocol, detector, generator (their mean, too) and metric.

    The columns of `thb.reencoded.files`, `change` being the value less that of the same clips before, with the interval
    of the paired difference; what each condition `says` and `does`, and whether a detector is a `control`.
    """
    results = open_results()
    rows, conditions = read_cells(results.paths, trained_here(results.params))
    entrants = {entrant.key: entrant for entrant in results.entrants}
    return rows.assign(
        says=[conditions[name]["says"] for name in rows["condition"]],
        does=[conditions[name]["does"] for name in rows["condition"]],
        control=[entrants[name].control for name in rows["detector"]],
        detector=[entrants[name].label for name in rows["detector"]],
    )


def taken_by_condition(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a condition and protocol (index `says`, `protocol`) of rows of `reencoded` that are of one metric.

    Over the detectors that have a number, controls apart, the mean of `before`, `value` and `change`; how many `lose`
    more than chance, of how many (`of`); and `most`, the label of the row whose detector loses most.
    """
    told = rows[(rows["generator"] == MEAN) & ~rows["control"] & (rows["n_fake"] > 0) & (rows["resolvable"] != "")]
    groups = told.assign(lose=told["verdict"] == BELOW).groupby(["says", "protocol"], sort=False)
    return groups.agg(
        before=("before", "mean"),
        value=("value", "mean"),
        change=("change", "mean"),
        lose=("lose", "sum"),
        of=("lose", "size"),
        most=("change", "idxmin"),
    )


def look_alikes() -> tuple[dict[str, dict], list[str]]:
    """What each network under `identity_checks` found, by its name; and a line for each whose file cannot be shown."""
    results, found, lacking = open_results(), {}, []
    for net in results.params.identity_checks:
        path = results.paths.identity(net)
        read = read_json(path) if path.is_file() else {}
        if read.get("net") == net and read["made_by"] == asdict(origin.of_faces(results.paths, results.params, net)):
            found[net] = read
        else:
            why = "is of another corpus, other settings or other code" if read else "is not there"
            lacking.append(f"Faces are not compared by {net}: {path.name} {why}; run thb identity {net}.")
    return found, lacking


def settings(detectors: Sequence[str] = ()) -> pd.DataFrame:
    """A row a setting of these detectors (default: all): as published, as run here, and its comment in params.yaml.

    Raises ParamsError for a detector that is not known.
    """
    results = open_results()
    known = results.params.detectors
    check_known("detector", detectors, known)
    written = YAML(typ="rt").load(results.paths.params.read_text(encoding="utf-8"))["detectors"]
    rows = [
        {
            "detector": name,
            "setting": key,
            "published": _written(published),
            "here": _written(here[key]),
            "differs": published != here[key],
            "meaning": _comment(written[name]["defaults"], key),
        }
        for name in detectors or known
        for here in [results.params.detector(name)]
        for key, published in known[name].defaults.items()
    ]
    return pd.DataFrame(rows, columns=["detector", "setting", "published", "here", "differs", "meaning"])


def _written(value: Any) -> str:
    """A value as params.yaml would write it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _comment(mapping: CommentedMap, key: str) -> str:
    """What stands behind a key in params.yaml; '' if nothing does."""
    token = (mapping.ca.items.get(key) or [None] * 3)[2]
    return token.value.splitlines()[0].lstrip("# ").strip() if token else ""


def sizes(detectors: Sequence[str] = ()) -> pd.DataFrame:
    """How many parameters each network that was run has, and how many it trains: as published, and here."""
    results, rows = open_results(), []
    for name in detectors or results.params.detectors:
        published = results.params.detectors[name].parameters
        if published is None:
            continue
        about = vouched.fit(results.paths, results.params, name, "all")
        if "absent" not in about:
            rows.append((name, published.total, published.trainable, about["parameters"], about["trainable"]))
    return pd.DataFrame(rows, columns=["detector", "published", "published_trainable", "here", "trainable"])


def stops(detectors: Sequence[str] = ()) -> pd.DataFrame:
    """Of each network's fits that were trained here: how many epochs it ran, which was kept, and what stopped it."""
    results, rows = open_results(), []
    for name in detectors or results.params.detectors:
        for fit in results.params.fits:
            about = vouched.fit(results.paths, results.params, name, fit)
            if "stopped_by" in about:
                rows.append((name, fit, about["epochs"], about["best_epoch"], about["stopped_by"]))
    return pd.DataFrame(rows, columns=["detector", "fit", "epochs", "kept", "stopped_by"])
