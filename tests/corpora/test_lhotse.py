"""Manifests of Lhotse, written by hand as it writes them, and by itself where it is installed."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc

import pytest

from sepdiar import SepdiarError, corpora
from sepdiar.conversation import Span
from sepdiar.corpora.lhotse import LONGEST

ALIGNED = [["hello", 0.5, 0.25, 0.9], ["<eps>", 0.75, 0.25], ["there", 1.0, 0.5]]


def recording(path, channels=2):
    return {
        "id": "call1",
        "sources": [{"type": "file", "channels": list(range(channels)), "source": str(path)}],
        "sampling_rate": 8000,
        "num_samples": 32000,
        "duration": 4.0,
        "channel_ids": list(range(channels)),
    }


def supervision(name, speaker, start, duration, channel, text, **more):
    about = {"id": name, "recording_id": "call1", "start": start, "duration": duration, "channel": channel, "text": text}
    return {**about, "language": "English", "speaker": speaker, **more}


SAID = [
    supervision("s1", "ann", 0.5, 1.0, 0, "hello there", alignment={"word": ALIGNED}),
    supervision("s2", "ben", 1.2, 0.8, 1, "yes it"),
]


def write(file, rows):
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    file.write_bytes(gzip.compress(lines.encode()) if file.suffix == ".gz" else lines.encode())


@pytest.fixture
def place(tmp_path, speak):
    speak(tmp_path / "audio" / "call1.wav", [(0.5, 1.5)], [(1.2, 2.0)])
    write(tmp_path / "calls_recordings_all.jsonl.gz", [recording("audio/call1.wav")])
    write(tmp_path / "calls_supervisions_all.jsonl.gz", SAID)
    return tmp_path


def test_channels_of_supervisions_tell_whose_is_which_and_alignments_the_times_of_words(place):
    (truth,) = corpora.read(place)
    assert (truth.name, truth.conversation.recording.path, truth.scored) == ("call1", "", ())
    assert {track.speaker: (track.file, track.channel) for track in truth.conversation.tracks} == {
        "ann": ("audio/call1.wav", 0),
        "ben": ("audio/call1.wav", 1),
    }
    _said(truth)


def test_cuts_are_read_in_the_time_of_the_recording_and_count_alone(place):
    for file in place.glob("*.gz"):
        file.unlink()
    first = {**SAID[0], "start": 0.25, "alignment": {"word": [[word, start - 0.25, *rest] for word, start, *rest in ALIGNED]}}
    rows = [
        {"id": "c1", "start": 0.25, "duration": 1.75, "channel": [0, 1], "supervisions": [first, {**SAID[1], "start": 0.95}]},
        {"id": "c2", "start": 1.0, "duration": 1.5, "channel": 1, "supervisions": [{**SAID[1], "start": 0.2}]},
    ]
    about = recording(place / "audio" / "call1.wav")
    write(place / "cuts.jsonl", [{**row, "recording": about, "type": "MultiCut"} for row in rows])
    (truth,) = corpora.read(place)
    _said(truth)
    assert truth.scored == (Span(2000, 20000),)


def test_where_speakers_share_a_channel_the_file_is_what_a_chain_is_given(place):
    write(place / "calls_supervisions_all.jsonl.gz", [{**row, "channel": [0, 1]} for row in SAID])
    (truth,) = corpora.read(place)
    assert truth.conversation.tracks == () and truth.conversation.recording.path == "audio/call1.wav"


def test_channels_may_lie_in_files_of_their_own(place, speak):
    sources = []
    for channel in (0, 1):
        file = speak(place / f"side{channel}.flac", [(0.5 + channel, 1.5)])
        sources.append({"type": "file", "channels": [channel], "source": file.name})
    write(place / "calls_recordings_all.jsonl.gz", [{**recording(""), "sources": sources}])
    (truth,) = corpora.read(place)
    assert [(track.file, track.channel) for track in truth.conversation.tracks] == [("side0.flac", 0), ("side1.flac", 0)]


@pytest.mark.parametrize(
    ("change", "code", "what"),
    [
        ({"sources": [{"type": "url", "channels": [0, 1], "source": "https://nowhere.invalid/a.wav"}]}, "SD402", "url"),
        ({"sources": [{"type": "file", "channels": [0, 1], "source": "gone.wav"}]}, "SD101", "gone"),
        ({"transforms": [{"name": "Speed", "kwargs": {"factor": 0.9}}]}, "SD502", "transformed"),
        ({"id": "call2"}, "SD502", "'call1' is not among"),
    ],
)
def test_what_cannot_be_read_is_refused(place, change, code, what):
    write(place / "calls_recordings_all.jsonl.gz", [{**recording("audio/call1.wav"), **change}])
    _refused(place, code, what)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sources": [{"type": "file", "channels": [0, 1], "source": "audio/../../outside.wav"}]}, "SD401"),
        ({"sources": [{"type": "file", "channels": [0, 1], "source": "audio"}]}, "SD102"),
        ({"sources": [{"type": "file", "channels": [0, 1], "source": "pipe.wav"}]}, "SD102"),
        ({"sources": [{"type": "file", "channels": [0, 1], "source": "loop.wav"}]}, "SD40[13]|SD101"),
        ({"sources": [{"type": "file", "channels": [0, 1], "source": "https://nowhere.invalid/a.wav"}]}, "SD402"),
        ({"sources": [{"type": "command", "channels": [0, 1], "source": "touch harmed |"}]}, "SD402"),
        ({"sources": [{"type": "file", "channels": [0, 1], "source": ["audio/call1.wav"]}]}, "SD502"),
        ({"sources": [{"type": "file", "channels": 2, "source": "audio/call1.wav"}]}, "SD502"),
        ({"sources": ["audio/call1.wav"]}, "SD502"),
        ({"sources": "audio/call1.wav"}, "SD502"),
        ({"id": ["call1"]}, "SD502"),
        ({"id": "\ud800"}, "SD502"),
    ],
)
def test_a_recording_that_names_what_it_must_not_or_is_malformed(place, change, code):
    os.mkfifo(place / "pipe.wav")
    (place / "loop.wav").symlink_to("loop.wav")
    write(place / "calls_recordings_all.jsonl.gz", [{**recording("audio/call1.wav"), **change}])
    with pytest.raises(SepdiarError, match=code):
        list(corpora.read(place, "lhotse"))
    assert not (place / "harmed").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"recording_id": ["call1"]},
        {"start": "soon"},
        {"start": True},
        {"start": float("nan")},
        {"start": 10**30},
        {"duration": -1},
        {"channel": [[0]]},
        {"channel": []},
        {"channel": 0.5},
        {"speaker": ["ann"]},
        {"text": 5},
        {"alignment": [1]},
        {"alignment": {"word": True}},
        {"alignment": {"word": [["hello"]]}},
        {"alignment": {"word": [["hello", float("inf"), 0.1]]}},
        {"alignment": {"word": [["hello", 0.5, -0.1]]}},
    ],
)
def test_a_supervision_that_is_malformed_is_named_with_its_line_in_a_pair_and_in_a_cut(place, change):
    write(place / "calls_supervisions_all.jsonl.gz", [SAID[0], {**SAID[1], **change}])
    _refused(place, "SD502", "supervisions_all.jsonl.gz, line 2")
    if "recording_id" in change:
        return
    for file in place.glob("*.gz"):
        file.unlink()
    cut = {"id": "c1", "start": 0, "duration": 4, "recording": recording("audio/call1.wav"), "type": "MonoCut"}
    write(place / "cuts.jsonl", [{**cut, "supervisions": [{**SAID[1], **change}]}])
    _refused(place, "SD502", "cuts.jsonl, line 1")


@pytest.mark.parametrize(
    "change", [{"supervisions": True}, {"supervisions": ["x"]}, {"type": []}, {"recording": "call1"}, {"start": None}]
)
def test_a_cut_that_is_malformed_is_refused(place, change):
    for file in place.glob("*.gz"):
        file.unlink()
    cut = {"id": "c1", "start": 0, "duration": 4, "recording": recording("audio/call1.wav"), "type": "MonoCut", **change}
    write(place / "cuts.jsonl", [cut, {"recording": None}])
    _refused(place, "SD502", "cuts.jsonl, line")


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_a_line_without_end_is_refused_and_never_held_whole(place, ending):
    for file in place.glob("*.gz"):
        file.unlink()
    line = b'{"id": "' + b"a" * (300 << 20 if ending == "jsonl.gz" else LONGEST) + b'"}'
    (place / f"cuts.{ending}").write_bytes(gzip.compress(line, 1) if ending == "jsonl.gz" else line)
    del line
    tracemalloc.start()
    _refused(place, "SD502", "line 1: it is longer than 16 MiB")
    assert tracemalloc.get_traced_memory()[1] < 4 * LONGEST
    tracemalloc.stop()


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a": ' * 100_000, b'{"start": 1e9999999999999999999999}', b"[]", b"\xff"])
def test_a_line_that_no_parser_can_hold_is_refused(place, line):
    (place / "calls_supervisions_all.jsonl.gz").write_bytes(gzip.compress(line))
    _refused(place, "SD502", "line 1")


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: content[:30] + bytes(9) + content[39:]])
def test_a_compressed_manifest_that_is_cut_or_damaged_is_refused(place, damage):
    file = place / "calls_recordings_all.jsonl.gz"
    file.write_bytes(damage(file.read_bytes()))
    _refused(place, "SD502", "calls_recordings_all.jsonl.gz")


def test_a_pipe_in_place_of_a_manifest_and_a_recording_that_is_there_twice_are_refused(place):
    write(place / "calls_recordings_all.jsonl.gz", [recording("audio/call1.wav")] * 2)
    _refused(place, "SD502", "line 2: recording 'call1' is there twice")
    (place / "calls_recordings_all.jsonl.gz").unlink()
    os.mkfifo(place / "calls_recordings_all.jsonl.gz")
    _refused(place, "SD102", "a pipe")


def test_files_are_named_from_the_manifest_or_from_the_corpus_also_by_their_whole_paths(place, speak):
    inner = place / "data" / "manifests"
    inner.mkdir(parents=True)
    for file in place.glob("*.gz"):
        file.rename(inner / file.name)
    for name in ("audio/call1.wav", "../../audio/call1.wav", str(place / "audio" / "call1.wav")):
        write(inner / "calls_recordings_all.jsonl.gz", [recording(name)])
        (truth,) = corpora.read(place)
        assert {track.file for track in truth.conversation.tracks} == {"audio/call1.wav"}


def test_missing_supervisions_and_broken_lines_are_named(place):
    (place / "calls_supervisions_all.jsonl.gz").write_bytes(b"no gzip")
    _refused(place, "SD502", "calls_supervisions_all")
    (place / "calls_supervisions_all.jsonl.gz").unlink()
    _refused(place, "SD603", "calls_supervisions_all")


def test_what_lhotse_itself_writes_is_read_alike(place):
    lhotse = pytest.importorskip("lhotse")
    from lhotse.supervision import AlignmentItem

    for file in place.glob("*.gz"):
        file.unlink()
    recordings = lhotse.RecordingSet.from_recordings([lhotse.Recording.from_file(place / "audio" / "call1.wav")])
    first, second = (
        lhotse.SupervisionSegment.from_dict({key: value for key, value in row.items() if key != "alignment"}) for row in SAID
    )
    first = first.with_alignment("word", [AlignmentItem(*item) for item in ALIGNED])
    supervisions = lhotse.SupervisionSet.from_segments([first, second])
    recordings.to_file(place / "recordings.jsonl.gz")
    supervisions.to_file(place / "supervisions.jsonl.gz")
    (truth,) = corpora.read(place)
    _said(truth)
    for file in place.glob("*.gz"):
        file.unlink()
    lhotse.CutSet.from_manifests(recordings, supervisions).truncate(max_duration=2.5, offset_type="start").to_file(
        place / "cuts.jsonl"
    )
    (truth,) = corpora.read(place)
    _said(truth)
    assert truth.scored == (Span(0, 20000),)


def _said(truth):
    first, second = truth.conversation.turns
    assert (first.speaker, first.span) == ("ann", Span(4000, 12000))
    assert [(word.text, word.span) for word in first.words] == [("hello", Span(4000, 6000)), ("there", Span(8000, 12000))]
    assert (second.speaker, second.span, [word.text for word in second.words]) == ("ben", Span(9600, 16000), ["yes", "it"])


def _refused(folder, code, what):
    with pytest.raises(SepdiarError, match=what) as refused:
        list(corpora.read(folder, "lhotse"))
    assert refused.value.code == code
