"""What is known of a run's inputs is kept, line by line, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from sepdiar.ledger import Ledger, Row

ONE, TWO = Row("/in/a.wav", "in/a.wav", "a-1", "1" * 64, (1, 2, 3, 4), True), Row("/in/b.wav", "b.wav", "b-2")


@pytest.mark.parametrize("text", ["", "not json\n", '{"file": 3}\n', "[]\n", "\xff\n", Row("/in/c.wav", "c.wav", "../mine").line])
def test_a_damaged_line_is_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "inputs.log").write_bytes(ONE.line.encode() + text.encode("latin-1") + TWO.line.encode())
    assert Ledger.read(tmp_path / "inputs.log").rows == {ONE.file: ONE, TWO.file: TWO}


def test_what_is_learnt_is_there_at_once_and_of_two_lines_the_last_is_right(tmp_path: Path) -> None:
    file = tmp_path / "inputs.log"
    ledger = Ledger([ONE])
    file.write_text(ledger.text())
    with ledger.kept(file) as learn:
        learn(ONE)
        assert file.read_text() == ONE.line
        learn(Row(ONE.file, "elsewhere/a.wav", "a-3"))
        found = Ledger.read(file)
        assert (found.ids, found.outdated, ledger.outdated) == ({"a-3"}, {"a-1"}, {"a-1"})
        learn(TWO)
    with file.open("a") as torn:
        torn.write(ONE.line[:40])
    assert Ledger.read(file).rows == ledger.rows


def test_an_id_is_outdated_where_no_input_has_it_any_more() -> None:
    ledger = Ledger([ONE, TWO])
    ledger.take(Row(ONE.file, ONE.path, TWO.id))
    ledger.take(Row(TWO.file, TWO.path, ONE.id))
    assert ledger.outdated == set()
    ledger.forget_missing({TWO.file}, {ONE.id, TWO.id})
    assert ledger.outdated == {TWO.id} and ledger.paths() == {ONE.id: TWO.path}
