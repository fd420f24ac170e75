"""The benchmarks of meetings on small data in the real layouts: an oracle makes no error, and what is missing is said."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from itertools import islice, pairwise
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner

from sepdiar import corpora, eval
from sepdiar.audio.source import Within
from sepdiar.cli import sepdiar as front
from sepdiar.config import resolve
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import shipped
from sepdiar.evaluation.meetings import utterances
from sepdiar.evaluation.meetings.ami import references
from sepdiar.evaluation.meetings.normalizer import chime8
from sepdiar.evaluation.meetings.scores import FIGURES
from sepdiar.evaluation.summary import kinds
from sepdiar.formats import rttm, seglst
from sepdiar.formats.segments import Segment, of_conversation
from sepdiar.metrics.sides import open_audio
from sepdiar.simulation.meetings import CONDITIONS, Sessions, make_sessions
from sepdiar.testing import speaker, speech

RATE = 8000
SENTENCE = ("sami", "koto", "pima", "teku", "paso")
WORDS = """about = "no model"
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
TURNS = """about = "turns alone"
chain = ["decode", "diarize", "assemble", "write"]
[diarize]
backend = "oracle"
"""


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recipes")
    found = {"words": folder / "words.toml", "turns": folder / "turns.toml"}
    found["words"].write_text(WORDS)
    found["turns"].write_text(TURNS)
    return found


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short sentences of three voices, without a pause: a word whose time is only guessed never falls into silence."""
    folder = tmp_path_factory.mktemp("speech")
    rows = ["utt\tspeaker\tfile\ttext"]
    for voice in map(speaker, range(3)):
        fluent = (said for seed in range(99) if not pauses((said := speech(SENTENCE, voice, rate=RATE, seed=seed))[1]))
        for number, (samples, _) in enumerate(islice(fluent, 3)):
            soundfile.write(folder / f"{voice.name}-{number}.wav", samples, RATE)
            rows.append(f"{voice.name}-{number}\t{voice.name}\t{voice.name}-{number}.wav\t{' '.join(SENTENCE)}")
    return put("\n".join(rows) + "\n", folder / "manifest.tsv")


def pauses(times: list[tuple[float, float]]) -> bool:
    return any(after[0] - before[1] > 0.1 for before, after in pairwise(times))


@pytest.fixture(scope="module")
def released(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LibriCSS of a few seconds, of two speakers: of more, two who are on one channel may be taken for each other."""
    folder = tmp_path_factory.mktemp("libricss") / "for_release"
    make_sessions(manifest, folder, Sessions(2, 12.0, 2, seed=1))
    return folder


def oracle(out: Path, words: Path | None = None) -> tuple[str, ...]:
    """The settings that let a chain read what is true of the recordings."""
    turns = (f"diarize.oracle.turns={out / 'truth'}",)
    return (*turns, f"transcribe.oracle.words={words}") if words else turns


def figures(results: dict, table: str, row: int = 0) -> dict:
    """Value by column of a row of a table."""
    found = next(one for one in results["tables"] if one["name"] == table)
    return {column: one["value"] for column, one in found["rows"][row]["figures"].items()}


def all_words(truths: list[corpora.Truth], path: Path, wrong: str = "") -> Path:
    """What the oracle of words reads: of every recording, and of each true turn cut out, `wrong` instead of its first word."""
    segments = [one for truth in truths for one in of_conversation(truth.conversation)]
    for truth in truths:
        for number, one in enumerate(of_conversation(truth.conversation)):
            text = " ".join([wrong, *one.words.split()[1:]]) if wrong else one.words
            span = type(one.span)(0, len(one.span))
            segments.append(Segment(f"{one.session}-{number:04d}", "A", span, text))
    path.write_text(seglst.dumps(segments))
    return path


def test_what_is_simulated_has_the_overlap_that_was_asked_for(manifest, tmp_path):
    make_sessions(manifest, tmp_path, Sessions(1, 60.0, 8, seed=0))
    for name, condition in CONDITIONS.items():
        (place,) = (tmp_path / name).iterdir()
        actual = float(place.name.rpartition("actual")[2])
        assert actual == pytest.approx(100 * condition.overlap, abs=6), name


def test_a_session_is_the_same_however_many_are_made_and_other_speech_is_refused(manifest, released, tmp_path):
    make_sessions(manifest, tmp_path, Sessions(2, 12.0, 2, seed=1))
    ours, theirs = (
        {file.relative_to(root): file.read_bytes() for file in root.rglob("*.*") if file.is_file()}
        for root in (tmp_path, released)
    )
    assert ours == theirs
    with pytest.raises(SepdiarError, match="SD205"):
        make_sessions(manifest, tmp_path, Sessions(2, 12.0, 2, seed=2))


def test_libricss_with_true_turns_and_words_has_no_error(released, recipes, tmp_path):
    truths = list(corpora.read(released, "libricss"))
    words = all_words(truths, tmp_path / "words.seglst.json", wrong="na")
    out = tmp_path / "out"
    results = eval.libricss(released, out, recipe=recipes["words"], settings=oracle(out, words), limit=1, workers=1)
    assert len(results["recordings"]) == 6
    assert figures(results, "diarization") == dict.fromkeys(CONDITIONS, 0.0)
    assert figures(results, "continuous") == dict.fromkeys(CONDITIONS, 0.0)
    expected = {}
    for truth in truths:
        if not truth.name.endswith("session0"):
            turns = [turn.words for turn in truth.conversation.turns]
            wrong = sum(words[0].text != "na" for words in turns)
            expected[truth.name.partition("_")[0]] = pytest.approx(100 * wrong / sum(map(len, turns)), abs=1e-3)
    assert figures(results, "utterance-wise") == figures(results, "utterance-wise", 1) == expected
    rows = next(one for one in results["tables"] if one["name"] == "utterance-wise")["rows"]
    assert [row["figures"]["OV40"]["value"] for row in rows if row["source"]] == [43.2, 21.6]
    text = (out / "README.md").read_text()
    assert "optimistic" in text and "no bracket" not in text and json.loads((out / "results.json").read_text()) == results
    assert kinds.told("results", results), "the page of all results knows what is written"


def test_simulated_libricss_is_libricss_on_what_it_makes(manifest, recipes, tmp_path):
    out = tmp_path / "out"
    asked = {"sessions": 2, "minutes": 0.25, "split": "dev", "workers": 1}
    none = ("transcribe.backend=none",)
    results = eval.simulated_libricss(manifest, out, recipe=recipes["words"], settings=(*oracle(out), *none), **asked)
    assert figures(results, "diarization") == dict.fromkeys(CONDITIONS, 0.0)
    assert [table["name"] for table in results["tables"]] == ["diarization"]
    assert any("3 speakers" in line for line in results["protocol"])


def test_who_has_no_words_speaks_too_where_none_are_asked_for(manifest, recipes, tmp_path):
    lines = [line.split("\t") for line in manifest.read_text().splitlines()]
    speaker, text = lines[0].index("speaker"), lines[0].index("text")
    quiet = lines[1][speaker]
    told = [[*row[:text], "" if row[speaker] == quiet else row[text], *row[text + 1 :]] for row in lines]
    some = manifest.with_name("quiet.tsv")
    some.write_text("".join("\t".join(row) + "\n" for row in told))
    for wordless in (False, True):
        make_sessions(some, tmp_path / str(wordless), Sessions(1, 12.0, 3, seed=1, wordless=wordless))
        heard = {one for truth in corpora.read(tmp_path / str(wordless), "libricss") for one in truth.conversation.speakers}
        assert (quiet in heard) == wordless
    out = tmp_path / "out"
    settings = (*oracle(out), "transcribe.backend=none")
    asked = {"sessions": 2, "minutes": 0.25, "split": "dev", "workers": 1}
    results = eval.simulated_libricss(some, out, recipe=recipes["words"], settings=settings, **asked)
    assert figures(results, "diarization") == dict.fromkeys(CONDITIONS, 0.0)
    assert any("3 speakers" in line for line in results["protocol"])


@pytest.fixture(scope="module")
def talks(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> list[corpora.Truth]:
    """Two short sessions of two people, to be laid out as other corpora are."""
    folder = tmp_path_factory.mktemp("talks")
    make_sessions(manifest, folder, Sessions(2, 20.0, 2, seed=3))
    return [one for one in corpora.read(folder, "libricss") if one.name.startswith("OV20")]


def rttm_of(truth: corpora.Truth, name: str) -> str:
    return rttm.dumps(Segment(name, one.speaker, one.span) for one in of_conversation(truth.conversation))


def put(text: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def sound(truth: corpora.Truth, path: Path, level: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples, rate = soundfile.read(truth.folder / truth.conversation.recording.path)
    soundfile.write(path, level * samples, rate)
    return path


def test_voxconverse_and_one_who_speaks_alone(talks, recipes, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    for name, truth in zip(("abjxc", "bxpwa"), talks, strict=True):
        put(rttm_of(truth, name), data / "test" / f"{name}.rttm")
        sound(truth, data / "voxconverse_test_wav" / f"{name}.wav")
    put("SPEAKER solo 1 1.0 3.5 <NA> <NA> spk00 <NA> <NA>\n", data / "test" / "solo.rttm")
    sound(talks[0], data / "voxconverse_test_wav" / "solo.wav", level=0.5)
    assert [one.name for one in corpora.read(data)] == ["abjxc", "bxpwa", "solo"]
    turned = put(
        rttm_of(talks[0], "abjxc") + rttm_of(talks[1], "bxpwa") + "SPEAKER solo 1 1.0 1.75 <NA> <NA> me <NA> <NA>\n",
        tmp_path / "half.rttm",
    )
    results = eval.voxconverse(data, out, recipe=recipes["turns"], settings=(f"diarize.oracle.turns={turned}",), workers=1)
    spoken = sum(len(turn.span) for truth in talks for turn in truth.conversation.turns) / RATE
    assert figures(results, "der")["DER"] == pytest.approx(100 * 1.75 / (spoken + 3.5), abs=0.01)
    assert [row["system"] for row in results["tables"][0]["rows"]][1] == "pyannote 3.1"
    assert not any(row["failure"] for row in results["recordings"])
    before = (out / "run" / "events.log").read_text().count("item.done")
    assert (
        eval.voxconverse(data, out, recipe=recipes["turns"], settings=(f"diarize.oracle.turns={turned}",), workers=1)["tables"]
        == results["tables"]
    )
    assert (out / "run" / "events.log").read_text().count("item.done") == before


def test_ami_through_two_microphones_within_the_uem(talks, recipes, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    turns = []
    for name, truth in zip(("EN2002a", "ES2004a"), talks, strict=True):
        put(rttm_of(truth, name), data / "AMI-diarization-setup" / "only_words" / "rttms" / "test" / f"{name}.rttm")
        put(f"{name} 1 0.0 10.0\n", data / "AMI-diarization-setup" / "uems" / "test" / f"{name}.uem")
        sound(truth, data / name / "audio" / f"{name}.Mix-Headset.wav")
        sound(truth, data / name / "audio" / f"{name}.Array1-01.wav", level=0.5)
        for microphone in ("mix-headset", "sdm"):
            late = (one for one in of_conversation(truth.conversation) if microphone == "sdm" or one.span.start < 10_000_000)
            turns += [Segment(f"{name}.{microphone}", "all" if microphone == "sdm" else one.speaker, one.span) for one in late]
    turned = put(rttm.dumps(turns), tmp_path / "turns.rttm")
    results = eval.ami(data, out, recipe=recipes["turns"], settings=(f"diarize.oracle.turns={turned}",), workers=1)
    found = figures(results, "der")
    assert found["mix-headset"] == 0.0  # what is left out lies outside the UEM
    assert found["sdm"] > 20  # one speaker for all
    assert len(results["recordings"]) == 4
    assert any("only_words references" in line for line in results["protocol"])


def test_ami_without_its_references_takes_the_words_of_the_annotations(talks, tmp_path):
    with pytest.raises(SepdiarError, match="only_words/rttms/test"):
        references(tmp_path, "test")
    nite = 'xmlns:nite="http://nite.sourceforge.net/"'
    spoken = '<speaker channel="0" nxt_agent="A" global_name="FEE005"/>'
    put(f'<root {nite}><meeting observation="EN2002a">{spoken}</meeting></root>', tmp_path / "corpusResources" / "meetings.xml")
    times = (("1.0", "1.5"), ("1.5", "2.0"), ("3.0", "3.25"))
    words = "".join(
        f'<w nite:id="EN2002a.A.words{number}" starttime="{start}" endtime="{end}">so</w>'
        for number, (start, end) in enumerate(times)
    )
    put(f"<root {nite}>{words}</root>", tmp_path / "words" / "EN2002a.A.words.xml")
    first_to_last = "EN2002a.A.words.xml#id(EN2002a.A.words0)..id(EN2002a.A.words2)"
    segment = f'<segment transcriber_start="0.9" transcriber_end="3.4"><nite:child href="{first_to_last}"/></segment>'
    put(f"<root {nite}>{segment}</root>", tmp_path / "segments" / "EN2002a.A.segments.xml")
    sound(talks[0], tmp_path / "EN2002a" / "audio" / "EN2002a.Mix-Headset.wav")
    known, origin, _ = references(tmp_path, "test")
    assert [(turn.speaker, turn.span.start, turn.span.end) for turn in known["EN2002a"].turns] == [
        ("FEE005", 1_000_000, 2_000_000),  # words that touch are one stretch, a pause is none
        ("FEE005", 3_000_000, 3_250_000),
    ]
    assert "NXT" in origin
    with pytest.raises(SepdiarError, match="only_words/rttms/dev"):
        references(tmp_path, "dev")


def test_of_the_outputs_of_a_separator_the_best_one_counts(talks):
    truth = talks[0]
    said = [" ".join(word.text for word in turn.words) for turn in truth.conversation.turns]
    heard = [{"mixture": f"{text} too", "track 1": "", "track 2": text} for text in said]
    counts = utterances.scored(truth, heard, str)
    words = 5 * len(said)
    assert counts == {"best_errors": 0, "best_length": words, "mixture_errors": len(said), "mixture_length": words}


def test_every_output_of_the_separator_is_heard(talks, recipes, tmp_path):
    truth = talks[0]
    words = all_words([truth], tmp_path / "words.seglst.json")
    flags = {"separate.backend": "compact", "transcribe.oracle.words": str(words), "diarize.oracle.turns": "x"}
    ears = utterances.Ears.of(resolve(recipes["words"], flags=flags))
    audio = Within(open_audio(truth.folder / truth.conversation.recording.path), truth.conversation.turns[0].span)
    heard = ears.hear(f"{truth.name}-0000", audio)
    assert heard["mixture"] == " ".join(SENTENCE)
    assert list(heard) == ["mixture", "track 1", "track 2"]


def test_chime6_tracks_and_chime8(talks, recipes, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    uem = []
    for name, truth in zip(("S01", "S21"), talks, strict=True):
        rows = [
            {
                "session_id": name,
                "speaker": one.speaker,
                "start_time": f"0:00:{one.span.start / 1e6:05.2f}",
                "end_time": f"0:00:{one.span.end / 1e6:05.2f}",
                "words": f"[laughs] {one.words.upper()},",
            }
            for one in of_conversation(truth.conversation)
        ]
        put(json.dumps(rows), data / "transcriptions" / "eval" / f"{name}.json")
        sound(truth, data / "audio" / "eval" / f"{name}_U02.CH1.wav")
        uem.append(f"{name} 1 0 60")
    put("\n".join(uem) + "\n", data / "uem" / "eval" / "all.uem")
    truths = list(corpora.read(data))
    assert [one.name for one in truths] == ["S01", "S21"] and all(one.scored for one in truths)
    assert not any("laughs" in word.text for turn in truths[0].conversation.turns for word in turn.words)
    settings = oracle(out, out / "truth")
    results = eval.chime6(data, out, recipe=recipes["words"], settings=settings, workers=1)
    assert figures(results, "chime6") == dict.fromkeys(("track 1 WER", "DER", "JER", "cpWER"), 0.0)
    assert figures(results, "chime8") == dict.fromkeys(("tcpWER", "DER", "JER"), 0.0)
    assert any(
        "NOT the official one" in row["protocol"] or "official text" in row["protocol"] for row in results["tables"][1]["rows"]
    )
    assert any("U02.CH1.wav" in line for line in results["protocol"])


def test_the_official_normaliser_is_used_where_it_is_installed(tmp_path, monkeypatch):
    normalize, name, _ = chime8()
    if find_spec("chime_utils") is None:
        assert "NOT the official one" in name and normalize("Well, OK!") == "well ok"
        package = "def get_txt_norm(name):\n    return {'chime8': lambda text: text.upper()}[name]\n"
        put(package, tmp_path / "chime_utils" / "text_norm.py").with_name("__init__.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
        normalize, name, _ = chime8()
        assert normalize("well") == "WELL"
        for module in ("chime_utils", "chime_utils.text_norm"):
            monkeypatch.delitem(sys.modules, module)
    assert "official text normaliser" in name


@pytest.mark.slow
def test_the_chain_that_ships_on_a_simulated_libricss(manifest, tmp_path):
    results = eval.simulated_libricss(manifest, tmp_path / "out", sessions=2, minutes=0.25, workers=1)
    assert [table["name"] for table in results["tables"]] == ["utterance-wise", "continuous", "diarization"]
    assert all(0 <= value < 100 for value in figures(results, "diarization").values())
    assert results["models"].keys() >= {"compact-segmentation"}
    assert "overlap.png" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("name", ["libricss", "ami", "voxconverse", "chime6"])
def test_what_is_missing_is_said_with_where_to_get_it(name, tmp_path):
    (tmp_path / "data").mkdir()
    for data in (tmp_path / "data", tmp_path / "nowhere"):
        ended = CliRunner().invoke(front, ["eval", name, str(data), "--out", str(tmp_path / "out")])
        assert isinstance(ended.exception, SepdiarError) and ended.exception.code == "SD603"
        about = shipped.reference(name)
        assert all(one.home in ended.exception.hint and one.licence in ended.exception.hint for one in about.downloads)


@pytest.mark.parametrize("name", ["libricss", "simulated-libricss", "ami", "voxconverse", "chime6"])
def test_every_published_row_has_its_protocol_and_its_source(name):
    rows = shipped.reference(name).rows
    assert rows and all(row.protocol and row.source and row.figures for row in rows)


def test_every_figure_has_counts_above_and_below():
    assert all(above and below for above, below in FIGURES.values())
