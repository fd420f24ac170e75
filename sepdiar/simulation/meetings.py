"""Sessions of several people reading in turn, laid out as LibriCSS releases them: from no overlap to two fifths of the time.

    OV40/overlap_ratio_40.0_sil0.1_1.0_session0_actual39.8/
        record/raw_recording.wav         one channel: the sum of what everybody says
        clean/each_spk.wav               a channel a speaker
        transcription/meeting_info.txt   start, end, speaker, utterance and words

As there, nobody follows on himself, never more than two speak at once, and an utterance begins before or after the end of the one
before it: 0.1 to 0.5 s after it in 0S, 2.9 to 3.0 s in 0L, and in OV10 to OV40 so that overlap comes to that share of the time in
which anybody speaks. A session depends on the speech, the seed, its condition and its number alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.random import Generator

from sepdiar.audio.source import BLOCK, Samples
from sepdiar.conversation import Span, canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener, silence
from sepdiar.formats.segments import TICKS, to_seconds
from sepdiar.simulation.manifest import Utterance, choose
from sepdiar.simulation.sound import PEAK, decibels
from sepdiar.simulation.speech import facts_of
from sepdiar.simulation.talk import Ears
from sepdiar.simulation.truth import sha256
from sepdiar.store import disk


@dataclass(frozen=True)
class Condition:
    """Of the time in which anybody speaks, the share in which two do; and the range of silences, in seconds."""

    overlap: float
    silence: tuple[float, float]


CONDITIONS: Mapping[str, Condition] = {
    "0S": Condition(0.0, (0.1, 0.5)),
    "0L": Condition(0.0, (2.9, 3.0)),
    **{f"OV{percent}": Condition(percent / 100, (0.1, 1.0)) for percent in (10, 20, 30, 40)},
}
LEVELS = (-28.0, -24.0)  # dB of full scale, a speaker's own in each session
APART = 0.25  # of utterances in conditions with overlap that begin after a silence all the same
LEAST = 0.1  # seconds of overlap that are worth it
MADE = "made.json"


@dataclass(frozen=True)
class Sessions:
    """What is asked for: how many of each condition, how long, of at most how many people; `wordless`: of those also of whom it
    is not known what they say."""

    sessions: int
    seconds: float
    speakers: int
    seed: int
    wordless: bool = False


@dataclass(frozen=True)
class Said:
    """An utterance at its place."""

    speaker: str
    id: str
    text: str
    span: Span
    samples: Samples


def make_sessions(
    manifest: str | Path,
    out: str | Path,
    asked: Sessions,
    *,
    root: str | Path | None = None,
    words: str | Path | None = None,
    split: str | None = None,
    listen: Listener = silence,
) -> int:
    """Make what is not there yet of all conditions below `out`; the answer is how many people speak in each session.

    SD202: fewer than two speakers, or something out of range; SD205: `out` holds sessions that were made otherwise.
    """
    spoken = [one for one in choose(manifest, root=root, words=words, split=split) if asked.wordless or one.text.strip()]
    names = sorted({one.speaker for one in spoken})
    if min(len(names), asked.speakers) < 2:
        whom = "speakers" if asked.wordless else "speakers with words"
        raise SepdiarError("SD202", f"a session needs two {whom}, there are {len(names)}", where=str(manifest))
    if not (1 <= asked.sessions <= 100 and 0 < asked.seconds <= 3600):
        raise SepdiarError("SD202", "1 to 100 sessions of at most an hour", where=f"{asked.sessions} of {asked.seconds:g} s")
    rate = int(facts_of(spoken[0].file).samplerate)
    ears = Ears(rate)
    with disk.refusals(Path(out)):
        _sign(Path(out), {**asdict(asked), "manifest_sha256": sha256(Path(manifest)), "split": split or ""})
        for number, (name, condition) in enumerate(CONDITIONS.items()):
            for session in range(asked.sessions):
                if not list((Path(out) / name).glob(f"overlap_ratio_*_session{session}_actual*")):
                    listen(Event("note", f"{name} session {session}", {"message": "made"}))
                    rng = np.random.default_rng([asked.seed, number, session])
                    said = list(_talk(spoken, names, condition, asked, ears, rng))
                    _write(Path(out) / name, session, condition, said, rate, rng)
    return min(len(names), asked.speakers)


def _sign(out: Path, facts: Mapping[str, object]) -> None:
    text, place = canonical_json(facts) + "\n", out / MADE
    if place.is_file() and place.read_text(encoding="utf-8") != text:
        raise SepdiarError("SD205", "these sessions were made of other speech, or with other settings", where=str(out))
    disk.make_folder(out)
    disk.write_whole(place, text, out / ".made")


def _talk(
    spoken: Sequence[Utterance], names: Sequence[str], condition: Condition, asked: Sessions, ears: Ears, rng: Generator
) -> Iterator[Said]:
    """Utterance after utterance until the session is full."""
    rate = ears.rate
    cast = [names[i] for i in rng.permutation(len(names))[: asked.speakers]]
    own = {name: [one for one in spoken if one.speaker == name] for name in cast}
    waiting = {name: deque[Utterance]() for name in cast}
    last, spoken_samples, overlapped = Span(0, 0), 0, 0
    before, previous = 0, ""
    while last.end < asked.seconds * rate:
        name = str(rng.choice([one for one in cast if one != previous]))
        if not waiting[name]:
            waiting[name].extend(own[name][i] for i in rng.permutation(len(own[name])))
        utterance = waiting[name].popleft()
        speech = ears.hear(utterance)
        if speech is None:
            if all(one.id in ears.silent for name in cast for one in own[name]):
                raise SepdiarError("SD120", f"in no utterance of {', '.join(cast)}")
            continue
        shared = 0
        if previous and condition.overlap and rng.random() >= APART:
            owed = (condition.overlap * (spoken_samples + len(speech)) - overlapped) / (1 + condition.overlap)
            shared = round(min(owed * rng.uniform(0.7, 1.3), 0.9 * len(speech), last.end - max(before, last.start + rate // 4)))
        if shared < LEAST * rate:
            shared = 0
        start = last.end - shared if shared else last.end + round(rng.uniform(*condition.silence) * rate)
        spoken_samples += len(speech) - shared
        overlapped += shared
        yield Said(name, utterance.id, " ".join(utterance.text.split()), Span(start, start + len(speech)), speech.samples)
        before, last, previous = last.end, Span(start, start + len(speech)), name


def _write(folder: Path, session: int, condition: Condition, said: Sequence[Said], rate: int, rng: Generator) -> None:
    cast = sorted({one.speaker for one in said})
    gains = {name: decibels(float(rng.uniform(*LEVELS))) for name in cast}
    samples = max(one.span.end for one in said) + rate // 2
    low, high = condition.silence
    name = f"overlap_ratio_{100 * condition.overlap:.1f}_sil{low}_{high}_session{session}_actual{100 * _share(said):.1f}"
    part = folder / f".{name}"
    disk.discard(part)
    for inside in ("record", "clean", "transcription"):
        disk.make_folder(part / inside)
    peak = max(float(np.abs(frames.sum(axis=1)).max()) for frames in _frames(said, cast, gains, samples))
    kept = min(1.0, PEAK / peak)
    clean, record = part / "clean" / "each_spk.wav", part / "record" / "raw_recording.wav"
    with (
        soundfile.SoundFile(clean, "w", rate, len(cast), "PCM_16", format="WAV") as apart,
        soundfile.SoundFile(record, "w", rate, 1, "PCM_16", format="WAV") as mixed,
    ):
        for frames in _frames(said, cast, gains, samples):
            apart.write(frames * kept)
            mixed.write(frames.sum(axis=1) * kept)
    rows = ["start_time\tend_time\tspeaker\tutterance_id\ttranscription"]
    for one in said:
        span = one.span.at_rate(rate, TICKS)
        rows.append("\t".join((to_seconds(span.start), to_seconds(span.end), one.speaker, one.id, one.text)))
    (part / "transcription" / "meeting_info.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    part.rename(folder / name)


def _frames(said: Sequence[Said], cast: Sequence[str], gains: Mapping[str, float], samples: int) -> Iterator[Samples]:
    """What each says, a channel a speaker, by stretches."""
    for start in range(0, samples, BLOCK):
        whole = Span(start, min(start + BLOCK, samples))
        frames = np.zeros((len(whole), len(cast)), np.float32)
        for one in said:
            if here := one.span & whole:
                heard = one.samples[here.start - one.span.start : here.end - one.span.start]
                frames[here.start - start : here.end - start, cast.index(one.speaker)] += heard * np.float32(gains[one.speaker])
        yield frames


def _share(said: Sequence[Said]) -> float:
    """Of the time in which anybody speaks, that in which two do."""
    whole = sum(len(one.span) for one in said)
    end, union = 0, 0
    for one in said:
        union += one.span.end - max(one.span.start, end) if one.span.end > end else 0
        end = max(end, one.span.end)
    return (whole - union) / union
