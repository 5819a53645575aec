"""Rows between stages: whole or not at all, the same bytes each time, and clear words when something is off."""

from __future__ import annotations

import errno
import os

import pandas as pd
import pytest

from thb.core.errors import DataError, DiskError
from thb.core.paths import Paths, find_root
from thb.core.tables import read_csv, read_json, write_atomic, write_csv, write_json
from thb.splits import protocols

COLUMNS = ["clip", "portrait", "score"]


def table() -> pd.DataFrame:
    return pd.DataFrame({"clip": ["a/1", "a/-x_0_1"], "portrait": ["00054", ""], "score": [1 / 3, float("nan")]})


def test_ids_stay_text_and_gaps_stay_gaps(tmp_path):
    write_csv(table(), tmp_path / "t.csv", COLUMNS)
    back = read_csv(tmp_path / "t.csv", COLUMNS)
    assert list(back["portrait"]) == ["00054", ""]
    assert back["score"].isna().tolist() == [False, True]


def test_same_rows_same_bytes(tmp_path):
    write_csv(table(), tmp_path / "a.csv", COLUMNS)
    write_csv(table(), tmp_path / "b.csv", COLUMNS)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="lacks column 'score'"):
        write_csv(table().drop(columns="score"), tmp_path / "t.csv", COLUMNS)
    assert not list(tmp_path.iterdir())


def test_a_missing_file_says_how_to_make_it(tmp_path):
    for read in (lambda: read_csv(tmp_path / "no.csv", COLUMNS), lambda: read_json(tmp_path / "no.json")):
        with pytest.raises(DataError, match="dvc repro"):
            read()


def test_a_writer_that_fails_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "kept.json"
    write_json({"old": 1}, path)

    def fail(part):
        part.write_text("half")
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        write_atomic(path, fail)
    assert read_json(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["kept.json"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_no_space_and_no_permission_are_one_line(tmp_path, code):
    def refuse(part):
        raise OSError(code, os.strerror(code))

    with pytest.raises(DiskError, match=r"cannot write .*x\.csv: ") as error:
        write_atomic(tmp_path / "x.csv", refuse)
    assert "\n" not in str(error.value)


def test_root_is_found_from_any_folder_below(tmp_path, monkeypatch):
    monkeypatch.delenv("THB_ROOT", raising=False)
    (tmp_path / "params.yaml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_root(tmp_path / "a" / "b") == tmp_path.resolve()


def test_a_control_corpus_has_its_own_fakes_and_shares_the_reals(tmp_path):
    main, control = Paths(tmp_path), Paths(tmp_path, "no_artefacts", frozenset({"ffpp"}))
    assert control.clips("ffpp") == main.clips("ffpp")
    assert control.clips("hallo") != main.clips("hallo")
    assert control.pretrained("tall") == main.run("tall", "ffpp")
    assert control.cells != main.cells


# ── protocols ──


def test_each_protocol_reads_the_fits_it_should(params):
    fits = {(t.protocol, t.generator): t.fits for t in protocols.trials(params)}
    assert fits["P1", "hallo"] == ("all",)
    assert fits["P2", "hallo"] == fits["P3", "hallo"] == ("no-hallo",)
    assert fits["unseen_P1", "magi1"] == ("all",)
    assert len(fits["unseen_P3", "hallo3"]) == len(params.generators)
    assert fits["ffpp", "faceswap"] == ("ffpp",)


def test_p1_and_p3_are_tested_on_the_same_clips(params):
    p1, p3 = params.protocols["P1"], params.protocols["P3"]
    assert (p1.split, p1.reals) == (p3.split, p3.reals)
    assert params.protocols["P2"].split == ["train"]


def test_identity_is_the_portrait_then_the_video_then_the_clip():
    rows = pd.DataFrame({"clip": ["a", "b", "c"], "portrait": ["00001", "", ""], "video": ["x", "y", ""]})
    assert protocols.identity(rows).tolist() == ["00001", "y", "c"]
