"""Two-channel dialogues with true turns and words, from files in which one person speaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import sepdiar
from sepdiar.conversation import Provenance, canonical_json, mark_overlaps
from sepdiar.errors import SepdiarError, from_os_error
from sepdiar.events import Event, Listener, silence
from sepdiar.simulation.manifest import Utterance, choose
from sepdiar.simulation.sound import Booth, Room, audio_files, decibels, draw_noise, draw_room, mean_power, write_audio
from sepdiar.simulation.speech import facts_of
from sepdiar.simulation.statistics import describe, total
from sepdiar.simulation.talk import Ears, Said, Voice, converse, recite
from sepdiar.simulation.truth import sha256, speech_time, truth_of, write_truth
from sepdiar.simulation.turntaking import Floor, Placed
from sepdiar.store.disk import refuse_overwriting

ENOUGH = 5  # utterances of a session that a speaker can keep to
Range = tuple[float, float]


@dataclass(frozen=True)
class _Asked:
    """What every dialogue is made after."""

    seconds: float
    overlap: float
    seed: int
    rate: int
    levels: Range
    snr: Range
    rooms: Sequence[Path]
    noise: Sequence[Path]
    script: bool
    manifest_sha256: str

    def parameters(self) -> dict[str, Any]:
        """For the record; how many dialogues are made is no part of it, since none depends on it."""
        known = {"overlap": self.overlap, "rate": self.rate, "levels": list(self.levels), "manifest_sha256": self.manifest_sha256}
        if self.rooms:
            known["rooms"] = [file.name for file in self.rooms]
        if self.noise:
            known |= {"noise": [file.name for file in self.noise], "snr": list(self.snr)}
        return {**known, "script": True} if self.script else {**known, "seconds": self.seconds}


def simulate(
    manifest: str | Path,
    out: str | Path,
    *,
    dialogues: int = 1,
    seconds: float = 60.0,
    overlap: float = 0.2,
    seed: int = 0,
    rate: int | None = None,
    split: str | None = None,
    speakers: Iterable[str] | None = None,
    levels: Range = (-28.0, -22.0),
    rooms: str | Path | None = None,
    noise: str | Path | None = None,
    snr: Range = (10.0, 25.0),
    script: bool = False,
    root: str | Path | None = None,
    words: str | Path | None = None,
    timed: bool = False,
    listen: Listener = silence,
) -> dict[str, Any]:
    """Make two-channel dialogues of a manifest's utterances, and say what came out: the value of `statistics.json`.

    `manifest`, `root` and `words` are as in `manifest.read_manifest`; `split` and `speakers` choose from it. Each dialogue has
    two speakers, drawn with (seed, number of the dialogue): dialogue 7 is the same however many are made. `overlap` is the
    share of speech time in which both speak; `levels` is the range, in dB of full scale, of a speaker's level. `rate` is that of
    the first utterance where it is not given. With `script`, the turns are the lines of the manifest in their order, one
    dialogue for each name in its column `dialogue`; `dialogues` and `seconds` mean nothing then. Without, a speaker keeps to one
    session, where the manifest knows them: in another the same person speaks in another place, and sounds like somebody else.

    Into `out`, which is made:

        manifest.jsonl          one line a dialogue: id, seconds, rate, speakers, and its files; what is not listed does not count
        statistics.json         what was asked, what came out, in all and by dialogue
        dialogue-0000/          (or the script's name)
          mixture.flac          mono, 16 bit: exactly the sum of the channels, and the noise where `noise` is given
          channels.flac         two channels, 16 bit, one speaker each, in the order of `tracks`
          conversation.json     the `Conversation` of mixture.flac: true turns, words, tracks of origin "recorded"
          truth.rttm truth.stm truth.seglst.json      the same for other tools

    A turn is what is audible of a speaker, and ends where he pauses for more than 0.3 s. A channel is digital silence outside
    its speaker's turns. With `rooms`, a folder of impulse responses, it is what is heard in the room, and only the response's
    tail passes the end of a turn. With `noise`, a folder of recordings, noise is added to the mixture at a ratio from `snr` (dB,
    against speech while anybody speaks) and never to the channels. The level of a dialogue is lowered where it would clip.

    Words of a file keep the times that `words` gives. Without, they are spread over its turns by their letters, and such a file
    is used whole; where it had to be cut (for a backchannel, or because it goes on for longer than 20 s), that part has no words.
    `statistics.json` counts both. With `timed`, only files whose words have times are used, so that every word is known.
    """
    refuse_overwriting(manifest, Path(out) / "manifest.jsonl", Path(out) / "statistics.json")
    utterances = choose(manifest, root=root, words=words, split=split, speakers=speakers, timed=timed)
    rate = int(facts_of(utterances[0].file).samplerate) if rate is None else rate
    _refuse(dialogues, seconds, overlap, rate, levels, snr)
    asked = _Asked(
        seconds=seconds,
        overlap=overlap,
        seed=seed,
        rate=rate,
        levels=levels,
        snr=snr,
        rooms=audio_files(rooms, "impulse response") if rooms is not None else (),
        noise=audio_files(noise, "noise") if noise is not None else (),
        script=script,
        manifest_sha256=sha256(Path(manifest)),
    )
    made = []
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        for index, (name, lines) in enumerate(_casts(utterances, dialogues, script)):
            listen(Event("item.started", name, {"path": name}))
            made.append(_make(asked, index, Path(out) / name, lines))
            listen(Event("item.done", name, {"audio_seconds": made[-1][1]["seconds"]}))
        counts = [row for _, row in made]
        statistics = {"asked": {**asked.parameters(), "seed": seed}, "made": total(counts), "dialogues": counts}
        (Path(out) / "manifest.jsonl").write_text("".join(canonical_json(line) + "\n" for line, _ in made), encoding="utf-8")
        (Path(out) / "statistics.json").write_text(canonical_json(statistics) + "\n", encoding="utf-8")
    except OSError as error:
        raise from_os_error(error, str(out)) from error
    return statistics


def _make(asked: _Asked, index: int, folder: Path, lines: Sequence[Utterance]) -> tuple[dict[str, Any], dict[str, Any]]:
    talk, sound, microphone = np.random.default_rng([asked.seed, index]).spawn(3)
    ears, floor = Ears(asked.rate), Floor(asked.rate, asked.overlap, talk)
    samples = round(asked.seconds * asked.rate)
    sessions: dict[str, list[str]] = {}
    if asked.script:
        said, samples = recite(lines, ears, floor), _script_limit(lines, asked.rate)
        names = list(dict.fromkeys(line.speaker for line in lines))
    else:
        names = _pair(lines, talk)
        own = {name: _of_one_session([line for line in lines if line.speaker == name], microphone) for name in names}
        sessions = {name: there for name, part in own.items() if (there := sorted({line.session for line in part} - {""}))}
        said = converse([Voice(part, ears, talk) for part in own.values()], floor, samples)
    room = draw_room(asked.rooms, asked.rate, sound) if asked.rooms else None
    gains = [decibels(float(sound.uniform(*asked.levels))) for _ in names]
    noise, loop = draw_noise(asked.noise, asked.rate, sound) if asked.noise else ("", None)
    snr = float(sound.uniform(*asked.snr))
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch:
        booth = Booth(Path(scratch), asked.rate, samples)
        placed = _record(said, booth, names, gains, room)
        if {one.speaker for one in placed} != set(names):
            raise SepdiarError("SD202", f"{asked.seconds} seconds are too short for two to speak", where=folder.name)
        if asked.script:
            booth = Booth(Path(scratch), asked.rate, floor.end + asked.rate // 2)
        turns = mark_overlaps(turn for one in placed for turn in one.turns())
        power = mean_power(booth, speech_time(turns)) if loop is not None else 0.0
        gain = write_audio(booth, folder / "channels.flac", folder / "mixture.flac", loop, power**0.5 * decibels(-snr))
    provenance = Provenance("simulate", sepdiar.__version__, parameters=asked.parameters(), seed=asked.seed)
    truth = truth_of(folder, booth.rate, booth.samples, names, turns, provenance)
    facts: dict[str, Any] = {"room": room.name if room else "", "noise": noise, "snr": round(snr, 3) if noise else None}
    facts |= {"sessions": sessions} if sessions else {}
    facts["levels"] = {name: round(20 * float(np.log10(level * gain)), 3) for name, level in zip(names, gains, strict=True)}
    return write_truth(folder, truth), {"id": folder.name, **describe(truth, placed, ears), **facts}


def _record(said: Said, booth: Booth, names: Sequence[str], gains: Sequence[float], room: Room | None) -> list[Placed]:
    placed = []
    for one, speech in said:
        channel = names.index(one.speaker)
        heard = speech.samples * np.float32(gains[channel])
        booth.add(channel, one.start, room.hear(channel, heard) if room else heard)
        placed.append(one)
    return placed


def _casts(utterances: Sequence[Utterance], dialogues: int, script: bool) -> list[tuple[str, Sequence[Utterance]]]:
    if not script:
        if len({utterance.speaker for utterance in utterances}) < 2:
            raise SepdiarError("SD202", "a dialogue needs two speakers, the manifest has one")
        return [(f"dialogue-{index:04}", utterances) for index in range(dialogues)]
    scripts: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        scripts.setdefault(utterance.dialogue or "dialogue-0000", []).append(utterance)
    for name, lines in scripts.items():
        if len({line.speaker for line in lines}) != 2:
            raise SepdiarError("SD403", "a script has the lines of two speakers", where=name)
    return list(scripts.items())


def _pair(utterances: Sequence[Utterance], rng: np.random.Generator) -> list[str]:
    names = sorted({utterance.speaker for utterance in utterances})
    return [names[i] for i in rng.choice(len(names), 2, replace=False)]


def _of_one_session(lines: Sequence[Utterance], rng: np.random.Generator) -> Sequence[Utterance]:
    """What a speaker said in one of his sessions: in a talk nobody changes microphone, place or age.

    Those of a few utterances do not count, since they would be said again and again; where there are no others, all of them do.
    """
    sizes = Counter(line.session for line in lines)
    many = [line for line in lines if sizes[line.session] >= ENOUGH]
    drawn = (many or lines)[int(rng.integers(len(many or lines)))].session
    return [line for line in many if line.session == drawn] or lines


def _script_limit(lines: Sequence[Utterance], rate: int) -> int:
    """Samples that a script cannot pass: its files one after the other, with the longest gaps between them."""
    durations = (facts_of(line.file).duration for line in lines)
    return int(rate * (1 + sum(duration + 3 for duration in durations)))


def _refuse(dialogues: int, seconds: float, overlap: float, rate: int, levels: Range, snr: Range) -> None:
    if dialogues < 1:
        raise SepdiarError("SD202", "at least 1", where=f"dialogues {dialogues}")
    if not 0 < seconds <= 24 * 3600:
        raise SepdiarError("SD202", "more than 0, at most a day", where=f"seconds {seconds}")
    if not 4000 <= rate <= 192000:
        raise SepdiarError("SD202", "a sample rate from 4000 to 192000", where=f"rate {rate}")
    if not 0 <= overlap <= 0.5:
        raise SepdiarError("SD202", "a share from 0 to 0.5", where=f"overlap {overlap}")
    for name, (low, high) in (("levels", levels), ("snr", snr)):
        if not low <= high:
            raise SepdiarError("SD202", "a range from low to high", where=f"{name} {low} {high}")
