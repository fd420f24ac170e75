"""Scoring files: round trips that hold for everything that can be written, and what each reader says to what it cannot read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.conversation import Conversation, Recording, Span, Turn, Word, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.formats import PARSERS, WRITERS, ctm, form_of, read_segments, rttm, seglst, stm, uem
from sepdiar.formats.segments import Segment, in_order, of_conversation, to_seconds, to_ticks, to_turns

NAMES = st.from_regex(r"[A-Za-z0-9_äß'.-]{1,8}", fullmatch=True)
WORD = st.from_regex(r"[a-zA-Zé'<>,-]{1,8}", fullmatch=True).filter(lambda word: not word.startswith("<ALT"))
TICKS = st.integers(0, 10**13)


PHRASE = st.lists(WORD, max_size=4).map(" ".join)
UNKNOWN = st.none()


@st.composite
def segments(draw, words=PHRASE, confidence=UNKNOWN):
    spans = draw(st.lists(st.tuples(TICKS, st.integers(0, 10**8)), max_size=6))
    return [
        Segment(draw(NAMES), draw(NAMES), Span(start, start + length), draw(words), draw(confidence)) for start, length in spans
    ]


def as_if_read(given):
    return tuple(in_order(given))


@given(segments(words=st.just("")))
def test_rttm_comes_back(given):
    assert rttm.parse(rttm.dumps(given)) == as_if_read(given)


@given(segments())
def test_stm_comes_back(given):
    assert stm.parse(stm.dumps(given)) == as_if_read(given)


@given(segments(words=WORD, confidence=st.none() | st.floats(0, 1)))
def test_ctm_comes_back(given):
    assert ctm.parse(ctm.dumps(given)) == as_if_read(given)


@given(segments())
def test_seglst_comes_back(given):
    assert seglst.parse(seglst.dumps(given)) == as_if_read(given)


@given(st.dictionaries(NAMES, st.lists(st.tuples(TICKS, st.integers(1, 10**8)), min_size=1, max_size=4)))
def test_uem_comes_back_as_the_union(given):
    regions = {name: [Span(start, start + length) for start, length in spans] for name, spans in given.items()}
    once = uem.parse(uem.dumps(regions))
    assert uem.parse(uem.dumps(once)) == once
    assert once.keys() == regions.keys()


@given(segments(), st.randoms())
def test_writing_does_not_depend_on_the_order_given(given, random):
    shuffled = list(given)
    random.shuffle(shuffled)
    for dumps in (rttm.dumps, stm.dumps, seglst.dumps):
        assert dumps(shuffled) == dumps(given)


@given(st.integers(0, 10**10), st.sampled_from([8000, 11025, 16000, 44100, 48000, 192000]))
def test_a_sample_survives_seconds(sample, rate):
    ticks = Span(0, sample).at_rate(rate, 10**6).end
    assert Span(0, to_ticks(to_seconds(ticks))).at_rate(10**6, rate).end == sample


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 10**6), st.integers(1, 10**5)), max_size=5))
def test_turns_of_a_conversation_come_back(turns):
    made = [Turn(name, span, (Word("yes", span),)) for name, start, length in turns if (span := Span(start, start + length))]
    conversation = Conversation(Recording("talk", "talk.wav", "", 44100, 2 * 10**6, 1), mark_overlaps(made))
    assert to_turns(of_conversation(conversation), 44100) == conversation.turns
    assert len(of_conversation(conversation, each="word")) == len(turns)


@pytest.mark.parametrize(
    ("form", "line", "says"),
    [
        ("rttm", "SPEAKER talk 1 0.5", "4 columns"),
        ("rttm", "SPEECH talk 1 0.5 1 <NA> <NA> A <NA> <NA>", "'SPEECH' is no type"),
        ("rttm", "SPEAKER talk 1 x 1 <NA> <NA> A <NA> <NA>", "begin is 'x', which is not a number"),
        ("rttm", "SPEAKER talk 1 -1 1 <NA> <NA> A <NA> <NA>", "begin is -1"),
        ("rttm", "SPEAKER talk 1 1 -0.5 <NA> <NA> A <NA> <NA>", "duration is -0.5"),
        ("rttm", "SPEAKER talk 1 nan 1 <NA> <NA> A <NA> <NA>", "begin is nan"),
        ("stm", "talk 1 A 0", "4 columns"),
        ("stm", "talk 1 A 2 1 hello", "ends at 1, before it begins at 2"),
        ("stm", "talk 1 A 0 1 IGNORE_TIME_SEGMENT_IN_SCORING", "not supported"),
        ("ctm", "talk 1 0 0.5", "4 columns"),
        ("ctm", "talk 1 0 0.5 word sure", "confidence 'sure' is not a number"),
        ("ctm", "talk 1 * * <ALT_BEGIN>", "alternative words"),
        ("seglst", '[{"session_id": "a", "speaker": "A", "start_time": 1}]', "segment 1: end_time is missing"),
        ("seglst", '[{"session_id": "a", "speaker": "A", "start_time": NaN, "end_time": 2}]', "start_time is NaN"),
        ("seglst", '[{"session_id": "a", "speaker": null, "start_time": 1, "end_time": 2}]', "speaker is no text"),
        ("seglst", '{"session_id": "a"}', "no list"),
        ("seglst", "[3]", "no object"),
        ("seglst", "[", "line 1"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, form, line, says):
    file = tmp_path / f"bad.{form}"
    file.write_text(line if form == "seglst" else f";; comment\n\n{line}\n")
    with pytest.raises(SepdiarError) as caught:
        read_segments(file)
    assert caught.value.code == "SD502"
    assert says in str(caught.value) and "bad" in caught.value.where and "expected" in caught.value.what
    if form != "seglst":
        assert "line 3" in caught.value.where


def test_what_real_files_have():
    text = ";; NIST\nSPKR-INFO x 1 <NA> <NA> <NA> unknown A <NA> <NA>\nSPEAKER x 1   0.000   0.000 <NA> <NA> A <NA>\r\n"
    assert rttm.parse(text) == (Segment("x", "A", Span(0, 0)),)
    assert [one.words for one in stm.parse("x 1 A 0 1\nx 1 A 0 1 <o> it's\nx 1 A 0 1 <unk> yes")] == ["", "it's", "<unk> yes"]
    assert stm.parse(stm.dumps([Segment("x", "A", Span(0, 1), "<o,f0> so")]))[0].words == "<o,f0> so"
    assert seglst.parse('[{"session_id": 1, "speaker": 2, "start_time": "0.1", "end_time": 0.30000000000000004, "x": []}]') == (
        Segment("1", "2", Span(100_000, 300_000)),
    )


@pytest.mark.parametrize("dumps", [rttm.dumps, stm.dumps, ctm.dumps])
@pytest.mark.parametrize("name", ["two words", "", ";x", "a\u00a0b"])
def test_a_name_that_would_shift_the_columns_is_refused(dumps, name):
    with pytest.raises(SepdiarError, match="SD501"):
        dumps([Segment(name, "A", Span(0, 1), "word")])
    with pytest.raises(SepdiarError, match="SD501"):
        ctm.dumps([Segment("talk", "A", Span(0, 1), "two words")])


@pytest.mark.parametrize("form", PARSERS)
def test_the_format_is_known_by_name_and_by_content(tmp_path, form):
    one = [Segment("talk", "1", Span(0, 500_000), "" if form == "rttm" else "yes")]
    for name in (f"x.{form}", "x"):
        (tmp_path / name).write_text(WRITERS[form](one))
        assert read_segments(tmp_path / name) == tuple(one)


def test_folders_and_several_files(tmp_path):
    assert read_segments([]) == ()
    (tmp_path / "a.ctm").write_text("talk 1 0 1 yes\n")
    (tmp_path / "b.ctm").write_text("talk 1 0 1 no\n")
    assert [one.speaker for one in read_segments(tmp_path)] == ["a-1", "b-1"]
    (tmp_path / "b.rttm").write_text("")
    with pytest.raises(SepdiarError, match=r"SD502.*several formats"):
        read_segments(tmp_path)
    item = tmp_path / "run" / "items" / "talk"
    item.mkdir(parents=True)
    conversation = Conversation(Recording("talk", "t.wav", "", 10, 100, 1), (Turn("S1", Span(0, 20)),))
    (item / "conversation.json").write_text(conversation.to_json())
    assert read_segments(tmp_path / "run") == (Segment("talk", "S1", Span(0, 2_000_000)),)
    (item / "conversation.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(SepdiarError, match="SD502"):
        read_segments(tmp_path / "run")


def test_files_that_are_not_there_or_not_text(tmp_path):
    with pytest.raises(SepdiarError, match="SD101"):
        read_segments(tmp_path / "none.rttm")
    (tmp_path / "bytes.stm").write_bytes(b"\xff\xfe")
    with pytest.raises(SepdiarError, match=r"SD502.*UTF-8"):
        read_segments(tmp_path / "bytes.stm")
    (tmp_path / "vague").write_text("talk 1 A 0 one yes\n")
    with pytest.raises(SepdiarError, match="SD502"):
        read_segments(tmp_path / "vague")
    with pytest.raises(SepdiarError, match="SD206"):
        (tmp_path / "empty").mkdir()
        read_segments(tmp_path / "empty")


def test_files_of_others(shared):
    folder = shared / "scoring" / "meeteval"
    by_name = {name: read_segments(folder / name) for name in ("ref.stm", "ref.rttm", "ref.seglst.json", "hyp1.ctm")}
    assert {name: len(found) for name, found in by_name.items()} == {
        "ref.stm": 7,
        "ref.rttm": 6,
        "ref.seglst.json": 6,
        "hyp1.ctm": 63,
    }
    assert "let's" in by_name["ref.stm"][4].words
    assert uem.parse((folder / "uem.uem").read_text())["recordingA"] == (Span(1_000_000, 4_500_000),)


COLUMN = st.sampled_from(
    ["SPEAKER", "talk", "1", "0.5", "1e9999", "-0", "nan", "<NA>", "<o,f0>", ";", "[", "{", '"a"', "\ud800", "１"]
)


@given(st.text(max_size=60) | st.lists(st.lists(COLUMN, max_size=11).map(" ".join), max_size=3).map("\n".join))
def test_whatever_stands_there_is_read_or_refused(text):
    for parse in (*PARSERS.values(), uem.parse, form_of):
        try:
            parse(text)
        except SepdiarError as error:
            assert error.code == "SD502"


def test_json_without_end_is_refused():
    with pytest.raises(SepdiarError, match="SD502"):
        seglst.parse("[" * 100_000)
