"""Splits: each fit sees what its protocol allows, promises are proved, the corpus is described as found."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import vouching
from clips_made import with_profile

from thb.core.errors import DataError, ProtocolError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import (
    CLIP_COLUMNS,
    CORPUS_COLUMNS,
    COVERAGE_COLUMNS,
    CURATION_COLUMNS,
    SPLIT_COLUMNS,
    read_csv,
    read_json,
    write_csv,
)
from thb.splits import assignment, leakage, split

COUNTS = {"train": 3, "val": 2, "test": 2}
NUMBERS = [
    "fps",
    "width",
    "height",
    "n_frames",
    "seconds",
    "bitrate",
    "face_share",
    "mel_frames",
    "row",
    "label",
]
SPLITS = ("train", "val", "test")


def table(params: Params, source: str) -> pd.DataFrame:
    """The prepared rows of one source; nothing that must be disjoint is shared between splits."""
    role = params.source(source).role
    counts = COUNTS if role != "unseen" else {"test": 2}
    rows = [_row(params, source, role, split, i) for split, n in counts.items() for i in range(n)]
    return pd.DataFrame(rows, columns=CLIP_COLUMNS)


def _row(params: Params, source: str, role: str, split: str, i: int) -> dict:
    number = 10 * SPLITS.index(split) + i
    who = {
        "generator": (f"000{number:02d}", f"drive{number:05d}_1"),
        "unseen": (f"001{number:02d}", ""),
        "swap": (f"{number ^ 1:03d}", f"{number:03d}"),
        "real": ("", ""),
    }[role]
    stem = {"real": f"{number:03d}" if source == "ffpp" else f"real_{number:05d}_1"}.get(role, "--".join(who))
    video = {"real": stem.removesuffix("_1")}.get(role, who[1].removesuffix("_1"))
    facts = dict.fromkeys(CLIP_COLUMNS, 0.5) | dict.fromkeys(NUMBERS, 1) | {"fps": 25.0, "seconds": 2.0}
    return facts | {
        "clip": f"{source}/{stem}",
        "source": source,
        "role": role,
        "label": params.source(source).label,
        "split": split,
        "path": f"{source}/{stem}.mp4",
        "portrait": who[0],
        "driver": who[1],
        "video": video,
        "codec": "h264",
        "pix_fmt": "yuv420p",
        "audio_codec": "aac",
        "finder": "truth",
        "status": "ok",
        "reason": "",
        "width": 128,
        "height": 128,
    }


def write_corpus(paths: Paths, params: Params, change: Callable[[pd.DataFrame], None] = lambda _: None) -> None:
    """Every source's clips.parquet, `change`d in one table of all of them."""
    clips = pd.concat([table(params, source) for source in params.sources], ignore_index=True)
    change(clips)
    for source, rows in clips.groupby("source", sort=False):
        write_table(paths, params, source, rows)


def write_table(paths: Paths, params: Params, source: str, rows: pd.DataFrame) -> None:
    """clips.parquet as `prepare` would leave it: usable clips have the places 0, 1, …"""
    usable = rows["status"] == "ok"
    paths.clips(source).mkdir(parents=True)
    rows.assign(row=np.where(usable, usable.cumsum() - 1, -1)).to_parquet(
        paths.clips(source) / "clips.parquet", index=False
    )
    vouching.for_store(paths, params, source)


def setting(
    column: str, value: object, source: str, of: str = "test", which: int = 0
) -> Callable[[pd.DataFrame], None]:
    """A change: one cell of the `which`-th clip of a source's split."""

    def change(clips: pd.DataFrame) -> None:
        at = clips.index[(clips["source"] == source) & (clips["split"] == of)][which]
        clips.loc[at, column] = value

    return change


def read_split(paths: Paths, fit: str) -> pd.DataFrame:
    return read_csv(paths.split(fit), SPLIT_COLUMNS)


def uses(paths: Paths, fit: str) -> dict[tuple[str, str], set[str]]:
    """(source, split) -> the uses that a fit has for its clips."""
    groups = read_split(paths, fit).groupby(["source", "split"])["use"]
    return {key: set(group) for key, group in groups}


# ---- who is used for what ---------------------------------------------------------------------------


def test_every_fit_is_written_with_every_clip(project, params):
    write_corpus(project, params)
    split.run(project, params)
    clips = sum(len(table(params, source)) for source in params.sources)
    assert sorted(f.stem for f in project.splits.glob("*.csv")) == sorted(params.fits)
    for fit in params.fits:
        rows = read_split(project, fit)
        assert len(rows) == clips
        assert rows["clip"].is_unique
        assert set(rows["use"]) <= set(assignment.USES)


def test_what_a_fit_sees_changes_with_its_own_clips_alone(project, params):
    """Its digest, by which DVC knows whether to train it again: a source that only tests a fit is not in it."""

    def seen() -> dict[str, dict]:
        split.run(project, params)
        return {fit: read_json(project.seen(fit)) for fit in params.fits}

    write_corpus(project, params)
    before = seen()
    shutil.rmtree(project.data / "clips")
    write_corpus(project, params, setting("bitrate", 7, "hallo"))
    after = seen()
    assert {fit for fit in params.fits if after[fit] != before[fit]} == {
        "all",
        *(f"no-{name}" for name in params.generators if name != "hallo"),
    }
    assert all(after[fit]["clips"] == before[fit]["clips"] for fit in params.fits)


def test_all_trains_on_every_generator(project, params):
    write_corpus(project, params)
    split.run(project, params)
    for (source, part), use in uses(project, "all").items():
        role = params.source(source).role
        assert use == {"unused" if role == "swap" else part}, (source, part)


def test_a_left_out_generator_only_tests_and_does_so_whole(project, params):
    write_corpus(project, params)
    split.run(project, params)
    for left_out in params.generators:
        for (source, part), use in uses(project, f"no-{left_out}").items():
            role = params.source(source).role
            expected = {"swap": "unused", "unseen": "test", "real": part}.get(
                role, part if part != "test" else "unused"
            )
            assert use == {"test" if source == left_out else expected}, (left_out, source, part)


def test_ffpp_trains_on_swaps_and_tests_on_everything_else(project, params):
    write_corpus(project, params)
    split.run(project, params)
    for (source, part), use in uses(project, "ffpp").items():
        role = params.source(source).role
        expected = {"swap": part, "real": part, "generator": "test" if part == "test" else "unused"}.get(role, "unused")
        assert use == {expected}, (source, part)


def test_no_tested_clip_is_ever_seen(project, params):
    """By the protocols' own words, on the files as written."""
    from thb.splits import protocols

    write_corpus(project, params)
    split.run(project, params)
    for trial in protocols.trials(params):
        protocol = params.protocols[trial.protocol]
        for fit in trial.fits:
            rows = read_split(project, fit)
            tested = protocols.fakes(rows, protocol, trial.generator) | protocols.reals(rows, protocol)
            assert tested.any()
            assert set(rows.loc[tested, "use"]) == {"test"}


def test_unusable_clips_are_in_no_split(project, params):
    write_corpus(project, params, setting("status", "error", "hallo", "train"))
    split.run(project, params)
    assert (read_split(project, "all")["source"] == "hallo").sum() == sum(COUNTS.values()) - 1


# ---- promises ---------------------------------------------------------------------------------------

LEAKS = {
    "identity": [("portrait", "00000", "hallo"), ("video", "drive00000", "celebvhq")],
    "driver": [("driver", "drive00000_1", "hallo2")],
}


@pytest.mark.parametrize(
    ("kind", "column", "value", "source"), [(kind, *leak) for kind, leaks in LEAKS.items() for leak in leaks]
)
def test_a_broken_promise_stops_a_rendered_corpus(project, params, kind, column, value, source):
    write_corpus(project, params, setting(column, value, source))
    with pytest.raises(ProtocolError, match=rf"promises disjoint {kind}, .* 1: {value}"):
        split.run(project, params)
    assert not project.splits.exists()
    assert value in str(read_json(project.leakage)["protocols"])


def test_the_published_corpus_is_reported_and_taken_as_it_is(project, params):
    hub = with_profile(params, corpus="hub")
    write_corpus(project, hub, setting("driver", "real_00020_1", "hallo", "train"))
    split.run(project, hub)
    found = read_json(project.leakage)
    assert found["corpus"] == "hub"
    assert found["whole"]["reals_that_drive"]["examples"] == ["real_00020_1: real in test, drives hallo in train"]
    assert (project.splits / "all.csv").is_file()


def test_overlaps_of_the_published_corpus_are_counted(project, params):
    hub = with_profile(params, corpus="hub")
    write_corpus(project, hub, setting("portrait", "00000", "hallo"))
    split.run(project, hub)
    found = read_json(project.leakage)["protocols"]
    assert found["P1"]["identity"] == {"promised": True, "count": 1, "examples": ["00000"]}
    assert found["P3"]["identity"]["count"] == 1
    assert found["P1"]["driver"]["count"] == 0
    assert found["P1"]["generator"] == {
        "promised": False,
        "count": 6,
        "examples": sorted(params.generators)[:5],
    }
    assert found["P2"]["generator"] == {"promised": True, "count": 0, "examples": []}


def test_p2_shares_identities_and_says_so(project, params):
    write_corpus(project, params)
    split.run(project, params)
    p2 = read_json(project.leakage)["protocols"]["P2"]
    assert not p2["identity"]["promised"]
    assert p2["identity"]["count"] >= COUNTS["train"]


def test_a_protocol_that_tests_on_training_clips_is_refused(project, params):
    write_corpus(project, params)
    greedy = params.protocols["P1"].model_copy(update={"split": ["train"]})
    with pytest.raises(ProtocolError, match=r"P1 would test fit 'all' on 'hallo/.*', whose use .* 'train'"):
        split.run(project, params.model_copy(update={"protocols": {**params.protocols, "P1": greedy}}))
    memorised = params.protocols["P2"].model_copy(update={"reals": ["train"]})
    with pytest.raises(ProtocolError, match=r"P2 would test fit 'no-hallo' on 'ffpp/.*"):
        split.run(project, params.model_copy(update={"protocols": {**params.protocols, "P2": memorised}}))


def test_a_clip_that_is_there_twice_is_refused(project, params):
    write_corpus(project, params, setting("clip", "hallo/00000--drive00000_1", "hallo2"))
    with pytest.raises(ProtocolError, match="'hallo/00000--drive00000_1' is in the corpus twice"):
        split.run(project, params)


@pytest.mark.parametrize("part", SPLITS)
def test_a_part_without_reals_is_refused(project, params, part):
    def lose_reals(clips: pd.DataFrame) -> None:
        clips.loc[(clips["role"] == "real") & (clips["split"] == part), "status"] = "missing"

    write_corpus(project, params, lose_reals)
    project.tested_record.parent.mkdir(parents=True, exist_ok=True)
    project.tested_record.write_text("{}")
    with pytest.raises(ProtocolError, match=rf"has no usable real clip of use '{part}'.*coverage\.csv"):
        split.run(project, params)
    assert set(read_csv(project.coverage, COVERAGE_COLUMNS)["status"]) == {"missing"}
    assert not project.tested_record.exists()  # of what is only half written, nothing is vouched for


def test_a_generator_without_test_clips_is_refused(project, params):
    def lose_hallo3(clips: pd.DataFrame) -> None:
        clips.loc[clips["source"] == "hallo3", "status"] = "error"

    write_corpus(project, params, lose_hallo3)
    with pytest.raises(ProtocolError, match="unseen_P1 has no hallo3 clip to test on"):
        split.run(project, params)


def test_a_source_that_is_not_prepared_is_named(project, params):
    with pytest.raises(DataError, match="'hallo' is not prepared"):
        split.run(project, params)


# ---- the corpus as it was found ---------------------------------------------------------------------


def test_the_corpus_is_counted_by_source_and_split(project, params):
    write_corpus(project, params, setting("status", "missing", "celebvhq"))
    split.run(project, params)
    rows = read_csv(project.corpus, CORPUS_COLUMNS)
    assert list(rows["source"].unique()) == list(params.sources)
    assert len(rows) == 3 * len(params.sources) - 4  # the unseen generators have no train or val
    hallo = rows[rows["source"] == "hallo"].set_index("split")
    assert hallo.loc["train"].drop(["source", "role"]).tolist() == [3, 3, 0, 0, 6.0, 25, "128x128"]
    celebvhq = rows[(rows["source"] == "celebvhq") & (rows["split"] == "test")].iloc[0]
    assert (celebvhq["clips"], celebvhq["ok"], celebvhq["missing"], celebvhq["seconds"]) == (2, 1, 1, 2.0)


def test_mixed_rates_and_sizes_are_listed(project, params):
    def vary(clips: pd.DataFrame) -> None:
        at = clips.index[clips["source"] == "hallo"]
        clips.loc[at[:3], "fps"] = [24000 / 1001, 10.0, 25.0]
        clips.loc[at[:3], "width"] = [80, 1024, 128]

    write_corpus(project, params, vary)
    split.run(project, params)
    row = read_csv(project.corpus, CORPUS_COLUMNS).iloc[0]
    assert (row["fps"], row["size"]) == ("10; 23.976; 25", "80x128; 128x128; 1024x128")


def test_what_could_not_be_used_is_listed_with_its_reason(project, params):
    def break_one(clips: pd.DataFrame) -> None:
        clips.loc[0, ["status", "reason"]] = ["error", "truncated: 3 of 40 frames"]

    write_corpus(project, params, break_one)
    split.run(project, params)
    rows = read_csv(project.coverage, COVERAGE_COLUMNS)
    assert rows.to_numpy().tolist() == [["hallo/00000--drive00000_1", "hallo", "error", "truncated: 3 of 40 frames"]]


def test_curation_is_copied_or_without_a_row(project, params):
    write_corpus(project, params)
    project.raw.mkdir(parents=True)
    text = "source,made,removed,kept,ratio_removed\nhallo,9,3,6,0.3333\n"
    project.raw_curation.write_text(text)
    split.run(project, params)
    assert project.curation.read_text() == text
    project.raw_curation.unlink()
    split.run(project, params)
    assert read_csv(project.curation, CURATION_COLUMNS).empty


def test_files_that_are_alike_are_found_by_their_hashes(project, params):
    write_corpus(project, params)
    paths = ["hallo/00000--drive00000_1.mp4", "ffpp/020.mp4", "ffpp/021.mp4"]
    hashes = ["a" * 64, "a" * 64, "b" * 64]
    listed = pd.DataFrame({"path": paths, "bytes": 1, "sha256": hashes, "revision": "r1"})
    write_csv(listed, project.manifest, list(listed))
    vouching.for_raw(project, params)
    for source in params.sources:
        vouching.for_store(project, params, source)
    split.run(project, params)
    assert read_json(project.leakage)["whole"]["same_files"] == {
        "count": 1,
        "examples": ["ffpp/020 = hallo/00000--drive00000_1"],
    }


def test_a_second_run_writes_the_same(project, params):
    write_corpus(project, params)
    written = []
    for _ in range(2):
        split.run(project, params)
        files = [*project.splits.iterdir(), project.leakage, project.corpus, project.coverage]
        written.append({f.name: f.read_bytes() for f in files})
    assert written[0] == written[1]


def test_a_control_corpus_has_one_fit_and_the_main_one_s_reals(project, params):
    variant = Paths(project.root, "no_artefacts", frozenset(params.of_role("real")))
    write_corpus(project, params)
    for source in params.generators:
        write_table(variant, params, source, table(params, source))
    split.run(variant, params)
    assert [f.name for f in variant.splits.glob("*.csv")] == ["all.csv"]
    assert set(read_split(variant, "all")["source"]) == {*params.generators, *params.of_role("real")}
    assert list(read_json(variant.leakage)["protocols"]) == ["P1"]
    assert not project.corpus.exists()


# ---- leakage by itself ------------------------------------------------------------------------------


def test_overlaps_of_the_whole():
    clips = pd.DataFrame(
        {
            "clip": ["g/a", "g/b", "s/001_002", "r/001", "r/002"],
            "source": ["g", "g", "s", "r", "r"],
            "role": ["generator", "generator", "swap", "real", "real"],
            "split": ["train", "test", "train", "train", "test"],
            "portrait": ["00001", "00001", "002", "", ""],
            "driver": ["x_1", "x_1", "001", "", ""],
            "video": ["x", "x", "001", "001", "002"],
        }
    )
    assert leakage.repeated(clips) == ["g/a", "g/b"]
    assert leakage.swaps_across_splits(clips) == ["s/001_002"]
    assert leakage.reals_that_drive(clips) == []
    assert leakage.trained_officially(clips, {"002": "train", "001": "train"}) == ["r/002"]
    seen, tested = clips[clips["split"] == "train"], clips[clips["split"] == "test"]
    assert leakage.overlap("identity", seen, tested) == ["00001", "002", "x"]
    assert leakage.overlap("driver", seen, tested) == ["x_1"]
    assert leakage.overlap("generator", seen, tested) == ["g"]
    assert leakage.overlap("real", seen, tested) == []


@pytest.mark.parametrize("seed", range(20))
def test_uses_never_let_a_seen_clip_test(params, seed):
    """Random tables: whatever the fit, one use a clip, and the left-out generator is never trained on."""
    rng = np.random.default_rng(seed)
    sources = rng.choice(list(params.sources), 200)
    clips = pd.DataFrame(
        {
            "source": sources,
            "role": [params.source(s).role for s in sources],
            "split": rng.choice(SPLITS, 200),
        }
    )
    for fit in params.fits:
        use = assignment.uses(clips, fit)
        assert set(use) <= set(assignment.USES)
        seen = clips[use.isin(assignment.SEEN)]
        assert (seen["split"] == use[seen.index]).all()
        assert not seen["source"].isin([fit.removeprefix("no-")] if fit.startswith("no-") else []).any()
        assert "unseen" not in set(seen["role"])
