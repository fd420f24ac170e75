"""Whisper of random weights through the real path: a folder or as pulled, offline, and the same words every time."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.asr.stage import Transcribe
from sepdiar.asr.whisper import NO_SPEECH, REPEATED, UNSURE, Whisper
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Track, Turn, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_conversation
from sepdiar.models import cards, shelf
from sepdiar.pipeline import Take
from sepdiar.registry import backends, load
from sepdiar.store.disk import digest

RATE = 16_000


@pytest.fixture(scope="module")
def recognizer(tiny_whisper: Path) -> Whisper:
    return Whisper(path=str(tiny_whisper), beam=1, batch=2)


@pytest.fixture(scope="module")
def speech(podcasts: Path) -> ArrayAudio:
    frames, rate = soundfile.read(podcasts.parent / "truth" / "bread" / "channels.flac", 60 * RATE, dtype="float32")
    assert rate == RATE
    return ArrayAudio(np.ascontiguousarray(frames[:, 0]), RATE)


def pull(folder: Path, name: str, home: Path, skip: Sequence[str] = ()) -> None:
    """What `sepdiar models pull` leaves of a model that is published as in that folder; the lock says it is the card's."""
    public = cards.card(name).public
    record = shelf.Pulled(home / name, public.repository, public.revision)
    record.folder.mkdir(parents=True)
    for source in public.files:
        if source.path not in skip:
            shutil.copy(folder / source.path, record.folder)
        known = digest(folder / source.path)
        record = record.add(shelf.Kept(source.path, source.sha256 or known, source.kept, known))


def test_it_is_found_by_its_entry_point_and_says_what_it_lacks() -> None:
    assert load("recognizer", "whisper") is Whisper
    (row,) = [row for row in backends() if row.name == "whisper"]
    assert row.mend == ("pip install 'sepdiar[whisper]'" if row.missing else "")


def test_words_lie_within_the_spans_and_are_the_same_every_time(recognizer: Whisper, speech: ArrayAudio) -> None:
    spans = [Span(RATE // 2, 4 * RATE), Span(6 * RATE, 9 * RATE), Span(20 * RATE, 55 * RATE)]
    words = recognizer.transcribe(speech, spans)
    assert len(words) > 3 and list(words) == sorted(words, key=lambda word: word.span)
    assert all(any(word.span & span == word.span for span in spans) and len(word.span) for word in words)
    assert all(word.text == word.text.strip() and word.confidence and 0 < word.confidence <= 1 for word in words)
    assert recognizer.transcribe(speech, spans) == words
    assert recognizer.transcribe(speech, [*spans, Span(6 * RATE, 8 * RATE)]) == words
    assert recognizer.transcribe(speech, []) == []


def test_how_many_windows_are_heard_at_once_changes_no_word(tiny_whisper: Path, recognizer: Whisper, speech: ArrayAudio) -> None:
    windows = [speech.frames[start * RATE : (start + 5) * RATE] for start in (0, 5, 20)]
    together = recognizer.decoded(windows, "en")
    alone = [made for window in windows for made in recognizer.decoded([window], "en")]
    assert [[word.text for word in words] for words, _ in together] == [[word.text for word in words] for words, _ in alone]


def test_the_language_is_found_out_once_a_recording_and_recorded(
    tiny_whisper: Path, recognizer: Whisper, podcasts: Path, tmp_path: Path
) -> None:
    folder = podcasts.parent / "truth" / "bread"
    value = read_conversation(folder / "conversation.json")
    whole = Span(0, 20 * RATE)
    turns = [Turn(turn.speaker, span) for turn in value.turns if (span := turn.span & whole)]
    tracks = tuple(Track(one.speaker, one.file, one.channel, whole) for one in value.tracks)
    untold = replace(value, turns=mark_overlaps(turns), tracks=tracks)
    stage = Transcribe("whisper", whisper={"path": str(tiny_whisper), "beam": 1})
    stage.check()
    stage.open()
    done = stage.run(Take(untold, folder, folder, tmp_path), lambda event: None).conversation
    record = stage.provenance()
    assert record.model == "whisper-random" and len(record.model_sha256) == 64
    assert record.parameters["language"] in recognizer._network.supported_languages
    assert 0 < record.parameters["language_probability"] <= 1
    assert record.parameters["words"] == sum(len(turn.words) for turn in done.turns) > 0
    assert list(tmp_path.iterdir()) == []
    assert Whisper(path=str(tiny_whisper), beam=1).of(untold, []).facts["language"] == "", "nothing was heard"
    french = Whisper(path=str(tiny_whisper), language="fr", beam=1).of(untold, [])
    assert french.facts == {"language": "fr", "silence": 0, "loop": 0}


def test_a_pulled_model_is_the_same_by_size_and_by_name_and_needs_no_network(
    tiny_whisper: Path, recognizer: Whisper, speech: ArrayAudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    published = tmp_path / "published"
    shutil.copytree(tiny_whisper, published)
    (published / "preprocessor_config.json").write_text('{"feature_size": 80}')
    with pytest.raises(SepdiarError, match="SD251") as refused:
        Whisper("turbo")
    assert refused.value.hint == "sepdiar models pull whisper-turbo"
    pull(published, "whisper-turbo", tmp_path)
    by_size, by_name = Whisper("turbo", beam=1), Whisper("whisper-turbo", beam=1)
    assert by_size.model == by_name.model == "whisper-turbo" and by_size.model_sha256 == by_name.model_sha256
    spans = [Span(0, 9 * RATE)]
    assert by_size.transcribe(speech, spans) == recognizer.transcribe(speech, spans)
    (tmp_path / "whisper-turbo" / "tokenizer.json").write_text("{}")
    with pytest.raises(SepdiarError, match="SD251"):
        Whisper("turbo")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"model": "huge"}, "SD202"),
        ({"model": "mossformer2-16k"}, "SD202"),
        ({"language": "xx"}, "SD202"),
        ({"beam": 0}, "SD202"),
        ({"batch": 1.5}, "SD202"),
        ({"compute_type": "int3"}, "SD202"),
        ({"device": "mps"}, "SD253"),
        ({"device": "cuda:99"}, "SD253"),
    ],
)
def test_what_it_cannot_do_is_refused(tiny_whisper: Path, settings: dict[str, object], code: str) -> None:
    place = {} if "model" in settings else {"path": str(tiny_whisper)}
    with pytest.raises(SepdiarError) as refused:
        Whisper(**{**place, **settings})  # type: ignore[arg-type]
    assert refused.value.code == code


@pytest.mark.parametrize("lacks", ["model.bin", "tokenizer.json", "vocabulary.json"])
def test_a_folder_without_one_of_the_files_is_refused_and_nothing_is_fetched(
    tiny_whisper: Path, tmp_path: Path, lacks: str
) -> None:
    for file in tiny_whisper.iterdir():
        if file.name != lacks:
            shutil.copy(file, tmp_path)
    with pytest.raises(SepdiarError, match="SD251"):
        Whisper(path=str(tmp_path))


def test_what_is_no_model_is_refused(tiny_whisper: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_whisper, tmp_path / "x")
    (tmp_path / "x" / "model.bin").write_bytes(b"no model")
    with pytest.raises(SepdiarError, match="SD251"):
        Whisper(path=str(tmp_path / "x"))


def test_a_failed_window_is_heard_again_in_parts_and_then_left_out(
    recognizer: Whisper, speech: ArrayAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every window but those of one utterance counts as a loop, and of these the first."""
    from sepdiar.asr import whisper

    spans = [Span(start * RATE, (start + 2) * RATE) for start in (0, 5, 10)]
    asked: list[int] = []
    decoded = recognizer.decoded

    def failing(windows: Sequence[np.ndarray], language: str) -> list[tuple[list[object], str]]:
        asked.append(len(windows))
        loops = [True] if len(asked) < 3 else [False] * len(windows)
        return [(words, "loop" if loop else "") for (words, _), loop in zip(decoded(windows, language), loops * 9, strict=False)]

    monkeypatch.setattr(recognizer, "decoded", failing)
    heard = whisper.Listening(recognizer, "en", None)
    words = heard.words(speech, spans)
    assert asked == [1, 2, 1]
    assert heard.facts["loop"] == 2
    assert all(word.span & spans[2] for word in words)


def test_what_its_authors_call_a_failure_is_one() -> None:
    from types import SimpleNamespace

    from sepdiar.asr.whisper import _wrong

    fine = {"no_speech_prob": NO_SPEECH, "avg_logprob": UNSURE, "compression_ratio": REPEATED}
    assert _wrong(SimpleNamespace(**fine)) == ""
    assert _wrong(SimpleNamespace(**fine | {"no_speech_prob": 0.7})) == ""
    assert _wrong(SimpleNamespace(**fine | {"no_speech_prob": 0.7, "avg_logprob": -1.1})) == "silence"
    assert _wrong(SimpleNamespace(**fine | {"compression_ratio": 2.5})) == "loop"
