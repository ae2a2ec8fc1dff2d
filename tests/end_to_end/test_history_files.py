"""`appsentry export` and `appsentry import history`: histories as files, from a server and from other tools."""

import pyarrow.csv
import pyarrow.parquet
import pytest

from appsentry_contract.columns import RESULT_COLUMNS

LOG = """\
2026-06-05T23:30:09+00:00|🟥 Shop is down (503 in 12 ms) [skip ci] [upptime]
2026-06-05T23:28:08+00:00|Update summary in README
2026-06-05T23:27:08+00:00|🟩 Shop is up (200 in 300 ms) [skip ci] [upptime]
"""


def test_an_export_holds_what_the_server_keeps_in_both_forms(place, target):
    place.configure(target.application("shop"), target.application("blog"))
    server = place.serve()
    server.looked()
    words = ("--application", "shop", "--format", "parquet,csv", "--out", "shop.parquet")
    exported = place.start("export", *words, APPSENTRY_URL=server.url)
    assert exported.ended() == 0, exported.err
    assert exported.out.splitlines()[0].startswith("shop.parquet: ")
    parquet = pyarrow.parquet.read_table(place.folder / "shop.parquet")
    csv = pyarrow.csv.read_csv(place.folder / "shop.csv")
    for table in (parquet, csv):
        assert table.column_names == list(RESULT_COLUMNS)
        assert set(table["application"].to_pylist()) == {"shop"}
    assert parquet["result_id"].to_pylist() == csv["result_id"].to_pylist()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--application", "a" * 500), "answered 422"),
        (("--from", "yesterday"), "--from yesterday: expected an instant such as"),
        (("--from", "1h", "--to", "2030-01-01T00:00:00Z", "--url", "http://127.0.0.1:9"), "no server answers at"),
        (("--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"), "is not before --to"),
        (("--format", "excel"), "'excel' is none of parquet, csv"),
    ],
)
def test_an_export_that_cannot_be_leaves_what_was_there(place, target, words, why):
    place.configure(target.application("shop"))
    url = place.serve().url
    (place.folder / "out.parquet").write_text("the old one")
    process = place.start("export", "--out", "out.parquet", *words, APPSENTRY_URL=url)
    assert process.ended() == 2
    assert why in process.err
    assert (place.folder / "out.parquet").read_text() == "the old one"
    assert not list(place.folder.glob(".*.part"))


def test_another_tools_history_becomes_a_file_of_ours(place):
    (place.folder / "commits.log").write_text(LOG)
    process = place.start("import", "history", "upptime", "commits.log")
    assert process.ended() == 0, process.err
    assert process.out == "commits.parquet: 2 results of 1 applications\nleft out: 1 other commits\n"
    table = pyarrow.parquet.read_table(place.folder / "commits.parquet")
    assert table["status"].to_pylist() == ["up", "down"]
    again = place.start("import", "history", "parquet", "commits.parquet", "--out", "again.csv")
    assert again.ended() == 0, again.err
    assert pyarrow.csv.read_csv(place.folder / "again.csv")["application"].to_pylist() == ["shop", "shop"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("kuma", "commits.log"), "file is not a database"),
        (("telepathy", "commits.log"), "unknown format 'telepathy': expected one of kuma, gatus"),
        (("upptime", "absent.log"), "absent.log: No such file or directory"),
        (("upptime", "commits.log", "--out", "no/such/folder.parquet"), "no/such/folder.parquet: No such file"),
    ],
)
def test_what_cannot_be_imported_is_one_line(place, words, why):
    (place.folder / "commits.log").write_text(LOG)
    process = place.start("import", "history", *words)
    assert process.ended() == 2
    assert why in process.err
    assert process.err.count("\n") == 1
