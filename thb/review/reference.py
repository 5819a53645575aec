"""What a rerun is held against: results/ as they were committed, in a folder of yours, or in a bundle."""

from __future__ import annotations

import io
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thb.core.errors import DataError
from thb.core.params import Params, load
from thb.core.paths import Paths
from thb.review import bundle

COMMITTED = ("params.yaml", "results")


@contextmanager
def opened(paths: Paths, params: Params, against: str = "HEAD") -> Iterator[Paths]:
    """The reference's paths for as long as they are needed: of a folder with results/, a bundle, or a commit.

    Raises DataError if there is neither, or if its results are of another profile, corpus or seed.
    """
    if Path(against).is_dir():
        yield _checked(Paths(Path(against).resolve()), params, against)
        return
    with tempfile.TemporaryDirectory(prefix="thb-") as scratch:
        if Path(against).is_file():
            bundle.unpack(Path(against), Path(scratch))
            yield _checked(Paths(Path(scratch)), params, against)
            return
        _extract(paths.root, against, Path(scratch))
        yield _checked(Paths(Path(scratch)), params, f"commit {against}")


def _extract(root: Path, commit: str, to: Path) -> None:
    """Raises DataError if there is no such commit, or no git."""
    command = ["git", "-C", str(root), "archive", "--format=zip", commit, "--", *COMMITTED]
    try:
        git = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        raise DataError("git is not installed; name a folder with results/ to compare with: --against FOLDER") from None
    if git.returncode:
        said = git.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"git ended with code {git.returncode}"
        raise DataError(f"{commit!r} is neither a folder, a bundle nor a commit with results/ ({why}); give --against")
    with zipfile.ZipFile(io.BytesIO(git.stdout)) as archive:
        archive.extractall(to)


def _checked(reference: Paths, params: Params, name: str) -> Paths:
    if not reference.results.is_dir():
        raise DataError(f"{name} has no results/; a reference is a folder or a commit that has them")
    if reference.params.is_file():
        theirs = load(reference.params)
        for what, own, other in (
            ("profile", params.profile, theirs.profile),
            ("corpus", params.active.corpus, theirs.active.corpus),
            ("seed", params.active.seed, theirs.active.seed),
        ):
            if own != other:
                raise DataError(
                    f"{what} {own} here, {other} in {name}: nothing to compare; run `thb profile {theirs.profile}`"
                )
    return reference
