"""The one front of all metrics, what its results look like, and a run against its truth."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from sepdiar.conversation import Conversation, Recording, Span, Track, Turn, Word, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.formats import rttm
from sepdiar.formats.segments import Segment, of_conversation
from sepdiar.metrics import score
from sepdiar.metrics.result import need
from sepdiar.metrics.truth import against_truth

HAS_MEETEVAL = importlib.util.find_spec("meeteval") is not None
RATE = 8000


@pytest.fixture
def files(tmp_path):
    one, other = tmp_path / "ref.rttm", tmp_path / "hyp.rttm"
    one.write_text(rttm.dumps([Segment("talk", "A", Span(0, 4_000_000))]))
    other.write_text(rttm.dumps([Segment("talk", "x", Span(0, 3_000_000))]))
    (tmp_path / "talk.uem").write_text("talk 1 0 2\n")
    return tmp_path


def test_der_of_files(files):
    result = score("der", files / "ref.rttm", files / "hyp.rttm")
    written = json.loads(result.to_json())
    assert (written["metric"], written["value"], written["counts"]["miss"]) == ("der", 0.25, 1.0)
    assert written["protocol"] == result.protocol and written["sessions"]["talk"]["value"] == 0.25
    assert score("der", files / "ref.rttm", str(files / "hyp.rttm"), uem=files / "talk.uem").value == 0


def test_turns_of_files(files):
    assert score("turns", files / "ref.rttm", files / "hyp.rttm").counts["onsets_50ms"] == 1


@pytest.mark.skipif(not HAS_MEETEVAL, reason="needs meeteval: pip install 'sepdiar[wer]'")
def test_the_fox_in_files(tmp_path):
    (tmp_path / "ref.stm").write_text("talk 1 A 0 2 The quick brown fox\ntalk 1 B 1 3 jumps over the lazy dog\n")
    (tmp_path / "hyp.stm").write_text("talk 1 1 0 2 The kwick brown fox\ntalk 1 2 1 3 jump over lazy \n")
    for kind in ("cp", "tcp", "orc"):
        result = score("wer", tmp_path / "ref.stm", tmp_path / "hyp.stm", kind=kind)
        assert (result.metric, result.value) == (f"{kind}wer", 4 / 9)


@pytest.mark.parametrize(
    ("metric", "options", "code"),
    [
        ("cer", {}, "SD201"),
        ("turns", {"collar": 0.25}, "SD202"),
        ("der", {"kind": "cp"}, "SD202"),
        ("der", {"collar": -1.0}, "SD202"),
        ("der", {"collar": float("nan")}, "SD202"),
        ("wer", {"skip_overlap": True}, "SD202"),
        ("separation", {"uem": "x.uem"}, "SD202"),
    ],
)
def test_options_that_a_metric_has_not_are_refused(files, metric, options, code):
    with pytest.raises(SepdiarError) as caught:
        score(metric, files / "ref.rttm", files / "hyp.rttm", **options)
    assert caught.value.code == code


@pytest.mark.parametrize("package", ["no_such_package", "no_such.package"])
def test_a_missing_package_names_the_command(package):
    with pytest.raises(SepdiarError) as caught:
        need(package, "wer")
    assert (caught.value.code, caught.value.hint) == ("SD250", "pip install 'sepdiar[wer]'")


def test_importing_the_metrics_loads_nothing_heavy():
    code = "import sys, sepdiar.metrics, sepdiar.formats; print(*{'numpy', 'scipy', 'pyannote', 'meeteval'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_a_run_against_its_truth(tmp_path):
    """A speaks from 0 to 3 s, B from 2 to 5 s; the run is B's onset 0.1 s late, and gives overlap to both channels."""
    random = np.random.default_rng(3)
    channels = np.rint(random.standard_normal((5 * RATE, 2)) * 1000) / 32768
    channels[3 * RATE :, 0] = 0
    channels[: 2 * RATE, 1] = 0
    truth = tmp_path / "truth" / "dialogue-0000"
    truth.mkdir(parents=True)
    soundfile.write(truth / "channels.flac", channels, RATE, subtype="PCM_16")
    soundfile.write(truth / "mixture.flac", channels.sum(axis=1), RATE, subtype="PCM_16")
    recording = Recording("dialogue-0000", "mixture.flac", "f" * 64, RATE, 5 * RATE, 1)
    true = (_turn("A", 0, 3, "Hello,"), _turn("B", 2, 5, "Yes!"))
    tracks = tuple(Track(name, "channels.flac", number, Span(0, 5 * RATE)) for number, name in enumerate("AB"))
    (truth / "conversation.json").write_text(Conversation(recording, mark_overlaps(true), tracks).to_json())

    item = tmp_path / "run" / "items" / "podcast-1"
    item.mkdir(parents=True)
    (item / "SUMS").touch()
    late = round(2.1 * RATE)
    mixture = channels.sum(axis=1)
    at = np.arange(5 * RATE)
    masked = np.stack([mixture * (at < 3 * RATE), mixture * (at >= late)], axis=1)
    span = Span(RATE, 5 * RATE)
    soundfile.write(item / "dialogue-000.flac", masked[RATE:], RATE, subtype="PCM_16")
    made = (_turn("S1", 0, 3, "hello"), _turn("S2", 2.1, 5, "yes"))
    tracks = tuple(Track(name, "dialogue-000.flac", number, span) for number, name in enumerate(("S1", "S2")))
    named = Recording("podcast-1", "podcasts/podcast-1.flac", "f" * 64, RATE, 5 * RATE, 1)
    (item / "conversation.json").write_text(Conversation(named, mark_overlaps(made), tracks).to_json())

    scores = against_truth(tmp_path / "run", tmp_path / "truth")
    assert scores["der"].value == pytest.approx(0.1 / 6)
    assert scores["turns"].value == 1 / 2
    assert ("wer" in scores) == HAS_MEETEVAL
    if HAS_MEETEVAL:
        assert scores["wer"].value == 0
    first, second = scores["separation"].per_session["podcast-1/dialogue-000.flac"].figures["channels"]
    assert first["si_sdr_clean"] == second["si_sdr_clean"] == 100
    assert (first["leakage"], second["leakage"]) == (-100, -100)
    assert -1 < first["si_sdr_overlap"] < 1  # two of equal power
    assert "over the sum of the reference channels" in scores["separation"].protocol
    with pytest.raises(SepdiarError, match="SD601"):
        against_truth(tmp_path / "run", tmp_path / "run" / "items" / "none")


def test_words_of_a_conversation_are_its_text():
    conversation = Conversation(Recording("talk", "t", "", RATE, RATE, 1), (_turn("A", 0, 1, "so it is"),))
    assert of_conversation(conversation)[0].words == "so it is"


def _turn(speaker, start, end, text):
    span = Span(round(start * RATE), round(end * RATE))
    return Turn(speaker, span, tuple(Word(word, span) for word in text.split()))


def test_a_run_is_scored_against_the_truth_of_the_same_recording_whatever_either_calls_it(tmp_path):
    turns = (Turn("A", Span(0, 4 * RATE)), Turn("B", Span(4 * RATE, 8 * RATE)))
    for place, name, sha256 in [
        ("truth/one", "one", "a1"),
        ("truth/two", "two", "b2"),
        ("run/items/mixture-b2", "mixture-b2", "b2"),
    ]:
        folder = tmp_path / place
        folder.mkdir(parents=True)
        recording = Recording(name, f"{name}.flac", sha256, RATE, 8 * RATE, 1)
        (folder / "conversation.json").write_text(Conversation(recording, turns).to_json())
    result = score("der", tmp_path / "truth", tmp_path / "run")
    assert {name: one.value for name, one in result.per_session.items()} == {"one": 1.0, "two": 0.0}
