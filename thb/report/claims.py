"""The paper's claims with their verdicts."""

from __future__ import annotations

import pandas as pd

from thb.cells.claims import ledger
from thb.core.errors import ParamsError, unknown
from thb.core.tables import CAM_COLUMNS, read_csv
from thb.report import vouched
from thb.report.load import Results, open_results


def judged(results: Results) -> pd.DataFrame:
    """All of them, as `thb.cells.claims.ledger` has them, on the cells of a clone and on the heat maps that lie there.

    Raises DataError for what other code, settings or scores made.
    """
    paths, params = results.paths, results.params
    here = [name for name in params.explained if (paths.cams(name) / "clips.csv").is_file()]
    maps = {name: read_csv(vouched.maps(paths, params, name, "clips.csv"), CAM_COLUMNS) for name in here}
    return ledger.ledger(params, paths, results.cells, results.verdicts, maps)


def claims(section: str = "", verdict: str = "") -> pd.DataFrame:
    """Those asked for: `section` is one of the paper's, `verdict` one on the paper's own tables.

    Raises ParamsError for others.
    """
    for kind, value, known in (("section", section, ledger.SECTIONS), ("verdict", verdict, ledger.JUDGED)):
        if value and value not in known:
            raise ParamsError(unknown(kind, value, known))
    rows = judged(open_results())
    chosen = rows["section"].isin([section] if section else ledger.SECTIONS)
    return rows.loc[chosen & ((rows["verdict"] == verdict) | (verdict == ""))].reset_index(drop=True)
