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


@pytest.mark.parametrize("layout", corpora.LAYOUTS)
def test_every_layout_says_what_it_is_and_finds_nothing_in_an_empty_folder(layout, tmp_path):
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path, layout))
    assert refused.value.code == "SD603" and refused.value.hint
    with pytest.raises(SepdiarError, match="looks like none") as refused:
        list(corpora.read(tmp_path))
    assert f"{layout}: " in str(refused.value)


def test_files_of_several_rates_are_no_recording(tmp_path, speak):
    for name, rate in (("5eb3", 8000), ("5c9d", 16000)):
        speak(tmp_path / "talk" / "processed" / f"{name}.wav", [(0.5, 1.0)], rate=rate)
    (tmp_path / "talk" / "transcription").mkdir()
    rows = "speaker,start,stop,utterance\n5eb3,0.5,1.0,yes\n5c9d,0.5,1.0,yes\n"
    (tmp_path / "talk" / "transcription" / "transcript_cliffhanger.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path))
    assert refused.value.code == "SD601"
