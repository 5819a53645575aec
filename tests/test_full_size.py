"""What training takes at full size: read from the records of on_gpu.py, projected from steps and clips."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
import yaml

from thb.book import rows
from thb.cli import context
from thb.core.errors import DataError
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import write_json
from thb.report.load import open_results
from thb.status import full_size

ROW = {
    "detector": "tall",
    "fit": "all",
    "parameters": 86_920_506,
    "batch": 32,
    "step": 640.0,
    "alone": 700.0,
    "plain": 300.0,
    "free": 720.0,
    "published": 120.0,
    "share": 0.0834,
    "memory": 9.6,
    "idle": 0.05,
    "waits": 0.0,
    "scored": 150.0,
    "flops": 1e11,
}
RECORD = {
    "machine": "NVIDIA H200",
    "small": False,
    "torch": "2.11.0",
    "python": "3.12.3",
    "precision": "bfloat16",
    "matrix_rate": 8e14,
    "passed": True,
    "failed": [],
    "seconds": 300,
    "rows": [ROW],
}


def put(root, name: str = "h200", **changes) -> None:
    folder = root / full_size.RATES
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**RECORD, **changes}))


def test_a_row_of_each_machine_and_network_is_read_and_small_runs_are_left_out(tmp_path):
    assert full_size.measured(tmp_path).empty
    put(tmp_path)
    put(tmp_path, "other", machine="NVIDIA A4500", rows=[ROW, {**ROW, "detector": "caddm"}])
    put(tmp_path, "small", machine="x86_64 CPU", small=True)
    found = full_size.measured(tmp_path)
    assert list(zip(found["machine"], found["detector"], strict=True)) == [
        ("NVIDIA H200", "tall"),
        ("NVIDIA A4500", "tall"),
        ("NVIDIA A4500", "caddm"),
    ]


@pytest.mark.parametrize("changes", [{"rows": [{"detector": "tall"}]}, {"rows": None}, {"rows": [3]}])
def test_a_file_that_is_no_record_is_named(tmp_path, changes):
    put(tmp_path, **changes)
    with pytest.raises(DataError, match="benchmarks/results/h200.json is no record of benchmarks/on_gpu.py"):
        full_size.measured(tmp_path)


def test_a_load_is_every_unit_of_every_epoch_and_every_check():
    settings = {"epochs": 60, "repeats": 2, "train_units": 8}
    load = full_size.load_of(settings, 4000, 300)
    assert (load.units, load.scored) == (60 * 2 * 8 * 4000, 60 * 300)
    assert load.hours(640.0, 150.0) == pytest.approx((3_840_000 / 640 + 18_000 / 150) / 3600)


@pytest.fixture
def clone(tmp_path, repo):
    (tmp_path / "params.yaml").write_bytes((repo / "params.yaml").read_bytes())
    return Paths(tmp_path)


def line(said: str, fit: str) -> list[str]:
    (found,) = (words.split() for words in said.splitlines() if words.startswith(f"{fit} "))
    return found


def test_hours_are_projected_and_those_that_fits_took_stand_beside_them(clone, capsys):
    params = load(clone.params)
    put(clone.root, rows=[ROW, {**ROW, "fit": "ffpp", "step": 320.0}])
    write_json({"profile": "paper", "stopped_by": "patience"}, clone.run("tall", "all") / "run.json")
    write_json({"profile": "mini", "stopped_by": "epochs"}, clone.run("tall", "ffpp") / "run.json")
    for fit in ("all", "ffpp"):
        write_json({"seconds": 5400}, clone.run("tall", fit) / "took.json")
    full_size.run(clone, params, 4000, 400)
    said = capsys.readouterr().out
    units = 60 * 8 * 4000
    slow, fast = ((units / step + 60 * 400 / 150) / 3600 for step in (320, 640))
    assert line(said, "tall/all") == ["tall/all", "4,000", f"{units:,}", f"{fast:.1f}", "1.5", "patience"]
    assert line(said, "tall/ffpp") == ["tall/ffpp", "4,000", f"{units:,}", f"{slow:.1f}", "–"]
    assert line(said, "caddm/all")[3:] == ["–", "–"]
    assert line(said, "all") == ["all", f"{slow + 7 * fast:.1f}", "1.5"]
    assert "container/all" not in said


def test_clips_are_those_of_the_split_if_it_is_of_that_profile(clone, capsys):
    settings = yaml.safe_load(clone.params.read_text())
    clone.split("all").parent.mkdir(parents=True)
    clone.split("all").write_text(
        "clip,source,role,label,split,portrait,driver,video,use\n" + "a,hallo,generator,1,train,,,,train\n" * 7
    )
    for profile, clips in (("mini", "4,000"), ("paper", "7")):
        clone.params.write_text(yaml.safe_dump({**settings, "profile": profile}, sort_keys=False))
        full_size.run(clone, load(clone.params), 4000, 400)
        said = capsys.readouterr().out
        assert line(said, "tall/all")[1] == clips
        assert line(said, "tall/ffpp")[1] == "4,000"
    assert "no rate was measured" in said


def test_the_page_shows_what_was_measured_or_says_that_nothing_was(made):
    columns = {"machine": "Machine", "detector": "Network", "step": "Whole step", "share": "Share"}
    assert "no such rows here" in rows.render(open_results(), "full_size", columns)
    put(made.root)
    plain = re.sub(r"<[^>]+>", " ", unescape(rows.render(open_results(), "full_size", columns)))
    assert plain.split() == ["Machine", "Network", "Whole", "step", "Share", "NVIDIA", "H200", "TALL", "640", "8%"]


@pytest.mark.parametrize(
    ("size", "small", "precision"), [(256, False, "bfloat16"), (512, False, None), (128, True, "float32")]
)
def test_the_benchmarks_release_has_lawful_settings(repo, tmp_path, monkeypatch, size, small, precision):
    monkeypatch.syspath_prepend(str(repo / "benchmarks"))
    import on_gpu

    settings = yaml.safe_load((repo / "params.yaml").read_text())
    settings["profiles"]["made"] = on_gpu.profile(settings, size, small, precision)
    settings["profile"] = "made"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    params = load(tmp_path / "params.yaml")
    for name in params.detectors:
        context.check_detector(params, name)
    tall = params.detector("tall")
    assert (tall["epochs"], tall["init_weights"], tall["precision"]) == (2, "none", precision or "float32")
    assert (tall["dim"] == params.detectors["tall"].defaults["dim"]) != small
