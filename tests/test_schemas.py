"""What comes from outside is checked value by value; the first bad one is named by file, line, column and value."""

from __future__ import annotations

import pytest

from thb.core import csv_checks
from thb.core.errors import DataError

SHA = "a" * 64
GOOD = {
    csv_checks.check_manifest: f"path,bytes,sha256,revision\nfake/a.mp4,1,{SHA},r\nfake/b.mp4,2,{SHA},r\n",
    csv_checks.check_curation: "source,made,removed,kept,ratio_removed\nhallo,9,3,6,0.3333\n",
    csv_checks.check_scores: "clip,source,role,label,split,portrait,video,use,score,status,reason\n"
    "hallo/a,hallo,generator,1,test,00001,v,test,0.5,ok,\n"
    "hallo/b,hallo,generator,1,test,00001,v,test,,error,broken\n",
}


@pytest.mark.parametrize("check", GOOD)
def test_what_is_right_passes(tmp_path, check):
    path = tmp_path / "table.csv"
    path.write_text(GOOD[check])
    check(path)


@pytest.mark.parametrize(
    ("check", "old", "new", "words"),
    [
        (csv_checks.check_manifest, "b.mp4,2", "b.mp4,two", "line 3, column bytes: 'two' is not a whole number"),
        (csv_checks.check_manifest, f"2,{SHA}", "2,AA", "line 3, column sha256: 'AA'"),
        (csv_checks.check_manifest, "fake/b", "../b", "line 3, column path: '../b.mp4' is not a path below data/raw"),
        (csv_checks.check_manifest, "fake/b", "/etc/b", "line 3, column path: '/etc/b.mp4'"),
        (csv_checks.check_manifest, "fake/b", "fake\\b", "line 3, column path"),
        (csv_checks.check_manifest, "b.mp4", "a.mp4", "line 3, column path: 'fake/a.mp4' is not listed once"),
        (csv_checks.check_manifest, "sha256", "sha1", "lacks column 'sha256'"),
        (csv_checks.check_manifest, "b.mp4,2", 'b.mp4,"2', "is not CSV"),
        (csv_checks.check_curation, "0.3333", "33", "line 2, column ratio_removed: '33' is not a share"),
        (csv_checks.check_curation, ",9,", ",-9,", "column made: '-9'"),
        (csv_checks.check_scores, "0.5", "1.5", "line 2, column score: '1.5' is not a probability"),
        (csv_checks.check_scores, "0.5", "nan", "column score: 'nan'"),
        (csv_checks.check_scores, "0.5", "", "line 2, column score: '' is not a number"),
        (csv_checks.check_scores, ",error,", ",broken,", "line 3, column status: 'broken' is not ok or missing"),
        (csv_checks.check_scores, "hallo/b,hallo,generator,1", "hallo/b,hallo,generator,2", "column label: '2'"),
        (csv_checks.check_scores, "hallo/b", "hallo/a", "line 3, column clip: 'hallo/a' is not listed once"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, check, old, new, words):
    path = tmp_path / "table.csv"
    path.write_text(GOOD[check].replace(old, new))
    with pytest.raises(DataError) as caught:
        check(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "table.csv" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01"])
def test_what_is_no_table_says_so(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"table\.csv"):
        csv_checks.check_manifest(path)
