"""The recogniser's error rate: counted over all words, with an interval that knows that utterances of one speaker go together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sepdiar.audio.source import Audio
from sepdiar.conversation import Span, Word
from sepdiar.evaluation.recognizer import evaluate, interval, main
from sepdiar.simulation.manifest import read_manifest
from sepdiar.testing import voices


class Deaf:
    """Hears one and the same word in everything."""

    rate = 8000
    training_grade = False

    def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
        return [Word("mi", span) for span in spans]


def test_errors_are_counted_over_all_words(tmp_path: Path) -> None:
    pytest.importorskip("meeteval")
    utterances = read_manifest(voices(tmp_path, speakers=3, utterances=5))
    texts = [utterance.text.split() for utterance in utterances]
    found = evaluate(Deaf(), utterances)
    wrong = sum(len(text) - ("mi" in text) for text in texts)
    assert found["wer"] == pytest.approx(wrong / sum(map(len, texts)))
    assert found["interval"][0] <= found["wer"] <= found["interval"][1]
    assert (found["utterances"], found["speakers"]) == (15, 3)


def test_the_interval_is_over_speakers_not_over_utterances() -> None:
    counts = {f"{name}{n}": {"errors": wrong, "length": 10} for name, wrong in (("a", 1), ("b", 9)) for n in range(50)}
    assert interval(counts, {utterance: utterance[0] for utterance in counts}) == pytest.approx((0.1, 0.9))
    low, high = interval(counts, {utterance: utterance for utterance in counts})
    assert 0.35 < low < 0.5 < high < 0.65


def test_the_command_needs_a_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "--speech" in capsys.readouterr().err
