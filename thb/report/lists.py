"""What the paper lists and where it is: Tables 1 to 3, and the addresses of generators and detectors."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from thb.core.errors import check_known
from thb.core.tables import read_csv
from thb.report.load import open_results

LISTS = {  # Tables 1 to 3 of the paper: file and columns
    1: (
        "table1_datasets.csv",
        ["dataset", "talking_head", "n_generators", "modality", "curation", "year", "real_count", "fake_count"],
    ),
    2: ("table2_generators.csv", ["generator", "modality", "framework", "venue", "code_available", "used_in_thb"]),
    3: ("table3_detectors.csv", ["detector", "modality", "framework", "venue", "code_available", "benchmarked"]),
}
ADDRESS_COLUMNS = ["kind", "name", "repository", "licence", "commit", "source"]


def printed_list(table: int) -> pd.DataFrame:
    """The paper's Table 1 (benchmarks), 2 (generators) or 3 (detectors); raises ParamsError for another."""
    check_known("table", [table], LISTS)
    file, columns = LISTS[table]
    return read_csv(open_results().paths.published / file, columns).astype(str)


def addresses() -> pd.DataFrame:
    """ADDRESS_COLUMNS: where the code of generators and detectors is, named as in Tables 2 and 3; '' if not known.

    And `link`, the repository as HTML.
    """
    file = open_results().paths.published.parent / "addresses.csv"
    known = read_csv(file, ADDRESS_COLUMNS, as_text=True).fillna("")
    anchor = Markup('<a href="{}">{}</a>')
    links = [anchor.format(url, url.removeprefix("https://github.com/")) if url else "" for url in known["repository"]]
    return known.assign(link=pd.Series(links, dtype=object))  # or pandas makes plain words of HTML
