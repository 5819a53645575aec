"""thb probe: a folder of a generator's clips, held against reals that are read in the same way."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from clips_made import tone, write_video
from sklearn.metrics import roc_auc_score
from stores import smoke
from typer.testing import CliRunner
from weights_made import build

from thb.cams import grad_cam, regions
from thb.cells import heat
from thb.cli.main import app
from thb.core import origin
from thb.core.errors import DataError, ParamsError
from thb.core.tables import OK, REGIONS
from thb.detect import probe, probe_numbers, probe_page
from thb.rendered.heads.motion import draw_motion
from thb.rendered.heads.portraits import draw_portrait
from thb.rendered.heads.renderer import render


@pytest.fixture(scope="module")
def heads() -> list[np.ndarray]:
    """uint8 [256, 256, 3] each: drawn heads that the Haar finder finds."""
    motion = draw_motion(np.random.default_rng(1), 1, 4.0, np.zeros(1), np.zeros(1))
    return [
        (render(draw_portrait(np.random.default_rng(seed)), motion, 256).rgb[0] * 255).astype(np.uint8)
        for seed in (7, 8, 9)
    ]


@pytest.fixture
def small(params):
    """Profile smoke."""
    return smoke(params, side=128)


def videos(folder, heads, names):
    for i, name in enumerate(names):
        picture = np.roll(heads[i % len(heads)], i, axis=1)
        write_video(folder / name, 12, size=(256, 256), picture=picture, sound=tone(0.5))
    return folder


def row(file, source, role):
    return {
        **dict.fromkeys(probe.COLUMNS, ""),
        **{"clip": f"{source}/{file.stem}", "source": source, "role": role, "label": int(role != "real")},
        **{"split": "test", "path": "", "file": file},
    }


@pytest.fixture
def benchmark(project, small, heads, monkeypatch):
    """Two networks that learnt nothing; six test reals and two known generators, read each time from videos."""
    for name in ("tall", "lipfd"):
        build(project, small, name)
    folder, rows = project.root / "benchmark", []
    for source, role, n in (("ffpp", "real", 6), ("hallo", "generator", 3), ("magi1", "unseen", 2)):
        names = [f"{source}{i}.mp4" for i in range(n)]
        rows += [row(videos(folder, heads, [name]) / name, source, role) for name in names]
    monkeypatch.setattr(probe, "_benchmark", lambda *_: pd.DataFrame(rows))
    return project


@pytest.fixture
def dreams(benchmark, heads):
    return videos(benchmark.root / "dreams", heads, [f"d{i}.mp4" for i in range(4)])


def ask(folder, name="dreamer", reals=None, out=None, reencode=False):
    return probe.Asked(folder, name, reals, "", out, reencode)


def report(page):
    return json.loads((page.parent / probe_page.REPORT).read_text())


def number(said, detector, metric="AUC", pairs="all"):
    wanted = {"detector": detector, "metric": metric, "pairs": pairs}
    (one,) = [one for one in said["numbers"] if wanted.items() <= one.items()]
    return one


# ---- the whole of it --------------------------------------------------------------------------------


def test_a_folder_is_held_against_reals_that_are_read_alike(benchmark, small, dreams, heads):
    write_video(dreams / "faceless.mp4", 12, size=(256, 256), sound=tone(0.5))
    page = probe.run(benchmark, small, ask(dreams))
    said, clips = report(page), pd.read_csv(page.parent / "clips.csv")
    assert page == benchmark.root / "probes" / "dreamer" / "index.html"
    assert (said["clips"], said["scored"], said["no_face"], said["reals"], said["few"]) == (5, 4, 1, 6, True)
    (kept,) = (benchmark.data / "probes").glob("benchmark-*.csv")
    reals = pd.read_csv(kept).query("role == 'real'")
    for name in ("tall", "lipfd"):
        fakes = clips.loc[clips["status"] == OK, name]
        truth = roc_auc_score([0] * 6 + [1] * 4, [*reals[name], *fakes])
        assert number(said, name)["value"] == pytest.approx(truth)
        assert number(said, name, pairs="alike")["value"] == pytest.approx(truth)  # all are in one kind of file
    html = page.read_text()
    named = re.findall(r'(?:<code>|src=")([\w-]+\.(?:csv|json|svg|png))', html)
    assert {"figure.csv", "clips.csv", "report.json", "figure.svg"} <= set(named)
    assert all((page.parent / name).is_file() for name in named)
    assert "no face found (finder haar)" in html
    assert "4 clips are few" in html
    assert {file.name for file in page.parent.glob("*.png")} == {
        "figure.png",
        *(f"{which}-{name}.png" for which in ("easiest", "hardest") for name in ("tall", "lipfd")),
    }


def test_what_is_kept_of_the_benchmark_is_read_once_until_weights_change(benchmark, small, dreams, monkeypatch):
    read = []
    whole = probe.Readers.read
    monkeypatch.setattr(probe.Readers, "read", lambda own, rows, title: read.append(title) or whole(own, rows, title))
    for _ in range(2):
        probe.run(benchmark, small, ask(dreams))
    assert read == ["probe", "benchmark", "probe"]
    for file in (benchmark.run("tall", "all"), benchmark.run("lipfd", "all")):
        for part in file.iterdir():
            part.unlink()
        file.rmdir()
    build(benchmark, small, "lipfd")
    probe.run(benchmark, small, ask(dreams))
    assert read[3:] == ["probe", "benchmark"]
    assert len(list((benchmark.data / "probes").glob("*.csv"))) == 1


def test_known_generators_are_read_the_same_way_and_ranked(benchmark, small, dreams):
    said = report(probe.run(benchmark, small, ask(dreams)))
    (kept,) = (benchmark.data / "probes").glob("benchmark-*.csv")
    rows = pd.read_csv(kept)
    own = [number(said, name)["value"] for name in ("tall", "lipfd")]
    known = {}
    for source in ("hallo", "magi1"):
        both = rows[rows["source"].isin(["ffpp", source])]
        known[source] = [roc_auc_score(both["label"], both[name]) for name in ("tall", "lipfd")]
    apart = {source: np.mean(np.abs(np.subtract(of, own))) for source, of in known.items()}
    closest = min(apart, key=apart.__getitem__)
    assert said["nearest"] == small.sources[closest].printed
    assert said["nearest_is_apart"] == pytest.approx(apart[closest])
    assert said["harder_than"] == sum(np.mean(of) > np.mean(own) for of in known.values())


def looked_at(said, detector):
    return {one["region"]: one for one in said["attention"] if one["detector"] == detector}


def test_heat_is_shared_out_among_estimated_regions(benchmark, small, dreams, monkeypatch):
    page = probe.run(benchmark, small, ask(dreams))
    for name in ("tall", "lipfd"):
        told = looked_at(report(page), name)
        assert list(told) == list(REGIONS)
        assert sum(one["mass"] for one in told.values()) == pytest.approx(1, abs=0.02)
        assert 0 < told["mouth"]["area"] < told["face"]["area"] < 1
        assert all(one["mass_lo"] <= one["mass"] <= one["mass_hi"] for one in told.values())
        assert {(one["clips"], one["cold"]) for one in told.values()} == {(4, 0)}
    assert "Share of the heat on each region" in page.read_text()
    monkeypatch.setattr(regions, "estimated", lambda row: np.full((64, 64), REGIONS.index("hair"), np.uint8))
    told = looked_at(report(probe.run(benchmark, small, ask(dreams))), "tall")
    assert (told["hair"]["mass"], told["hair"]["area"]) == pytest.approx((1, 1), abs=1e-6)
    assert told["face"]["mass"] == told["face"]["area"] == 0
    assert told["hair"]["verdict"] == heat.AS_LARGE


def test_clips_without_heat_are_counted_and_share_nothing(benchmark, small, dreams, monkeypatch):
    real = grad_cam.heat
    monkeypatch.setattr(grad_cam, "heat", lambda *of: replace(real(*of), maps=0 * real(*of).maps))
    page = probe.run(benchmark, small, ask(dreams))
    told = looked_at(report(page), "tall")
    assert {(one["mass"], one["clips"], one["cold"]) for one in told.values()} == {(None, 4, 4)}


def test_clips_are_scored_again_after_every_condition(benchmark, small, dreams):
    said = report(probe.run(benchmark, small, ask(dreams, reencode=True)))
    told = {(one["condition"], one["detector"]): one for one in said["after_reencoding"]}
    assert len(told) == 2 * len({condition for condition, _ in told}) >= 8
    assert {one["n"] for one in told.values()} == {4}
    assert all(0 <= one["before"] <= 1 and 0 <= one["after"] <= 1 for one in told.values())


def test_own_reals_take_the_place_of_the_benchmarks(benchmark, small, dreams, heads):
    own = videos(benchmark.root / "own", heads, ["r1.mp4", "r2.mp4", "r3.mp4"])
    said = report(probe.run(benchmark, small, ask(dreams, reals=own)))
    assert (said["reals"], said["own_reals"]) == (3, str(own))


def test_names_are_words_on_the_page(benchmark, small, heads):
    folder = videos(benchmark.root / "odd", heads, ["<b>bold.mp4", "a.mp4"])
    write_video(folder / "<i>none.mp4", 12, size=(256, 256))
    html = probe.run(benchmark, small, ask(folder)).read_text()
    assert "<b>bold" not in html
    assert "<i>none" not in html
    assert "&lt;i&gt;none.mp4" in html


# ---- what is refused --------------------------------------------------------------------------------


def test_a_folder_that_holds_something_else_is_left_alone(benchmark, small, dreams):
    place = benchmark.root / "thesis"
    place.mkdir()
    (place / "chapter1.txt").write_text("years of work")
    with pytest.raises(ParamsError, match=r"--out .*thesis is there and holds no report of `thb probe`"):
        probe.run(benchmark, small, ask(dreams, out=place))
    assert (place / "chapter1.txt").read_text() == "years of work"
    (place / "chapter1.txt").unlink()
    assert probe.run(benchmark, small, ask(dreams, out=place)).is_file()
    assert probe.run(benchmark, small, ask(dreams, out=place)).is_file()  # over its own report


@pytest.mark.parametrize("name", ["hallo", "tall", "a/b", ""])
def test_a_name_that_is_taken_or_none_is_refused(benchmark, small, dreams, name):
    with pytest.raises(ParamsError, match=r"taken by params.yaml|is no name"):
        probe.run(benchmark, small, ask(dreams, name=name))


def test_clips_of_the_benchmark_are_refused_by_their_bytes(benchmark, small, dreams, heads):
    manifest = benchmark.raw / "manifest.csv"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    known = dreams / "d2.mp4"
    rows = [{"path": "fake/Hallo/train/x.mp4", "bytes": known.stat().st_size, "sha256": origin.sha256(known)}]
    pd.DataFrame(rows).to_csv(manifest, index=False)
    with pytest.raises(
        DataError, match=r"1 files of .*dreams are clips of this benchmark.*d2.mp4 is fake/Hallo/train/x"
    ):
        probe.run(benchmark, small, ask(dreams))
    others = videos(benchmark.root / "others", heads, ["o1.mp4"])
    with pytest.raises(DataError, match=r"files of .*dreams are clips of this benchmark"):
        probe.run(benchmark, small, ask(others, reals=dreams))


def test_too_few_clips_and_none_are_one_line(benchmark, small, heads):
    one = videos(benchmark.root / "one", heads, ["only.mp4"])
    write_video(one / "blank.mp4", 12, size=(256, 256))
    with pytest.raises(DataError, match=r"1 of 2 clips can be scored, and 2 are the fewest; first: no face found"):
        probe.run(benchmark, small, ask(one))
    empty = benchmark.root / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no video below it"):
        probe.run(benchmark, small, ask(empty))
    with pytest.raises(ParamsError, match="is no folder"):
        probe.run(benchmark, small, ask(benchmark.root / "gone"))
    assert not (benchmark.root / "probes").exists()


def test_without_weights_it_says_how_to_get_them(project, small, dreams_alone):
    with pytest.raises(DataError, match=r"no network has weights of fit 'all'"):
        probe.run(project, small, ask(dreams_alone))


@pytest.fixture
def dreams_alone(project, heads):
    return videos(project.root / "dreams", heads, ["d.mp4"])


def test_the_command_prints_the_page(benchmark, dreams, monkeypatch):
    asked = []
    monkeypatch.setattr(probe, "run", lambda paths, params, what: asked.append(what) or paths.root / "x.html")
    done = CliRunner().invoke(app, ["probe", str(dreams), "--name", "d", "--no-reencode"])
    assert done.output.splitlines()[-1].endswith("x.html")
    assert asked == [probe.Asked(dreams, "d", None, "", None, False)]


# ---- numbers ----------------------------------------------------------------------------------------


def test_what_an_interval_says():
    assert probe_numbers.verdict(0.51, 0.9) == probe_numbers.FOUND
    assert probe_numbers.verdict(0.4, 0.6) == probe_numbers.OPEN
    assert probe_numbers.verdict(0.2, 0.49) == probe_numbers.MISSED


def test_a_rate_is_firm_if_all_that_have_a_number_are(params):
    def said(first, second, fakes):
        return {
            (name, metric, "all"): {"resolvable": word, "n_fake": n}
            for name, word, n in (("tall", first, 12), ("lipfd", second, fakes))
            for metric in params.metrics.fpr
        }

    for told, firm in ((("firm", "no", 0), True), (("firm", "coarse", 12), False), (("firm", "firm", 12), True)):
        assert {one["firm"] for one in probe_page.rates(params, said(*told)).values()} == {firm}
    assert probe_page.rates(params, said("no", "no", 0))["T1"] == {"rate": 0.01, "firm": False, "reals_needed": 300}


def test_how_many_clips_narrow_an_interval():
    assert probe_numbers.needed(24, 0.65, 0.91) == 163  # 24 times (0.13 / 0.05) squared
    assert probe_numbers.needed(400, 0.94, 0.96) == 400  # it is narrow enough


def test_a_network_that_cannot_score_leaves_the_neighbour_to_the_others():
    known = pd.DataFrame({"tall": [0.9, 0.6], "lipfd": [np.nan, 0.9]}, index=["magi1", "hallo"])
    assert probe_numbers.nearest(known, {"tall": 0.88, "lipfd": 0.9}) == ("magi1", pytest.approx(0.02))
    assert probe_numbers.nearest(known, {"tall": 0.6}) == ("hallo", pytest.approx(0.0))


def test_the_easiest_clip_lies_above_most_reals():
    reals = pd.DataFrame({"status": [OK] * 4, "tall": [0.1, 0.2, 0.3, 0.4], "lipfd": [0.5, 0.6, 0.7, 0.8]})
    fakes = pd.DataFrame(
        {"clip": ["a", "b", "c"], "status": [OK] * 3, "tall": [0.15, 0.5, 0.35], "lipfd": [np.nan, 0.55, 0.9]}
    )
    found = probe_numbers.Probed("x", fakes, reals, fakes, {"tall": True, "lipfd": True}, "", "haar")
    assert found.easiest_first() == ["c", "b", "a"]  # .75 and 1, 1 and .25, .25 alone
