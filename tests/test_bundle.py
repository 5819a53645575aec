"""`thb bundle`, `thb metadata` and `thb verify --bundle`: what leaves a clone, and what a stranger's may not do."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import stat
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import results_made
from typer.testing import CliRunner

from thb.book import book
from thb.cells import evaluate
from thb.cells.columns import CELL_COLUMNS
from thb.cli.main import app
from thb.core import origin
from thb.core.errors import DataError
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import read_csv, write_csv
from thb.review import bundle, bundled, croissant
from thb.review.verify import DIFFERS, SAME

LOCK = {"cmd": "thb evaluate", "deps": [("results/scores", "a" * 32)], "outs": [("results/cells.csv", "b" * 32)]}


@pytest.fixture(scope="module")
def clone(repo, tmp_path_factory) -> Paths:
    """A clone whose cells were computed from its score files; nobody changes it."""
    paths = results_made.clone(repo, tmp_path_factory.mktemp("clone"))
    params = results_made.fill(paths)
    evaluate.run(paths, params)
    for name in ("README.md", "LICENSE", "dvc.yaml"):
        shutil.copy(repo / name, paths.root)
    lines = ["schema: '2.0'", "stages:", "  evaluate:", f"    cmd: {LOCK['cmd']}"]
    for key in ("deps", "outs"):
        lines += [f"    {key}:", *(f"    - {{path: {path}, md5: {md5}, size: 1}}" for path, md5 in LOCK[key])]
    paths.dvc_lock.write_text("\n".join(lines) + "\n")
    write_csv(pd.DataFrame({"path": ["a.mp4"]}), paths.manifest, ["path"])
    (paths.raw / "a.mp4").write_bytes(b"a clip")
    weights = paths.run("tall", "all") / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    return paths


@pytest.fixture(scope="module")
def written(clone, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("out") / "bundle.zip"
    done = run(clone, "bundle", "--out", str(file))
    assert done.exit_code == 0, done.output
    return file


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Path:
    """Where temporary files go, so that one left behind is seen."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def run(clone: Paths, *words: str):
    return CliRunner().invoke(app, list(words), env={"THB_ROOT": str(clone.root)})


def refused(clone: Paths, file: Path, scratch: Path) -> str:
    """What `thb verify --bundle` says of a file that it does not open, nothing being left of it."""
    beside = sorted(clone.root.rglob("*"))
    done = run(clone, "verify", "--bundle", str(file))
    assert isinstance(done.exception, DataError), done.output  # one line and exit code 2, as test_cli.py has it
    assert not list(scratch.iterdir())
    assert sorted(clone.root.rglob("*")) == beside
    said = str(done.exception)
    assert "\n" not in said
    return said


def rewritten(written: Path, to: Path, change) -> Path:
    """The bundle with its members changed, and a list of checksums that fits them."""
    with zipfile.ZipFile(written) as archive:
        members = {info.filename: (info, archive.read(info)) for info in archive.infolist()}
    change(members)
    sums = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, (_, data) in members.items() if name != bundle.SUMS
    )
    if bundle.SUMS in members:
        members[bundle.SUMS] = (zipfile.ZipInfo(bundle.SUMS), sums.encode())
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in members.values():
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return to


# ---- what is in it ------------------------------------------------------------------------------------


def test_the_same_results_give_the_same_bytes(clone, written, tmp_path):
    assert run(clone, "bundle", "--out", str(tmp_path / "again.zip")).exit_code == 0
    assert (tmp_path / "again.zip").read_bytes() == written.read_bytes()
    # not by the clock's grace: a member of its own time would be another byte only some seconds later
    assert {entry.date_time for entry in zipfile.ZipFile(written).infolist()} == {bundle.EPOCH}


def test_it_holds_what_numbers_are_checked_with_and_no_clip(clone, written):
    names = set(zipfile.ZipFile(written).namelist())
    assert {
        "params.yaml",
        "dvc.lock",
        "results/cells.csv",
        "results/scores/tall/all.csv",
        "data/raw/manifest.csv",
    } <= names
    assert {croissant.RESULTS, croissant.CORPUS, "ro-crate-metadata.json", "bundle.json"} <= names
    assert not [name for name in names if name.endswith((".mp4", ".npz", ".npy", ".safetensors", ".html"))]
    about = json.loads(zipfile.ZipFile(written).read("bundle.json"))
    assert (about["profile"], about["weights"], about["book"]) == ("mini", False, False)


def test_every_file_has_its_checksum(written):
    archive = zipfile.ZipFile(written)
    listed = dict(line.split("  ")[::-1] for line in archive.read(bundle.SUMS).decode().splitlines())
    assert archive.namelist()[0] == bundle.SUMS
    assert set(listed) == set(archive.namelist()) - {bundle.SUMS}
    assert all(hashlib.sha256(archive.read(name)).hexdigest() == digest for name, digest in listed.items())


def test_weights_are_in_it_if_asked_for(clone, tmp_path):
    file = tmp_path / "heavy.zip"
    run(clone, "bundle", "--weights", "--out", str(file))
    assert "runs/tall/all/weights.safetensors" in zipfile.ZipFile(file).namelist()


def test_the_book_is_in_it_where_it_is_built_of_rendered_clips(clone, monkeypatch):
    params = load(clone.params)
    html = clone.html / "index.html"
    monkeypatch.setattr(book, "check", lambda *_: None)
    html.parent.mkdir(parents=True)
    html.write_text("<p>")
    try:
        assert html in bundle.files(clone, params)
        real = params.active.model_copy(update={"corpus": "hub"})
        of_hub = params.model_copy(update={"profiles": {**params.profiles, params.profile: real}})
        assert not bundle.has_book(clone, of_hub)
    finally:
        shutil.rmtree(clone.html.parent)


def test_results_that_do_not_fit_together_are_not_bundled(made):
    made.scores("tall", "all").write_text(made.scores("caddm", "all").read_text())
    with pytest.raises(DataError, match="is not what results/cells.csv was computed from"):
        bundle.files(made, load(made.params))


# ---- checked elsewhere --------------------------------------------------------------------------------


def test_a_bundle_is_checked_on_another_machine(clone, written, scratch):
    done = run(clone, "verify", "--bundle", str(written))
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "PASS"), done.output
    assert re.search(r"^ *same +its cells +870 cells, every value the same$", done.output, re.M)
    assert not list(scratch.iterdir())


def test_cells_that_do_not_follow_from_the_scores_are_found(clone, written, tmp_path, scratch):
    def change(members):
        info, data = members["results/cells.csv"]
        table = pd.read_csv(io.BytesIO(data))
        table.loc[0, "value"] += 0.01
        members["results/cells.csv"] = (info, table.to_csv(index=False).encode())

    file = rewritten(written, tmp_path / "other.zip", change)
    done = run(clone, "verify", "--bundle", str(file))
    first = read_csv(clone.cells, CELL_COLUMNS).iloc[0]
    assert (done.exit_code, done.output.splitlines()[-1]) == (1, "FAIL")
    assert re.search(r"^ *differs +its cells +1 of 870", done.output, re.M)
    assert f"{first['protocol']} {first['detector']} {first['generator']} {first['metric']}:" in done.output


def test_scores_of_other_code_or_settings_are_no_proof(clone, tmp_path):
    own = Paths(tmp_path / "unpacked")
    shutil.copytree(clone.results, own.results)
    (own.root / bundle.ABOUT).write_text("{}")
    beside = own.scores("tall", "all").with_suffix(".json")
    about = json.loads(beside.read_text())
    about["made_by"]["code"] = "0" * 16
    beside.write_text(json.dumps(about))
    whole, cells = bundled.checks(clone, load(clone.params), own)
    assert (whole.verdict, cells.verdict) == (SAME, DIFFERS)
    assert "was made by other code of score" in cells.told


# ---- what is no bundle --------------------------------------------------------------------------------


def test_a_file_that_is_not_there_or_no_archive_is_refused(clone, tmp_path, scratch):
    assert refused(clone, tmp_path / "absent.zip", scratch).startswith("there is no bundle")
    (tmp_path / "words.zip").write_text("not an archive")
    assert refused(clone, tmp_path / "words.zip", scratch).startswith("words.zip is no bundle, or is cut or damaged")


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_a_cut_bundle_is_refused(clone, written, tmp_path, scratch, keep):
    cut = tmp_path / "cut.zip"
    cut.write_bytes(written.read_bytes()[: int(keep * written.stat().st_size)])
    assert refused(clone, cut, scratch).startswith("cut.zip is no bundle, or is cut or damaged")


def test_a_damaged_byte_is_found(clone, written, tmp_path, scratch):
    damaged = bytearray(written.read_bytes())
    with zipfile.ZipFile(written) as archive:
        entry = archive.getinfo("results/cells.csv")
    damaged[entry.header_offset + 200] ^= 1
    (tmp_path / "bad.zip").write_bytes(damaged)
    assert "bad.zip is no bundle, or is cut or damaged" in refused(clone, tmp_path / "bad.zip", scratch)


def test_a_wrong_checksum_names_the_file(clone, written, tmp_path, scratch):
    with zipfile.ZipFile(written) as archive, zipfile.ZipFile(tmp_path / "wrong.zip", "w") as other:
        for info in archive.infolist():
            data = archive.read(info)
            other.writestr(info, data.replace(b"0.9", b"0.8", 1) if info.filename == "results/cells.csv" else data)
    said = refused(clone, tmp_path / "wrong.zip", scratch)
    assert said == "bundle wrong.zip is damaged: results/cells.csv is not the file that SHA256SUMS names"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("../outside.csv", stat.S_IFREG, "would lie outside"),
        ("results/../../outside.csv", stat.S_IFREG, "would lie outside"),
        ("/outside.csv", stat.S_IFREG, "no bundle gives"),
        ("..\\outside.csv", stat.S_IFREG, "no bundle gives"),
        ("C:outside.csv", stat.S_IFREG, "no bundle gives"),
        ("line\nend.csv", stat.S_IFREG, "no bundle gives"),
        ("results/link.csv", stat.S_IFLNK, "is no plain file"),
        ("results/pipe", stat.S_IFIFO, "is no plain file"),
        ("results/cells.csv/inside", stat.S_IFREG, "is a file and a folder"),
        ("results/CELLS.csv", stat.S_IFREG, "two members of one name"),
    ],
)
def test_a_hostile_member_is_refused(clone, written, tmp_path, scratch, name, kind, said):
    def change(members):
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (kind | 0o644) << 16
        members[name] = (info, b"/etc/passwd")

    file = rewritten(written, tmp_path / "hostile.zip", change)
    assert said in refused(clone, file, scratch)
    assert not (tmp_path / "outside.csv").exists()


def test_a_bomb_is_refused_before_anything_is_unpacked(clone, written, tmp_path, scratch):
    def change(members):
        members.clear()
        members[bundle.SUMS] = members["zeros"] = (zipfile.ZipInfo("zeros"), b"\0" * 50_000_000)

    file = rewritten(written, tmp_path / "bomb.zip", change)
    assert "times its own size; at most 200 times are opened" in refused(clone, file, scratch)


def test_a_member_that_is_larger_than_it_says_is_refused(clone, written, tmp_path, scratch):
    raw = bytearray(rewritten(written, tmp_path / "lies.zip", lambda members: None).read_bytes())
    with zipfile.ZipFile(tmp_path / "lies.zip") as archive:
        size = archive.getinfo("results/comparisons.csv").file_size
    central = raw.rindex(b"results/comparisons.csv") - 46  # of its entry in the directory at the end
    assert int.from_bytes(raw[central + 24 : central + 28], "little") == size
    raw[central + 24 : central + 28] = (10).to_bytes(4, "little")
    (tmp_path / "lies.zip").write_bytes(raw)
    assert "lies.zip is" in refused(clone, tmp_path / "lies.zip", scratch)


@pytest.mark.parametrize("missing", [bundle.SUMS, "results/cells.csv"])
def test_a_list_that_does_not_fit_is_refused(clone, written, tmp_path, scratch, missing):
    with zipfile.ZipFile(written) as archive, zipfile.ZipFile(tmp_path / "less.zip", "w") as other:
        for info in archive.infolist():
            if info.filename != missing:
                other.writestr(info, archive.read(info))
    assert missing in refused(clone, tmp_path / "less.zip", scratch)


# ---- what machines read -------------------------------------------------------------------------------


def test_croissant_is_valid_and_its_records_are_the_tables(clone):
    mlcroissant = pytest.importorskip("mlcroissant")
    assert run(clone, "metadata").exit_code == 0
    for name in (croissant.RESULTS, croissant.CORPUS):
        found = mlcroissant.Dataset(jsonld=str(clone.root / name))
        assert not found.metadata.ctx.issues.errors
        assert not found.metadata.ctx.issues.warnings
        assert found.metadata.data_limitations
    cells = read_csv(clone.cells, CELL_COLUMNS)
    first = next(iter(mlcroissant.Dataset(jsonld=str(clone.root / croissant.RESULTS)).records("results-cells")))
    assert first["results-cells/value"] == cells.loc[0, "value"]
    assert first["results-cells/detector"].decode() == cells.loc[0, "detector"]


def test_croissant_says_what_the_files_are(clone):
    run(clone, "metadata")
    about = json.loads((clone.root / croissant.RESULTS).read_text())
    assert all(one["sha256"] == origin.sha256(clone.root / one["contentUrl"]) for one in about["distribution"])
    assert str(load(clone.params).active.seed) in about["description"]
    assert "{{ " not in json.dumps(about)


def test_the_crate_names_each_stage_with_what_it_read_and_wrote(clone):
    run(clone, "metadata")
    crate = json.loads((clone.root / "ro-crate-metadata.json").read_text())
    graph, (terms, own) = crate["@graph"], crate["@context"]
    assert (terms, list(own)) == ("https://w3id.org/ro/crate/1.1/context", ["sha256"])  # all others are in the first
    known = {one["@id"]: one for one in graph}
    assert len(known) == len(graph)
    stage = known["#stage-evaluate"]
    assert stage["description"] == LOCK["cmd"]
    assert stage["result"] == {"@id": "results/cells.csv"}  # a file of the crate; one is no list
    read = stage["object"]["@id"]  # a folder, which is none
    assert known[read]["identifier"] == f"md5:{LOCK['deps'][0][1]}"
    assert all((clone.root / one["@id"]).is_file() for one in graph if "File" in one["@type"])
    used = {ref["@id"] for one in graph for value in one.values() for ref in _refs(value)}
    assert not {one for one in used if one not in known and not one.startswith("https://")}


def _refs(value):
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict) and "@id" in one]
