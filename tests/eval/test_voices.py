"""The comparison of models that hear voices: its trials, its figures, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sepdiar.errors import SepdiarError
from sepdiar.evaluation import voices as command
from sepdiar.evaluation.trials import Groups, Pairs, Trials, equal_error, separated, stretches, two_heaps
from sepdiar.testing import voices
from sepdiar.training.corpus import gather


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three speakers of one corpus, one of another."""
    path = voices(tmp_path_factory.mktemp("speech"), speakers=4, utterances=3)
    header, *rows = path.read_text().splitlines()
    kept = [f"{row}\tdev\t{'second' if row.split()[1] == rows[-1].split()[1] else 'first'}" for row in rows]
    path.write_text("\n".join([f"{header}\tsplit\tcorpus", *kept]) + "\n")
    return path


@pytest.fixture(scope="module")
def trials(manifest: Path) -> Trials:
    corpus = gather(manifest, "dev", manifest.parent / "cache")
    last = corpus.speakers[-1]
    corpora = {name: "second" if name == last else "first" for name in corpus.speakers}
    return Trials.of(corpus, lengths=(1.0,), each=3, corpora=corpora)


def pairs(own: list[float], others: list[float]) -> Pairs:
    """Scores within the speakers 0 and 1, and between them."""
    score = np.array([*own, *others])
    one = np.array([*(i % 2 for i in range(len(own))), *([0] * len(others))])
    return Pairs(score, one, np.array([*one[: len(own)], *([1] * len(others))]))


def test_equal_error_of_known_scores() -> None:
    assert equal_error(pairs([0.9, 0.8, 0.7], [0.1, 0.2])) == 0
    assert equal_error(pairs([0.1, 0.2], [0.8, 0.9])) == 1
    rng = np.random.default_rng(0)
    close = pairs(list(rng.normal(1, 1, 20_000)), list(rng.normal(-1, 1, 20_000)))
    assert equal_error(close) == pytest.approx(0.1587, abs=0.006)


def test_a_speaker_drawn_twice_counts_twice() -> None:
    own = pairs([0.9, 0.1], [0.5, 0.5])
    assert equal_error(own, np.array([1.0, 3.0])) > equal_error(own, np.array([3.0, 1.0]))
    groups = Groups(*(np.array(row) for row in ([0, 2], [20, 20], [0, 0], [1, 2])))
    assert separated(groups).perfect == 0.5
    assert separated(groups).wrong == 0.05
    assert separated(groups, np.array([1.0, 3.0, 1.0])).perfect == 0.75


def test_two_heaps_are_found() -> None:
    rng = np.random.default_rng(1)
    middles = np.repeat(np.eye(2, 8), 10, axis=0)
    vectors = middles + rng.normal(0, 0.1, (20, 8))
    heap = two_heaps((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))
    assert len(set(heap[:10])) == len(set(heap[10:])) == 1
    assert heap[0] != heap[10]


def test_stretches_do_not_overlap() -> None:
    cut = stretches(np.arange(1050, dtype=np.float32), 100, 4)
    assert cut.shape == (4, 100)
    assert len(np.unique(cut)) == 400
    assert stretches(np.zeros(50, np.float32), 100, 4).shape == (0, 100)


def test_only_voices_of_one_corpus_are_compared(trials: Trials, manifest: Path) -> None:
    trial = trials.stretches["clean 1.0 s"]
    recording = trial.recordings[0]
    found = trial.pairs(lambda samples: np.ones((len(samples), 2), np.float32))
    assert not ((found.one == 3) ^ (found.two == 3)).any()
    assert ((found.one == 3) & (found.two == 3)).any()
    assert recording.samples.shape == (12, 16_000)
    again = Trials.of(gather(manifest, "dev", manifest.parent / "cache"), lengths=(1.0,), each=3, heaps=False)
    one, two = (made.stretches["noisy 1.0 s"].recordings[1].samples for made in (again, trials))
    assert np.array_equal(one, two)


def test_the_command_compares_models(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--speech", str(manifest), "--cache", str(manifest.parent / "cache"), "--model", "compact-embedding"]
    assert command.main([*words, "--model", "cepstra"]) == 0
    result = json.loads(capsys.readouterr().out)
    row = result["figures"]["eer, clean 1.0 s"]
    assert result["speakers"] == 4
    assert 0 <= row["compact-embedding"]["value"] <= 1
    assert row["cepstra"]["more_than_first"][0] <= row["cepstra"]["more_than_first"][1]


def test_a_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(SepdiarError, match="nobody"):
        command.model("nobody")
