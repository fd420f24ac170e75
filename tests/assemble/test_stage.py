"""The stage on real files: exact at every bit depth and rate, the same bytes each time, and the value tells the truth."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.assemble.flac import write_flac
from sepdiar.assemble.stage import Assemble
from sepdiar.audio.source import RawAudio
from sepdiar.conversation import Conversation, Recording, Span, Turn, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, silence
from sepdiar.pipeline import Sources, Take
from sepdiar.separation.stage import Separate


def integers(count: int, bits: int, channels: int = 1) -> np.ndarray:
    """Every level of loudness that PCM of `bits` has, both ends included."""
    top = 1 << (bits - 1)
    made = np.random.default_rng(bits).integers(-top, top, (count, channels))
    made[:2] = [[-top] * channels, [top - 1] * channels]
    return made


def take_of(folder: Path, levels: np.ndarray, rate: int, bits: int, turns: list[Turn]) -> Take:
    (folder / "item").mkdir(parents=True)
    (folder / "scratch").mkdir()
    raw = folder / "scratch" / "audio.f32"
    (levels / (1 << (bits - 1))).astype(np.float32).tofile(raw)
    audio = RawAudio(raw, rate, len(levels), levels.shape[1], bits)
    recording = Recording("talk-0", "talk.wav", "0" * 64, rate, len(levels), levels.shape[1])
    value = Conversation(recording, mark_overlaps(turns))
    return Take(value, folder / "talk.wav", folder / "item", folder / "scratch", audio)


def masked(take: Take) -> Take:
    stage = Separate()
    stage.open()
    return stage.run(take, silence)


def talk(rate: int, *rows: tuple[str, float, float]) -> list[Turn]:
    return [Turn(speaker, Span(round(start * rate), round(end * rate))) for speaker, start, end in rows]


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("rate", [8000, 11127, 16000, 44100, 48000, 192000, 655350])
def test_clean_stretches_are_the_input_bit_for_bit(tmp_path: Path, rate: int, bits: int) -> None:
    levels = integers(rate, bits)
    turns = talk(rate, ("B", 0.0, 0.4), ("A", 0.3, 1.0))
    done = Assemble().run(masked(take_of(tmp_path, levels, rate, bits, turns)), silence)
    made, read_rate = soundfile.read(tmp_path / "item" / "dialogue-000.flac", dtype="int32")
    made >>= 32 - bits
    assert (read_rate, made.shape) == (rate, (rate, 2))
    assert soundfile.info(tmp_path / "item" / "dialogue-000.flac").subtype == f"PCM_{bits}"
    assert [(track.speaker, track.channel) for track in done.conversation.tracks] == [("B", 0), ("A", 1)]
    for track in done.conversation.tracks:
        for stretch in track.stretches:
            part = slice(stretch.span.start, stretch.span.end)
            if stretch.origin in ("copied", "mixed"):
                assert (made[part, track.channel] == levels[part, 0]).all()
            elif stretch.origin == "silent":
                assert not made[part, track.channel].any()


def test_the_same_bytes_each_time_and_the_sum_is_of_them(tmp_path: Path) -> None:
    levels, turns = integers(60_000, 16), talk(16000, ("A", 0.1, 2.0), ("B", 1.5, 3.0))
    made = [
        (Assemble().run(masked(take_of(tmp_path / name, levels, 16000, 16, turns)), silence), tmp_path / name / "item")
        for name in ("first", "second")
    ]
    first, second = ((item / "dialogue-000.flac").read_bytes() for _, item in made)
    assert first == second
    assert {track.sha256 for take, _ in made for track in take.conversation.tracks} == {hashlib.sha256(first).hexdigest()}
    assert made[0][0].conversation == made[1][0].conversation


def test_a_dialogue_cut_out_of_a_meeting_keeps_its_clock(tmp_path: Path) -> None:
    levels = integers(40_000, 16)
    turns = talk(1000, ("A", 0, 9), ("B", 9, 14), ("C", 14, 15), ("B", 15, 22), ("A", 22, 40))
    done = Assemble(minimum_seconds=5).run(take_of(tmp_path, levels, 1000, 16, turns), silence)
    spans = {track.file: track.span for track in done.conversation.tracks}
    assert spans == {"dialogue-000.flac": Span(0, 14_000), "dialogue-001.flac": Span(15_000, 40_000)}
    made, _ = soundfile.read(tmp_path / "item" / "dialogue-001.flac", dtype="int16")
    assert (made[:7000, 0] == levels[15_000:22_000, 0]).all() and (made[7000:, 1] == levels[22_000:, 0]).all()


def test_main_has_a_track_for_each_of_the_others_and_their_overlap_is_the_input(tmp_path: Path) -> None:
    levels = integers(10_000, 16)
    turns = talk(1000, ("A", 0, 6), ("B", 6, 9), ("C", 8, 10))
    done = Assemble(pairing="main").run(masked(take_of(tmp_path, levels, 1000, 16, turns)), silence)
    tracks = done.conversation.tracks
    assert [(track.speaker, track.channel) for track in tracks] == [("A", 0), ("B", 1), ("C", 1)]
    assert tracks[1].stretches == tracks[2].stretches and tracks[1].stretches[-1].origin == "copied"
    made, _ = soundfile.read(tmp_path / "item" / "dialogue-000.flac", dtype="int16")
    assert (made[6000:, 1] == levels[6000:, 0]).all()


def test_separated_sources_are_heard_in_the_overlap_only(tmp_path: Path) -> None:
    levels = integers(4000, 16)
    take = take_of(tmp_path, levels, 1000, 16, talk(1000, ("A", 0, 2), ("B", 1, 4)))
    sources = {}
    for speaker, value in (("A", 0.25), ("B", -0.5)):
        np.full(4000, value, np.float32).tofile(tmp_path / speaker)
        sources[speaker] = RawAudio(tmp_path / speaker, 1000, 4000)
    Assemble().run(replace(take, sources=Sources("separated", sources)), silence)
    made, _ = soundfile.read(tmp_path / "item" / "dialogue-000.flac", dtype="int16")
    assert (made[:1000, 0] == levels[:1000, 0]).all() and (made[2000:, 1] == levels[2000:, 0]).all()
    assert (made[1005:1995, 0] == 8192).all() and (made[1005:1995, 1] == -16384).all()
    assert not made[2000:, 0].any() and not made[:1000, 1].any()


def test_a_recording_with_one_speaker_a_channel_is_copied_whole(tmp_path: Path) -> None:
    levels = integers(5000, 24, channels=2)
    turns = talk(1000, ("LEFT", 0, 2), ("RIGHT", 1, 5))
    done = Assemble().run(masked(take_of(tmp_path, levels, 1000, 24, turns)), silence)
    made, _ = soundfile.read(tmp_path / "item" / "dialogue-000.flac", dtype="int32")
    assert (made >> 8 == levels).all()
    assert [[(s.span, s.origin) for s in track.stretches] for track in done.conversation.tracks] == [
        [(Span(0, 5000), "recorded")]
    ] * 2


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("pairing", ["dyadic", "main"])
def test_a_monologue_is_refused(tmp_path: Path, channels: int, pairing: str) -> None:
    take = take_of(tmp_path, integers(3000, 16, channels), 1000, 16, talk(1000, ("LEFT", 0, 2)))
    with pytest.raises(SepdiarError, match=r"SD121.*talk\.wav: 1 speaker$"):
        Assemble(pairing).run(take, silence)


def test_samples_beyond_full_scale_are_clipped_and_said(tmp_path: Path) -> None:
    take = take_of(tmp_path, np.full((3000, 1), 40_000), 1000, 16, talk(1000, ("A", 0, 2), ("B", 2, 3)))
    told: list[Event] = []
    Assemble(fade_ms=0).run(take, told.append)
    made, _ = soundfile.read(tmp_path / "item" / "dialogue-000.flac", dtype="int16")
    assert made.max() == 32767 and [event.facts["message"] for event in told] == [
        "dialogue-000.flac: 3000 samples were beyond full scale and are clipped"
    ]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"pairing": "trio"}, "pairing"),
        ({"fade_ms": -1}, "fade_ms"),
        ({"fade_ms": "5 ms"}, "fade_ms"),
        ({"minimum_seconds": float("inf")}, "minimum_seconds"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_runs(settings: dict[str, object], key: str) -> None:
    with pytest.raises(SepdiarError, match=f"SD202.*assemble.{key}"):
        Assemble(**settings).check()  # type: ignore[arg-type]


def test_samples_between_two_levels_go_to_the_nearest(tmp_path: Path) -> None:
    write_flac(tmp_path / "a.flac", 8000, 16, [np.array([[0.6, -0.6], [1.4, -1.4]]) / 32768])
    assert soundfile.read(tmp_path / "a.flac", dtype="int16")[0].tolist() == [[1, -1], [1, -1]]


@pytest.mark.parametrize("rate", [96_001, 655_360])
def test_a_rate_that_flac_cannot_hold_is_said(tmp_path: Path, rate: int) -> None:
    with pytest.raises(SepdiarError, match=f"SD117.*{rate} Hz"):
        write_flac(tmp_path / "a.flac", rate, 16, [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_error_and_not_a_file_that_looks_whole() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_flac(Path("/dev/full"), 16000, 16, [np.random.default_rng(1).uniform(-1, 1, (100_000, 2))])
