"""A folder of recordings with their truth: its layout is told by what is in it, and nothing is passed over in silence."""

from __future__ import annotations

import pytest

from sepdiar import SepdiarError, corpora


def test_a_folder_of_no_layout_is_refused_with_the_layouts_there_are(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here", encoding="utf-8")
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path))
    assert refused.value.code == "SD603"
    assert "sepdiar simulate" in str(refused.value)


def test_a_layout_nobody_knows_is_refused(tmp_path):
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path, "tapes"))
    assert refused.value.code == "SD201"


def test_a_folder_that_has_no_recording_of_its_layout_is_refused(tmp_path):
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path, "simulated"))
    assert refused.value.code == "SD603"


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path / "gone"))
    assert refused.value.code == "SD101"
