"""Make the example podcasts and their truth: scripts read by the voices of flite, laid out as conversations by sepdiar.

    python examples/make_podcasts.py

It needs `flite` (Debian, Ubuntu: apt install flite). The same versions of flite and of the codecs give the same bytes.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import soundfile

from sepdiar.conversation import Conversation
from sepdiar.simulation import simulate
from sepdiar.simulation.truth import FILES

HERE = Path(__file__).resolve().parent
LINE = re.compile(r"(?P<voice>\w+)(?P<kind>[:>])\s*(?P<text>.+)")


@dataclass(frozen=True)
class Podcast:
    """A script, and how it was recorded."""

    name: str
    ending: str
    seed: int
    rate: int = 16000
    levels: tuple[float, float] = (-31.0, -28.0)
    hiss: bool = False


PODCASTS = (
    Podcast("bread", "flac", seed=1),
    Podcast("lighthouse", "flac", seed=2, hiss=True),
    Podcast("stars", "opus", seed=3, rate=48000, levels=(-38.0, -35.0)),
)


def main() -> None:
    if not shutil.which("flite"):
        sys.exit("make_podcasts.py needs flite (Debian, Ubuntu: apt install flite)")
    for podcast in PODCASTS:
        with TemporaryDirectory() as scratch:
            make(podcast, Path(scratch))


def make(podcast: Podcast, scratch: Path) -> None:
    """One podcast into podcasts/, its truth into truth/NAME/."""
    manifest = read_aloud(HERE / "scripts" / f"{podcast.name}.txt", scratch)
    made = simulate(
        manifest,
        scratch / "out",
        script=True,
        overlap=0.15,
        seed=podcast.seed,
        levels=podcast.levels,
        rate=podcast.rate,
        noise=hiss(scratch / "noise") if podcast.hiss else None,
        snr=(36.0, 36.0),
    )
    item, truth = scratch / "out" / podcast.name, HERE / "truth" / podcast.name
    recording = HERE / "podcasts" / f"{podcast.name}.{podcast.ending}"
    for folder in (recording.parent, truth):
        folder.mkdir(parents=True, exist_ok=True)
    if podcast.ending == "opus":
        encode_opus(item / FILES["mixture"], recording)
    else:
        shutil.copyfile(item / FILES["mixture"], recording)
    for kind in ("channels", "rttm", "stm", "seglst"):
        shutil.copyfile(item / FILES[kind], truth / FILES[kind])
    value = Conversation.from_json((item / FILES["conversation"]).read_text())
    came_in = replace(
        value.recording, path=f"../../podcasts/{recording.name}", sha256=hashlib.sha256(recording.read_bytes()).hexdigest()
    )
    (truth / FILES["conversation"]).write_text(replace(value, recording=came_in).to_json() + "\n")
    print(f"{recording.name}: {made['made']['seconds']:.1f} s, {made['made']['overlap']:.0%} of speech overlapped")


def read_aloud(script: Path, folder: Path) -> Path:
    """Every line of a script as a file, a manifest of them, and a CTM of the words; returns the manifest."""
    rows, words = ["utt\tspeaker\tfile\ttext\trole\tdialogue"], []
    for line in filter(None, map(LINE.fullmatch, script.read_text().splitlines())):
        utt, voice, text = f"{script.stem}-{len(rows):02}", line["voice"], line["text"]
        spoken = speak(voice, text, folder / f"{utt}.wav")
        role = "backchannel" if line["kind"] == ">" else ""
        rows.append(f"{utt}\t{voice}\t{utt}.wav\t{' '.join(word for word, _, _ in spoken)}\t{role}\t{script.stem}")
        words += [f"{utt} 1 {begin:.3f} {end - begin:.3f} {word}" for word, begin, end in spoken]
    (folder / "lines.ctm").write_text("\n".join(words) + "\n")
    (folder / "lines.tsv").write_text("\n".join(rows) + "\n")
    return folder / "lines.tsv"


def speak(voice: str, text: str, file: Path) -> list[tuple[str, float, float]]:
    """A line into a WAV file; returns its words with begin and end in seconds."""
    phones = flite("-voice", voice, "-psdur", "-t", text, "-o", str(file))
    sounds, begin = [], 0.0
    for phone, end in (item.split(":") for item in phones):
        sounds.append((phone, begin, float(end)))
        begin = float(end)
    sounds = [sound for sound in sounds if sound[0] != "pau"]
    words = words_of(text)
    spelled = [[phone for phone in flite("-voice", voice, "-ps", "-t", word, "none") if phone != "pau"] for word in words]
    starts = align([phone for word in spelled for phone in word], [phone for phone, _, _ in sounds])
    firsts = np.cumsum([0, *map(len, spelled)])
    edges = [starts[first] for first in firsts]
    return [(word, sounds[edges[i]][1], sounds[edges[i + 1] - 1][2]) for i, word in enumerate(words)]


def words_of(line: str) -> list[str]:
    """The words of a line as they stand in the truth: small letters, no punctuation."""
    return re.findall(r"[a-z']+", line.lower())


def align(expected: Sequence[str], heard: Sequence[str]) -> list[int]:
    """For each place in the phones of the words said alone, and the end, its place in those of the line, by edit distance.

    They differ a little: vowels of small words are weakened when a line is read.
    """
    rows, columns = len(expected), len(heard)
    cost = np.add.outer(np.arange(rows + 1), np.arange(columns + 1))
    for i, j in np.ndindex(rows, columns):
        cost[i + 1, j + 1] = min(cost[i, j] + (expected[i] != heard[j]), cost[i, j + 1] + 1, cost[i + 1, j] + 1)
    places, i, j = [columns] * (rows + 1), rows, columns
    while i:
        if j and cost[i, j] == cost[i - 1, j - 1] + (expected[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
        places[i] = j
    places[0] = 0
    return places


def flite(*arguments: str) -> list[str]:
    """What flite prints."""
    return subprocess.run(["flite", *arguments], check=True, capture_output=True, text=True).stdout.split()


def hiss(folder: Path, rate: int = 16000) -> Path:
    """Ten seconds of soft noise, as of wind behind a window."""
    folder.mkdir()
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(10 * rate))
    shaped = np.fft.irfft(spectrum / (1 + np.arange(len(spectrum)) / 2000))
    soundfile.write(folder / "wind.wav", (0.5 * shaped / np.abs(shaped).max()), rate, subtype="PCM_16")
    return folder


def encode_opus(source: Path, target: Path) -> None:
    """A mono file as Opus."""
    samples, rate = soundfile.read(source, dtype="int16")
    with av.open(str(target), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=rate, layout="mono", options={"b": "32000"})
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for frame in frames(samples, rate):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frames(samples: np.ndarray, rate: int, size: int = 960) -> Iterable[av.AudioFrame]:
    for start in range(0, len(samples), size):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + size], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, start
        yield frame


if __name__ == "__main__":
    main()
