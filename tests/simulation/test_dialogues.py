"""Whole dialogues: what is on disk against what was asked for and against itself."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sepdiar.conversation import Conversation, merged
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_segments
from sepdiar.formats.segments import of_conversation
from sepdiar.simulation import simulate
from sepdiar.simulation.manifest import read_manifest

DIALOGUES = 12


@pytest.fixture(scope="module")
def made(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen dialogues of a minute with everything left as it is."""
    out = tmp_path_factory.mktemp("made")
    simulate(manifest, out, dialogues=DIALOGUES)
    return out


def items(out: Path) -> list[tuple[Path, Conversation]]:
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    return [(out / line["id"], Conversation.from_json((out / line["conversation"]).read_text())) for line in lines]


def audio(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    mixture, _ = soundfile.read(folder / "mixture.flac", dtype="int16")
    channels, _ = soundfile.read(folder / "channels.flac", dtype="int16")
    return mixture.astype(int), channels.astype(int)


def spoken(truth: Conversation, speaker: str) -> np.ndarray:
    mask = np.zeros(truth.recording.samples, bool)
    for turn in truth.turns:
        if turn.speaker == speaker:
            mask[turn.span.start : turn.span.end] = True
    return mask


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def statistics(out: Path) -> dict[str, Any]:
    return json.loads((out / "statistics.json").read_text())  # type: ignore[no-any-return]


def test_the_mixture_is_exactly_the_sum_of_the_channels(made: Path) -> None:
    for folder, truth in items(made):
        mixture, channels = audio(folder)
        assert len(mixture) == len(channels) == truth.recording.samples == 60 * 16000
        assert np.array_equal(mixture, channels.sum(axis=1))
        assert np.abs(mixture).max() < 32767


def test_turns_are_tight(made: Path) -> None:
    for folder, truth in items(made):
        _, channels = audio(folder)
        for track in truth.tracks:
            inside, samples = spoken(truth, track.speaker), channels[:, track.channel]
            assert not samples[~inside].any()
            for turn in (turn for turn in truth.turns if turn.speaker == track.speaker):
                loud = np.sqrt(np.mean(samples[turn.span.start : turn.span.end] ** 2.0))
                for edge in (turn.span.start, turn.span.end - 1600):  # a tenth of a second at either end is not silence
                    assert np.abs(samples[edge : edge + 1600]).max() > 0.03 * loud


@pytest.mark.parametrize("where", ["dry", "in a room that swallows what is high"])
def test_levels_are_as_drawn(made: Path, manifest: Path, tmp_path: Path, where: str) -> None:
    if where != "dry":
        soundfile.write(tmp_path / "room.wav", np.stack([np.exp(-np.arange(400) / 30)] * 2, axis=1), 16000)
        made = tmp_path / "made"
        simulate(manifest, made, rooms=tmp_path)
    rows = statistics(made)["dialogues"]
    for (folder, truth), row in zip(items(made), rows, strict=True):
        _, channels = audio(folder)
        for track in truth.tracks:
            samples = channels[:, track.channel][spoken(truth, track.speaker)] / 32768
            level = 10 * np.log10(np.mean(samples**2.0))
            assert level == pytest.approx(row["levels"][track.speaker], abs=1.5)
            assert -28.5 <= row["levels"][track.speaker] <= -21.5


def test_words_are_in_order_inside_their_turns(made: Path, manifest: Path) -> None:
    known = {word for one in read_manifest(manifest) for word in one.text.split()}
    for _, truth in items(made):
        for turn in truth.turns:
            assert all(turn.span.start <= word.span.start < word.span.end <= turn.span.end for word in turn.words)
            assert all(a.span.end <= b.span.start for a, b in zip(turn.words, turn.words[1:], strict=False))
            assert {word.text for word in turn.words} <= known
    made_of = statistics(made)["made"]
    assert made_of["words"] > 800
    assert made_of["words_with_estimated_times"] == made_of["parts_without_known_words"] == 0


def test_talk_is_as_it_is_among_people(made: Path) -> None:
    came_out = statistics(made)["made"]
    assert came_out["changes"] > 100
    assert came_out["share_of_overlapped_changes"] == pytest.approx(0.4, abs=0.07)
    assert 0.1 <= came_out["gap_mode_seconds"] <= 0.3
    assert 0.25 <= came_out["gap_median_seconds"] <= 0.45
    assert came_out["backchannels"] > 4 * DIALOGUES
    assert came_out["speech_seconds"] > 0.7 * came_out["seconds"]


def test_statistics_are_those_of_the_turns(made: Path) -> None:
    for (_, truth), row in zip(items(made), statistics(made)["dialogues"], strict=True):
        union = sum(map(len, merged(turn.span for turn in truth.turns)))
        both = sum(map(len, merged(part for turn in truth.turns for part in turn.overlap)))
        assert row["speech_seconds"] == pytest.approx(union / 16000)
        assert row["overlap_seconds"] == pytest.approx(both / 16000)
        assert row["turns"] == len(truth.turns)


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.2, 0.4])
def test_the_overlap_asked_for_is_reached_in_every_dialogue(manifest: Path, tmp_path: Path, overlap: float) -> None:
    for row in simulate(manifest, tmp_path, dialogues=4, overlap=overlap, seed=11)["dialogues"]:
        assert row["overlap_seconds"] / row["speech_seconds"] == pytest.approx(overlap, abs=0.03)


def test_tracks_say_what_they_are(made: Path) -> None:
    for folder, truth in items(made):
        assert {track.speaker for track in truth.tracks} == set(truth.speakers) and len(truth.tracks) == 2
        for track in truth.tracks:
            assert [stretch.origin for stretch in track.stretches] == ["recorded"]
            assert track.sha256 == hashlib.sha256((folder / track.file).read_bytes()).hexdigest()
        assert truth.recording.sha256 == hashlib.sha256((folder / truth.recording.path).read_bytes()).hexdigest()
        for name in ("truth.stm", "truth.seglst.json"):
            assert set(read_segments(folder / name)) == set(of_conversation(truth))
        assert [one.span for one in read_segments(folder / "truth.rttm")] == [one.span for one in of_conversation(truth)]


def test_a_dialogue_does_not_depend_on_how_many_are_made_or_when(made: Path, manifest: Path, tmp_path: Path) -> None:
    simulate(manifest, tmp_path, dialogues=2)
    for name in ("dialogue-0000", "dialogue-0001"):
        assert digests(tmp_path / name) == digests(made / name)


def test_another_seed_makes_another_dialogue(made: Path, manifest: Path, tmp_path: Path) -> None:
    simulate(manifest, tmp_path, seed=1)
    assert digests(tmp_path / "dialogue-0000") != digests(made / "dialogue-0000")


def test_nobody_leaves_the_session_in_which_a_dialogue_begins(made: Path, manifest: Path, tmp_path: Path) -> None:
    header, *lines = manifest.read_text().splitlines()
    known = [(line, line.split("\t")[header.split("\t").index("speaker")]) for line in lines]

    def made_of(name: str, sessions: list[str]) -> Path:
        file, out = manifest.parent / f"{name}.tsv", tmp_path / name
        rows = (f"{line}\t{session}" for (line, _), session in zip(known, sessions, strict=True) if session)
        file.write_text("\n".join((f"{header}\tsession", *rows)) + "\n")
        simulate(file, out, words=manifest.with_suffix(".ctm"), dialogues=4)
        return out

    two = made_of("two", [("morning", "evening")[number % 2] for number in range(len(lines))])
    drawn = [{who: only for who, (only,) in row["sessions"].items()} for row in statistics(two)["dialogues"]]
    assert {session for one in drawn for session in one.values()} == {"morning", "evening"}
    for number, one in enumerate(drawn):
        kept = [("morning", "evening")[at % 2] for at in range(len(lines))]
        only = [session if one.get(who, session) == session else "" for session, (_, who) in zip(kept, known, strict=True)]
        alone = made_of(f"only-{number}", only)
        for file in ("channels.flac", "truth.rttm"):
            place = Path(f"dialogue-{number:04}") / file
            assert (alone / place).read_bytes() == (two / place).read_bytes()
    first = Path("dialogue-0000/channels.flac")
    assert (made_of("one", ["noon"] * len(lines)) / first).read_bytes() == (made / first).read_bytes()
    few = made_of("few", [str(number // 2) for number in range(len(lines))])  # of two utterances each: too small to keep to
    assert (few / first).read_bytes() == (made / first).read_bytes()


def test_a_room_leaves_the_turns_and_fills_their_ends(made: Path, manifest: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tail = 0.3 * rng.standard_normal((4000, 2)) * np.logspace(0, -3, 4000)[:, None]
    tail[100] = 1.0  # the direct sound comes late in the file
    (tmp_path / "rooms").mkdir()
    soundfile.write(tmp_path / "rooms" / "hall.wav", tail, 16000, subtype="FLOAT")
    row = simulate(manifest, tmp_path / "out", rooms=tmp_path / "rooms")["dialogues"][0]
    assert row["room"] == "hall"
    (folder, truth), (_, dry) = items(tmp_path / "out")[0], items(made)[0]
    assert truth.turns == dry.turns
    mixture, channels = audio(folder)
    assert np.array_equal(mixture, channels.sum(axis=1))
    for track in truth.tracks:
        inside, samples = spoken(truth, track.speaker), channels[:, track.channel] ** 2.0
        reached = np.convolve(inside, np.ones(4000), "full")[: len(inside)] > 0.5
        assert samples[~inside].any()
        assert not samples[~reached].any()
        assert samples[inside].mean() > 20 * samples[reached & ~inside].mean()


def test_noise_is_in_the_mixture_only_and_as_loud_as_asked(made: Path, manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "fan.wav", 0.01 * np.random.default_rng(0).standard_normal(3 * 22050), 22050)
    row = simulate(manifest, tmp_path / "out", noise=tmp_path / "noise", snr=(15.0, 15.0))["dialogues"][0]
    (folder, truth), (dry, _) = items(tmp_path / "out")[0], items(made)[0]
    mixture, channels = audio(folder)
    speech, noise = channels.sum(axis=1), mixture - channels.sum(axis=1)
    anybody = np.logical_or(*(spoken(truth, name) for name in truth.speakers))
    assert 10 * np.log10(np.mean(speech[anybody] ** 2.0) / np.mean(noise**2.0)) == pytest.approx(15, abs=0.3)
    assert row["noise"] == "fan" and row["snr"] == 15
    assert np.array_equal(channels, audio(dry)[1])
    parts = [np.mean(part**2.0) for part in np.array_split(noise, 60)]
    assert max(parts) < 1.5 * min(parts)


def test_another_rate_changes_the_samples_and_not_the_talk(manifest: Path, tmp_path: Path) -> None:
    row = simulate(manifest, tmp_path, rate=8000, seconds=30)["dialogues"][0]
    _, truth = items(tmp_path)[0]
    assert (truth.recording.rate, truth.recording.samples) == (8000, 240000)
    assert row["overlap_seconds"] / row["speech_seconds"] == pytest.approx(0.2, abs=0.05)


def test_words_without_times_are_spread_and_counted(manifest: Path, tmp_path: Path) -> None:
    shutil.copytree(manifest.parent, tmp_path / "speech", ignore=shutil.ignore_patterns("*.ctm"))
    row = simulate(tmp_path / "speech" / "manifest.tsv", tmp_path / "out")["dialogues"][0]
    assert row["words_with_estimated_times"] == row["words"] > 0
    _, truth = items(tmp_path / "out")[0]
    texts = {one.text for one in read_manifest(manifest)}
    told: dict[str, str] = {name: "" for name in truth.speakers}
    for turn in sorted((turn for turn in truth.turns if turn.words), key=lambda turn: turn.span):
        told[turn.speaker] += "".join(f" {word.text}" for word in turn.words)
    assert all(any(text in spoken for text in texts) for spoken in told.values())  # used whole, in order


def test_a_script_is_recited_in_its_order(manifest: Path, tmp_path: Path) -> None:
    chosen = [one for one in read_manifest(manifest) if one.speaker in ("voice0", "voice1")]
    long = {name: [one for one in chosen if one.speaker == name and not one.is_short][:4] for name in ("voice0", "voice1")}
    short = [one for one in chosen if one.is_short and one.speaker == "voice1"]
    lines = [one for pair in zip(long["voice0"], long["voice1"], strict=True) for one in pair]
    rows = ["utt\tspeaker\tfile\ttext\trole\tdialogue"]
    rows += [f"{one.id}\t{one.speaker}\t{one.file.name}\t{one.text}\t\ttalk" for one in (lines[0],)]
    rows += [f"{one.id}\t{one.speaker}\t{one.file.name}\t{one.text}\tbackchannel\ttalk" for one in short[:1]]
    rows += [f"{one.id}\t{one.speaker}\t{one.file.name}\t{one.text}\t\ttalk" for one in lines[1:]]
    (tmp_path / "script.tsv").write_text("\n".join(rows) + "\n")
    made = simulate(
        tmp_path / "script.tsv", tmp_path / "out", script=True, root=manifest.parent, words=manifest.with_suffix(".ctm")
    )
    assert [row["id"] for row in made["dialogues"]] == ["talk"]
    assert made["made"]["backchannels"] == 1
    _, truth = items(tmp_path / "out")[0]
    for name in ("voice0", "voice1"):
        said = " ".join(word.text for turn in truth.turns if turn.speaker == name for word in turn.words)
        assert said == " ".join(one.text for one in (*(short[:1] if name == "voice1" else ()), *long[name]))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"dialogues": 0}, "SD202"),
        ({"seconds": 0.0}, "SD202"),
        ({"seconds": float("nan")}, "SD202"),
        ({"overlap": -0.1}, "SD202"),
        ({"overlap": 0.6}, "SD202"),
        ({"levels": (-20.0, -30.0)}, "SD202"),
        ({"rate": 0}, "SD202"),
        ({"rate": 11}, "SD202"),
        ({"speakers": ("voice0",)}, "SD202"),
        ({"seconds": 0.5}, "SD202"),
        ({"rooms": "nowhere"}, "SD206"),
        ({"noise": "nowhere"}, "SD206"),
        ({"script": True}, "SD403"),
    ],
)
def test_what_cannot_be_made_is_refused(manifest: Path, tmp_path: Path, wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(SepdiarError) as caught:
        simulate(manifest, tmp_path / "out", **wrong)
    assert caught.value.code == code


def test_scratch_is_gone(made: Path) -> None:
    names = {"mixture.flac", "channels.flac", "conversation.json", "truth.rttm", "truth.stm", "truth.seglst.json"}
    assert all({path.name for path in folder.iterdir()} == names for folder, _ in items(made))
