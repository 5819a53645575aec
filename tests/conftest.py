"""What every test may use: the repository, its params, and an empty project to work in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import results_made
import vouching

from thb import detectors
from thb.core.params import Params, load
from thb.core.paths import Paths
from thb.report.load import Results, open_results

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def params() -> Params:
    return load(ROOT / "params.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """An empty clone: params.yaml and the printed tables, nothing made yet."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "paper", tmp_path / "paper")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THB_ROOT", raising=False)
    return Paths(tmp_path)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up results of every stage, written once; `made` hands out copies that a test may change."""
    paths = results_made.clone(ROOT, tmp_path_factory.mktemp("filled"))
    results_made.fill(paths)
    return paths.root


@pytest.fixture
def made(filled: Path, project: Paths) -> Paths:
    """A clone as it looks after a run."""
    shutil.copytree(filled, project.root, dirs_exist_ok=True)
    return project


@pytest.fixture
def results(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """What a run left; nobody changes it."""
    monkeypatch.setenv("THB_ROOT", str(filled))
    return open_results(filled)


@pytest.fixture
def few_draws(made: Paths) -> Paths:
    """The same with few resamples, for tests that draw much."""
    made.params.write_text(made.params.read_text().replace("bootstrap: 1000", "bootstrap: 100"))
    vouching.vouch(made)
    return made


@pytest.fixture
def published(params: Params, request: pytest.FixtureRequest) -> Any:
    """The settings at the published size of the detector that the test's module names as DETECTOR."""
    name = request.module.DETECTOR
    return detectors.configure(name, params.detectors[name].defaults)


@pytest.fixture
def small(params: Params, request: pytest.FixtureRequest) -> Any:
    """Its settings in profile smoke."""
    name = request.module.DETECTOR
    return detectors.configure(name, params.model_copy(update={"profile": "smoke"}).detector(name))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A clone with made-up results, exhibits and the built book; made once, not once a process. Only read it."""
    import book_made  # only the tests of the book pay for its imports

    folder = tmp_path_factory.getbasetemp()
    return book_made.built(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
