"""Word times of known sentences, against voices whose words are known to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats import ctm, read_conversation
from sepdiar.simulation import simulate
from sepdiar.simulation.align import RATE, Aligner, main


@pytest.fixture(scope="module")
def sentences(podcasts: Path) -> list[tuple[np.ndarray, list[tuple[str, Span]]]]:
    """Turns of an example talk in which one speaks, with their words."""
    folder = podcasts.parent / "truth" / "bread"
    value = read_conversation(folder / "conversation.json")
    channel = {track.speaker: track.channel for track in value.tracks}
    audio, rate = soundfile.read(folder / "channels.flac", dtype="float32")
    assert rate == RATE
    kept = [turn for turn in value.turns if len(turn.words) > 3][:6]
    return [
        (
            audio[turn.span.start : turn.span.end, channel[turn.speaker]],
            [(word.text, word.span.shift(-turn.span.start)) for word in turn.words],
        )
        for turn in kept
    ]


def test_words_begin_when_they_are_said(sentences: list[tuple[np.ndarray, list[tuple[str, Span]]]]) -> None:
    aligner, errors = Aligner(), []
    for samples, words in sentences:
        text = " ".join(word.strip(".,?!").lower() for word, _ in words)
        found = aligner.words(samples, text)
        if found:
            errors += [abs(span.start - true.start) / RATE for (_, span), (_, true) in zip(found, words, strict=True)]
    assert len(errors) >= 20
    assert np.median(errors) < 0.03 and np.quantile(errors, 0.9) < 0.1


def test_a_word_nobody_knows_leaves_the_sentence_out() -> None:
    aligner = Aligner()
    assert aligner.unknown("the xyzzyq sang") == ["xyzzyq"]
    assert aligner.words(np.zeros(RATE, np.float32), "the xyzzyq sang") == []
    assert aligner.words(np.zeros(RATE, np.float32), "") == []


def test_the_command_writes_what_simulate_reads(
    sentences: list[tuple[np.ndarray, list[tuple[str, Span]]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["utt\tspeaker\tfile\ttext"]
    for number, (samples, words) in enumerate(sentences):
        soundfile.write(tmp_path / f"{number}.wav", samples, RATE, "PCM_16")
        lines.append(f"u{number}\ts{number % 2}\t{number}.wav\t{' '.join(word.strip('.,?!').lower() for word, _ in words)}")
    soundfile.write(tmp_path / "strange.wav", sentences[0][0], RATE, "PCM_16")
    lines.append("u9\ts1\tstrange.wav\txyzzyq")
    manifest, out = tmp_path / "lines.tsv", tmp_path / "lines.ctm"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main([str(manifest), "--out", str(out)]) == 0
    assert "left out" in capsys.readouterr().err
    assert {row.session for row in ctm.parse(out.read_text(encoding="utf-8"), "words")} <= {
        f"u{n}" for n in range(len(sentences))
    }
    made = simulate(manifest, tmp_path / "talk", seconds=12, timed=True)
    value = read_conversation(next((tmp_path / "talk").glob("*/conversation.json")))
    assert made["dialogues"] and any(turn.words for turn in value.turns)


def test_timed_speech_is_refused_where_there_is_none(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE, np.float32), RATE)
    manifest = tmp_path / "lines.tsv"
    manifest.write_text("utt\tspeaker\tfile\ttext\nu1\ts1\ta.wav\thello\n", encoding="utf-8")
    with pytest.raises(SepdiarError) as refused:
        simulate(manifest, tmp_path / "talk", timed=True)
    assert refused.value.code == "SD202" and "align" in refused.value.hint
