"""Tables of what was done keep their rows by the first two columns."""

from nodules.datasets import row_tables

COLUMNS = ("source", "name", "status")


def row(*values):
    return dict(zip(COLUMNS, values, strict=True))


def test_rows_are_replaced_by_key_forgotten_and_kept(tmp_path):
    path = tmp_path / "done.csv"
    assert row_tables.read(path, COLUMNS) == []
    row_tables.keep(path, COLUMNS, [row("a", "1", "failed"), row("b", "1", "done")])
    row_tables.keep(path, COLUMNS, [row("a", "1", "done"), row("a", "2", "done")])
    assert {(r["source"], r["name"], r["status"]) for r in row_tables.read(path, COLUMNS)} == {
        ("a", "1", "done"),
        ("b", "1", "done"),
        ("a", "2", "done"),
    }
    row_tables.forget(path, COLUMNS, [row("b", "1", "done")])
    assert len(row_tables.read(path, COLUMNS)) == 2


def test_a_table_of_another_kind_has_no_rows_for_us(tmp_path):
    (tmp_path / "x.csv").write_text("source,other\na,b\n")
    assert row_tables.read(tmp_path / "x.csv", COLUMNS) == []
