"""The row of an array: which microphones it has in each layout, what is refused, and that it hears more than one of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from sepdiar import corpora, eval
from sepdiar.audio.source import Samples
from sepdiar.cli import sepdiar as front
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.meetings.array import microphones
from sepdiar.evaluation.summary import kinds
from sepdiar.formats import seglst
from sepdiar.formats.segments import of_conversation
from sepdiar.metrics.energies import si_sdr
from sepdiar.testing import speaker, speech

RATE = 8000
SENTENCE = ("sami", "koto", "pima", "teku", "paso")
SHARED = RATE  # samples in which one goes on while the next begins
HEARD = {"A": ((1.0, 0.9, 0.7, 0.8), (0, 1, 3, 4)), "B": ((0.7, 0.8, 1.0, 0.9), (5, 3, 1, 0))}
"""How loud each voice comes to each of the four microphones, and how many samples late."""
NEMO = find_spec("nemo") is not None
RECIPE = """about = "no model"
chain = ["decode", "diarize", "separate", "assemble", "transcribe", "write"]
[diarize]
backend = "oracle"
[separate]
backend = "masking"
[assemble]
pairing = "main"
[transcribe]
backend = "oracle"
"""


@dataclass(frozen=True)
class Talk:
    """Two people who fall into each other's words, each as the four microphones hear them."""

    images: dict[str, Samples]
    said: list[tuple[str, int, int]]

    @property
    def mixture(self) -> Samples:
        noise = 1e-4 * np.random.default_rng(1).standard_normal((len(self.images["A"]), 4))
        return (sum(self.images.values()) + noise).astype(np.float32)


def fluent(voice: int) -> list[Samples]:
    """Sentences without a pause, from the first word to the last: no word whose time is guessed falls into silence."""
    found = []
    for seed in count():
        samples, times = speech(SENTENCE, speaker(voice), rate=RATE, seed=seed)
        if all(after[0] - before[1] < 0.1 for before, after in pairwise(times)):
            found.append(samples[round(times[0][0] * RATE) : round(times[-1][1] * RATE)])
        if len(found) == 2:
            return found


@pytest.fixture(scope="module")
def talk() -> Talk:
    lines, said, at = {"A": fluent(0), "B": fluent(1)}, [], RATE // 2
    dry = {name: np.zeros(12 * RATE) for name in lines}
    for turn in range(4):
        name = "AB"[turn % 2]
        samples = lines[name][turn // 2]
        dry[name][at : at + len(samples)] = samples
        said.append((name, at, at + len(samples)))
        at += len(samples) - SHARED
    late = {name: [np.roll(dry[name], delay) for delay in HEARD[name][1]] for name in dry}
    return Talk({name: np.stack(own, axis=1) * HEARD[name][0] for name, own in late.items()}, said)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recipe") / "words.toml"
    file.write_text(RECIPE)
    return file


def libricss(talk: Talk, folder: Path, channels: int = 4) -> Path:
    """The session 0 of OV40, as it is released but for the number of microphones."""
    place = folder / "OV40" / "overlap_ratio_40.0_sil0.1_1.0_session0_actual39.8"
    for part in ("record", "transcription"):
        (place / part).mkdir(parents=True)
    soundfile.write(place / "record" / "raw_recording.wav", talk.mixture[:, :channels], RATE)
    rows = [f"{start / RATE}\t{end / RATE}\t{name}\t{name}-1\t{' '.join(SENTENCE)}\n" for name, start, end in talk.said]
    (place / "transcription" / "meeting_info.txt").write_text("".join(["start\tend\tspeaker\tutterance\ttext\n", *rows]))
    return folder


def chime6(talk: Talk, folder: Path, files: dict[str, int]) -> Path:
    """The session S01 of the evaluation: `files` by what stands behind its name, each a microphone."""
    rows = [
        {"speaker": name, "start_time": str(start / RATE), "end_time": str(end / RATE), "words": " ".join(SENTENCE)}
        for name, start, end in talk.said
    ]
    for place in ("transcriptions/eval", "audio/eval"):
        (folder / place).mkdir(parents=True)
    (folder / "transcriptions" / "eval" / "S01.json").write_text(json.dumps(rows))
    for name, channel in files.items():
        soundfile.write(folder / "audio" / "eval" / f"S01_{name}.wav", talk.mixture[:, channel], RATE)
    return folder


def oracle(data: Path, layout: str, out: Path) -> tuple[str, ...]:
    """The settings that let a chain read what is true of the recording, and of each of its turns by itself."""
    (truth,) = corpora.read(data, layout)
    segments = list(of_conversation(truth.conversation))
    apart = [replace(one, session=f"{one.session}-{number:04d}") for number, one in enumerate(segments)]
    words = data / "words.seglst.json"
    words.write_text(seglst.dumps([*segments, *(replace(one, span=Span(0, len(one.span))) for one in apart)]))
    return (f"diarize.oracle.turns={out / 'truth'}", f"transcribe.oracle.words={words}")


def through(results: dict, table: str) -> list[dict]:
    """The rows of a table that are the array's."""
    return [row for one in results["tables"] if one["name"] == table for row in one["rows"] if "GSS" in row["system"]]


def prepared(out: Path, data: Path, turns: str, layout: str, voices: Sequence[Samples]) -> Path:
    """What guided source separation would have left below `out`, had it been run before."""
    (truth,) = corpora.read(data, layout)
    place = out / f"gss-{turns}" / f"{truth.name}-{truth.conversation.recording.sha256[:12]}"
    place.mkdir(parents=True)
    soundfile.write(place / "voices.wav", np.stack(voices, axis=1), RATE, "FLOAT")
    return place


def test_the_array_of_libricss_is_all_channels_of_its_recording(talk, tmp_path):
    (truth,) = corpora.read(libricss(talk, tmp_path), "libricss")
    (array,) = microphones(truth)
    assert array.channels == 4 and truth.conversation.recording.channels == 4


def test_the_array_of_chime6_are_the_outer_microphones_of_all_of_its_arrays(talk, tmp_path):
    files = {"U01.CH1": 0, "U01.CH2": 1, "U01.CH4": 1, "U02.CH1": 2, "U02.CH4": 3, "P05": 0}
    (truth,) = corpora.read(chime6(talk, tmp_path, files), "chime6")
    assert [Path(file).stem for file in truth.array] == ["S01_U01.CH1", "S01_U01.CH4", "S01_U02.CH1", "S01_U02.CH4"]
    assert truth.array[0] == truth.conversation.recording.path
    soundfile.write(tmp_path / "audio" / "eval" / "S01_U02.CH1.wav", talk.mixture[: 5 * RATE, 2], RATE)
    (stopped,) = corpora.read(tmp_path, "chime6")
    assert [one.path.stem for one in microphones(stopped)] == ["S01_U01.CH1", "S01_U01.CH4", "S01_U02.CH4"]


def test_what_has_one_microphone_is_refused_with_where_to_get_the_others(talk, recipe, tmp_path):
    for name, split, data in (
        ("libricss", "dev", libricss(talk, tmp_path / "one", channels=1)),
        ("chime6", "test", chime6(talk, tmp_path / "party", {"U01.CH1": 0, "U01.CH2": 1})),
    ):
        out = tmp_path / "out"
        settings = [word for one in oracle(data, name, out) for word in ("--set", one)]
        asked = ["--out", str(out), "--recipe", str(recipe), "--split", split, "--gss", "oracle", *settings]
        refused = CliRunner().invoke(front, ["eval", name, str(data), *asked]).exception
        assert isinstance(refused, SepdiarError) and refused.code == "SD603" and "--gss needs two" in refused.what
        assert "https://" in refused.hint and not (out / "run").exists()


@pytest.mark.skipif(NEMO, reason="NeMo is installed")
def test_without_nemo_the_refusal_comes_before_the_work(talk, recipe, tmp_path):
    data, out = libricss(talk, tmp_path / "data"), tmp_path / "out"
    with pytest.raises(SepdiarError, match="SD250") as refused:
        eval.libricss(data, out, recipe=recipe, settings=oracle(data, "libricss", out), split="dev", gss="system")
    assert refused.value.hint == "pip install 'sepdiar[nemo]'" and not (out / "run").exists()


@pytest.mark.parametrize(("more", "gss", "code"), [((), "mine", "SD202"), (("transcribe.backend=none",), "oracle", "SD204")])
def test_turns_of_nobody_and_a_chain_without_words_are_refused(talk, recipe, tmp_path, more, gss, code):
    data, out = libricss(talk, tmp_path / "data"), tmp_path / "out"
    settings = (*oracle(data, "libricss", out), *more)
    with pytest.raises(SepdiarError, match=code):
        eval.libricss(data, out, recipe=recipe, settings=settings, split="dev", gss=gss)


@pytest.mark.parametrize("turns", ["system", "oracle"])
def test_voices_told_apart_before_are_recognised_and_have_their_row(talk, recipe, tmp_path, turns):
    data, out = libricss(talk, tmp_path / "data"), tmp_path / "out"
    place = prepared(out, data, turns, "libricss", [talk.images["A"][:, 0], np.zeros(12 * RATE)])
    results = eval.libricss(data, out, recipe=recipe, settings=oracle(data, "libricss", out), split="dev", workers=1, gss=turns)
    rows = through(results, "continuous")
    assert [row["system"].rpartition(": ")[2] for row in rows] == [f"GSS, {turns} turns, {key}" for key in ("cpWER", "ORC-WER")]
    assert [row["figures"]["OV40"]["value"] for row in rows] == [50.0, 50.0]  # nobody hears the silent one
    assert results["tables"][1]["rows"][0]["figures"]["OV40"]["value"] == 0.0
    assert "guided source separation of 4 microphones" in rows[0]["protocol"] and not through(results, "utterance-wise")
    assert kinds.told("results", results), "the page of all results knows what is written"
    (row,) = results["array"]
    assert row["counts"]["cp_errors"] == 10 and (place / "conversation.json").is_file()
    assert "GSS, " in (out / "README.md").read_text()


def test_track_1_of_chime6_is_that_of_the_true_turns(talk, recipe, tmp_path):
    data, out = chime6(talk, tmp_path / "data", {"U01.CH1": 0, "U01.CH4": 3}), tmp_path / "out"
    for turns in ("oracle", "system"):
        prepared(out, data, turns, "chime6", [talk.images["A"][:, 0], np.zeros(12 * RATE)])
        results = eval.chime6(data, out, recipe=recipe, settings=oracle(data, "chime6", out), workers=1, gss=turns)
        (row,) = through(results, "chime6")
        found = {key: one["value"] for key, one in row["figures"].items()}
        assert found == {"track 1 WER": 50.0 if turns == "oracle" else None, "DER": 0.0, "JER": 0.0, "cpWER": 50.0}
        assert [one["figures"]["tcpWER"]["value"] for one in through(results, "chime8")] == [50.0]


@pytest.mark.slow
@pytest.mark.skipif(not NEMO, reason="needs sepdiar[nemo]")
def test_the_array_tells_voices_apart_that_one_microphone_does_not(talk, recipe, tmp_path):
    data, out = libricss(talk, tmp_path / "data"), tmp_path / "out"
    results = eval.libricss(
        data, out, recipe=recipe, settings=oracle(data, "libricss", out), split="dev", workers=1, gss="system"
    )
    assert [row["figures"]["OV40"]["value"] for row in through(results, "continuous")] == [0.0, 0.0]
    (place,) = (out / "gss-system").iterdir()
    voices, rate = soundfile.read(place / "voices.wav")
    assert (rate, voices.shape) == (RATE, (len(talk.mixture), 2))
    for (_, _, end), (_, start, _) in pairwise(talk.said):  # each turn has its own microphone of reference
        for made, name in zip(voices.T, "AB", strict=True):
            before = max(best(talk.images[name][start:end], heard) for heard in talk.mixture[start:end].T)
            apart = best(talk.images[name][start:end], made[start:end])
            print(f"{name} from {start / RATE:.2f} s: {before:.1f} dB by the best microphone, {apart:.1f} dB by the array")
            assert apart > before + 6


def best(images: Samples, heard: Samples) -> float:
    """The SI-SDR against the voice as that microphone has it which fits best."""
    return max(ratio(image, heard) for image in images.T)


def ratio(reference: Samples, estimate: Samples) -> float:
    found = si_sdr(float(reference @ reference), float(estimate @ estimate), float(reference @ estimate))
    assert found is not None
    return found
