"""Notebooks run alone, by a kernel of their own, and leave the same bytes behind each time."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
import results_made
from nbformat.v4 import new_code_cell

from thb.book import exhibit, kernel
from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.words import corpus_line

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINES = 90  # of code that a reader may want to change
# of thb: none brings torch
MAY_IMPORT = ("thb.report", "thb.cells", "thb.cams", "thb.leaderboard", "thb.splits", "thb.core.errors")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Paths:
    paths = results_made.clone(ROOT, tmp_path_factory.mktemp("clone"))
    results_made.fill(paths)
    return paths


@pytest.fixture(scope="module")
def params(made):
    return load(made.params)


@pytest.fixture(scope="module")
def table7(made, params) -> dict[Path, bytes]:
    """Its files, as the stage writes them."""
    exhibit.run(made, params, "table7")
    return {file: file.read_bytes() for file in sorted(made.executed.glob("table7.*"))}


def papermill(folder: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "papermill", *words, "--no-progress-bar", "--log-level", "ERROR"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


# ---- the notebooks as they lie in the repository ------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_short_valid_and_begins_with_its_parameters(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "parameters" in code[0].metadata.get("tags", [])
    assert 'save = ""' in code[0].source
    assert len(code) > 3, "load, shape, draw and set the table in the open"
    assert sum(bool(line.strip()) for cell in code for line in cell.source.splitlines()) <= LINES + len(code)
    assert code[-1].source.startswith("report.save(save, rows, ")
    assert "remove-cell" in code[-1].metadata["tags"]
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_shows_its_work_and_writes_no_html(path):
    source = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    assert "from thb import report" in source
    assert not re.search(r"<t[dr]\b|\.build\(", source)
    of_thb = re.findall(r"^from (thb\.[\w.]+) import", source, re.M)
    assert all(name.startswith(MAY_IMPORT) for name in of_thb), of_thb


def test_every_notebook_serves_an_exhibit_and_every_exhibit_has_its_notebook(params):
    assert {entry["notebook"] for entry in params.exhibits.values()} == {path.stem for path in NOTEBOOKS}


# ---- the stage ----------------------------------------------------------------------------------------


def test_an_exhibit_is_written_whole_and_the_same_each_time(made, params, table7):
    assert {file.suffix for file in table7} == {".ipynb", ".csv", ".svg", ".pdf", ".png"}
    for file in table7:
        file.unlink()
    exhibit.run(made, params, "table7")
    assert {file: file.read_bytes() for file in table7} == table7


@pytest.mark.usefixtures("table7")
def test_an_executed_notebook_knows_its_title_alt_text_and_provenance(made, params):
    text = (made.executed / "table7.ipynb").read_text()
    notebook = nbformat.reads(text, as_version=4)
    assert notebook.cells[0].source.startswith("# Table 7. Identity and generator shift (P3)\n")
    alts = [cell.metadata["mystnb"]["image"]["alt"] for cell in notebook.cells if "mystnb" in cell.metadata]
    assert len(alts) == 1
    assert set(notebook.metadata["thb"]) == {"inputs", "versions"}
    assert str(made.root) not in text
    assert corpus_line(params) in html.unescape(notebook.cells[0].source)
    assert not any(word in text for word in ("start_time", "iopub", "duration"))


@pytest.mark.usefixtures("table7")
def test_the_notebook_to_download_holds_its_parameters_and_overwrites_nothing(made, tmp_path):
    before = {file: file.read_bytes() for file in made.executed.iterdir()}
    notebook = nbformat.read(made.executed / "table7.ipynb", as_version=4)
    (given,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    assert "protocol = 'P3'  # P1, P2" in given.source
    assert 'save = ""' in given.source
    assert not any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells)
    downloaded = shutil.copy(made.executed / "table7.ipynb", tmp_path)
    done = papermill(made.root, str(downloaded), str(tmp_path / "out.ipynb"))
    assert done.returncode == 0, done.stderr
    assert {file: file.read_bytes() for file in made.executed.iterdir()} == before
    assert "P3" in nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[3].outputs[0].data["text/plain"]


def test_values_take_the_place_of_values_and_nothing_else():
    source = 'detectors = [  # all\n    "ä",\n]  # of those\nmetric = "T1"  # AUC, T1\nother = 1'
    assert exhibit.with_values(source, {"detectors": ["x"], "metric": "AUC"}) == (
        "detectors = ['x']  # of those\nmetric = 'AUC'  # AUC, T1\nother = 1"
    )


def test_an_unknown_exhibit_parameter_or_notebook_is_one_line(made, params):
    with pytest.raises(ParamsError, match="unknown exhibit 'table99'; known: clips, table4"):
        exhibit.run(made, params, "table99")
    for entry, words in (
        (
            {"notebook": "protocol_table", "protocl": "P1"},
            "unknown key in exhibits.x 'protocl'; known: notebook, figure_metrics, metrics, protocol",
        ),
        ({"notebook": "protocol"}, "unknown notebook in exhibits.x 'protocol'; known: ablation_table"),
        ({"notebook": "../notebooks/findings"}, "unknown notebook in exhibits.x '../notebooks/findings'; known: "),
    ):
        with pytest.raises(ParamsError, match=words):
            exhibit.run(made, params.model_copy(update={"exhibits": {"x": entry}}), "x")


def test_a_failing_notebook_is_one_line_and_leaves_no_exhibit(made, params):
    wrong = params.model_copy(update={"exhibits": {"x": {"notebook": "protocol_table", "protocol": "P9"}}})
    with pytest.raises(DataError, match=r"^exhibit x: ParamsError: unknown protocol 'P9'; known: P1") as caught:
        exhibit.run(made, wrong, "x")
    assert "\n" not in str(caught.value)
    assert not list(made.executed.glob("x.*"))


def test_our_kernel_shows_what_jupyters_own_shows_which_loads_no_torch(made, tmp_path):
    notebook = nbformat.read(made.notebooks / "protocol_table.ipynb", as_version=4)
    notebook.cells.append(new_code_cell("import sys\nprint('torch' in sys.modules)"))
    probe = made.notebooks / "probe.ipynb"
    nbformat.write(notebook, probe)
    try:
        ours = exhibit.execute(made, probe, {"protocol": "P3"}, "probe")
        done = papermill(made.root, "notebooks/probe.ipynb", str(tmp_path / "out.ipynb"), "-p", "protocol", "P3")
    finally:
        probe.unlink()
    assert done.returncode == 0, done.stderr
    theirs = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert theirs.cells[-1].outputs[0].text == "False\n"
    assert [shown(cell) for cell in ours.cells[:-1]] == [shown(cell) for cell in theirs.cells[:-1]]
    assert sum("text/html" in bundle for cell in ours.cells for bundle in shown(cell)) > 1


def shown(cell: nbformat.NotebookNode) -> list[dict]:
    """What a cell showed, without the marks that tables get at random."""
    return [output.get("data", {}) for output in cell.get("outputs", [])]


# ---- papermill by hand --------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_papermill_runs_a_notebook_from_the_root_and_beside_it(made, tmp_path, folder):
    where = made.root / folder
    notebook = (made.notebooks / "protocol_table.ipynb").relative_to(where)
    done = papermill(
        where,
        str(notebook),
        str(tmp_path / "out.ipynb"),
        "-p",
        "protocol",
        "P3",
        "-y",
        "metrics: [EER]",
        "-p",
        "save",
        str(tmp_path / "p3"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p3.csv").read_text().count("EER") > 10


def test_papermill_names_the_known_protocols(made, tmp_path):
    done = papermill(made.root, "notebooks/protocol_table.ipynb", str(tmp_path / "out.ipynb"), "-p", "protocol", "P9")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ParamsError: unknown protocol 'P9'; known: P1, P2, P3, unseen_P1, unseen_P3, ffpp"


def test_a_cell_that_takes_too_long_is_one_line(made, tmp_path, monkeypatch):
    monkeypatch.setattr(exhibit, "TIMEOUT", 1)
    slow = tmp_path / "slow.ipynb"
    cells = [nbformat.v4.new_code_cell(code) for code in ("import time", "time.sleep(60)")]
    python = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=python), slow)
    with pytest.raises(DataError) as caught:
        exhibit.execute(made, slow, {}, "x")
    assert str(caught.value) == "exhibit x: one of its cells took longer than 1 s"


def test_a_mute_kernel_is_replaced_and_mute_ones_are_an_error(project, monkeypatch):
    calls = []

    def mute(times):
        def run_once(*_):
            calls.append(1)
            if len(calls) <= times:
                raise RuntimeError("Kernel didn't respond in 60 seconds")
            return "notebook"

        calls.clear()
        monkeypatch.setattr(exhibit, "_run_once", run_once)

    mute(1)
    assert exhibit.execute(project, project.notebooks / "x.ipynb", {}, "x") == "notebook"
    mute(9)
    with pytest.raises(DataError, match="exhibit x: 3 kernels in turn did not answer within 60 s each"):
        exhibit.execute(project, project.notebooks / "x.ipynb", {}, "x")
    assert len(calls) == 3


@pytest.mark.parametrize("folder", ["a b ü", "x" * 90])
def test_a_kernels_sockets_fit_wherever_temporary_files_are(tmp_path, monkeypatch, folder):
    """A socket's whole path may have 103 bytes, and a kernel whose has more never answers."""
    (tmp_path / folder).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / folder))
    place = Path(kernel.KernelManager()._ip_default())
    assert place.parent.is_dir()
    shutil.rmtree(place.parent)
    assert len(f"{place}-5".encode()) <= 103
    assert (place.parent.parent == tmp_path / folder) == (len(str(tmp_path / folder).encode()) <= kernel.ROOM)
