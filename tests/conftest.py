"""What every test may use: the repository, its params, and an empty project to work in."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import results_made

from thb import detectors
from thb.core import code
from thb.core.params import Params, load
from thb.core.paths import Paths
from thb.report.load import Results, open_results

ROOT = Path(__file__).resolve().parent.parent
gc.set_threshold(50_000, 20, 20)  # libraries leave some 300,000 objects behind, gone through for nothing each time
LONGEST = [
    "test_hostile_values.py",
    "test_left_out.py",
    "test_book.py",
    "test_one_verdict.py",
    "test_exhibit.py",
    "test_train.py",
]
# They take long, by code that other files visit: their lines are not counted, which takes half as long again. The share
# that `make check` holds against its floor is never more than what is visited.
UNCOUNTED = [
    "test_absent_exhibits.py",
    "test_browser.py",
    "test_hostile_values.py",
    "test_left_out.py",
    "test_one_verdict.py",
]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests run in one process, so that what they share is made once; if not told otherwise by --dist."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # `pytest_collection_modifyitems` puts the longest first
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, or at the end one process would work alone."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Where lines are counted (--cov), not those that a test of UNCOUNTED visits, its fixtures included."""
    counting = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if not counting or item.path.name not in UNCOUNTED:
        return (yield)
    counting.pause()
    try:
        return (yield)
    finally:
        counting.resume()


@pytest.fixture(scope="session", autouse=True)
def _shared_results(tmp_path_factory: pytest.TempPathFactory) -> None:
    results_made.home = shared(tmp_path_factory) / "made"
    results_made.home.mkdir(exist_ok=True)


def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a run have in common."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def repo() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def params() -> Params:
    return load(ROOT / "params.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """An empty clone: params.yaml and the printed tables, nothing made yet."""
    for name in ("params.yaml", "reencode.yaml"):
        shutil.copy(ROOT / name, tmp_path)
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
def count_as_changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Call it with a file of thb: all that rests on its code is of other code from then on, until the test ends."""
    meaning = code._meaning

    def change(changed: Path) -> None:
        monkeypatch.setattr(code, "_meaning", lambda path: "other" if path == changed else meaning(path))
        code.digest.cache_clear()

    yield change
    code.digest.cache_clear()  # or the next test would be told of this one's code


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

    return book_made.built(shared(tmp_path_factory))
