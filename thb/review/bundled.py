"""Whether a bundle holds together: its files are those that it lists, its cells those of its score files."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from thb.cells import evaluate
from thb.core.errors import DataError, ThbError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import read_json
from thb.review import bundle, verify
from thb.review.verify import DIFFERS, SAME, Check


def existing(file: Path) -> Path:
    """The file; DataError if there is none."""
    if not file.is_file():
        raise DataError(f"there is no bundle {file}; `thb bundle` writes one")
    return file


def checks(paths: Paths, params: Params, unpacked: Paths) -> list[Check]:
    """What an unpacked bundle says of itself, and its cells computed anew from its score files by the code here."""
    about = read_json(unpacked.root / bundle.ABOUT)
    listed = sum(1 for file in unpacked.root.rglob("*") if file.is_file())
    told = f"{listed} files of commit {about.get('commit')}, each as {bundle.SUMS} has it"
    return [Check("bundle", SAME, told), _recomputed(paths, params, unpacked)]


def _recomputed(paths: Paths, params: Params, unpacked: Paths) -> Check:
    with tempfile.TemporaryDirectory(prefix="thb-") as scratch:
        own = Paths(Path(scratch))
        shutil.copytree(unpacked.results, own.results)
        (own.root / "paper").symlink_to(paths.root / "paper")
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                evaluate.run(own, params)
        except ThbError as fault:
            return Check("its cells", DIFFERS, f"cannot be computed from its score files here: {fault}")
        return replace(verify.cells(own, params, unpacked, exact=True), name="its cells")
