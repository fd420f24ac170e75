"""The audio of one side of a comparison: one recording or several, each with one speaker a channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from sepdiar.audio.source import Audio, FileAudio, OneChannel, Placed, Samples
from sepdiar.conversation import Conversation, Span
from sepdiar.errors import SepdiarError
from sepdiar.formats.confined import opened

ENDINGS = (".wav", ".flac")
SPHERE_HEADER = 1024  # bytes
Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Beside:
    """Recordings of one length as the channels of one."""

    parts: tuple[Audio, ...]

    @property
    def rate(self) -> int:
        return self.parts[0].rate

    @property
    def samples(self) -> int:
        return self.parts[0].samples

    @property
    def channels(self) -> int:
        return sum(part.channels for part in self.parts)

    @property
    def bits(self) -> int:
        return max(part.bits for part in self.parts)

    def read(self, span: Span) -> Samples:
        return np.hstack([part.read(span) for part in self.parts])


def open_side(paths: Paths) -> dict[str, Audio]:
    """The recordings of a file, of several, or of a folder of WAV or FLAC files, by name.

    Files of one channel are the speakers of one recording, in the order of their names; files of more are a recording each.
    """
    given = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    files = [file for path in given for file in (_audio_in(path) if path.is_dir() else [path])]
    audios = [open_audio(file) for file in files]
    if len(audios) > 1 and all(audio.channels == 1 for audio in audios):
        for file, audio in zip(files, audios, strict=True):
            check_alike(audios[0], audio, str(file))
        return {given[0].name: Beside(tuple(audios))}
    if len(audios) > 1 and any(audio.channels == 1 for audio in audios):
        raise SepdiarError("SD601", "files of one channel among files of several", where=str(given[0]))
    return {file.stem: audio for file, audio in zip(files, audios, strict=True)}


def open_audio(file: Path) -> FileAudio:
    """A WAV, FLAC or NIST Sphere file, or the code that says why not."""
    _refuse_shorten(file)
    try:
        return FileAudio.open(file)
    except soundfile.LibsndfileError as error:
        raise SepdiarError("SD105", str(error), where=str(file), hint="Scoring reads WAV, FLAC and NIST Sphere.") from error


def open_tracks(conversation: Conversation, folder: Path) -> Beside:
    """The tracks of a conversation as the channels of one recording, in their order, each on the recording's clock.

    A track whose file is shorter than the recording is silent behind its end. SD601: no track, or one at another rate.
    """
    recording = conversation.recording
    if not conversation.tracks:
        raise SepdiarError("SD601", "no speaker has a channel of their own", where=recording.id)
    placed = []
    for track in conversation.tracks:
        audio = open_audio(folder / track.file)
        if audio.rate != recording.rate:
            what = f"a track at {audio.rate} Hz of a recording at {recording.rate} Hz"
            raise SepdiarError("SD601", what, where=str(audio.path))
        placed.append(Placed(OneChannel(audio, track.channel), track.span.start, recording.samples))
    return Beside(tuple(placed))


def check_alike(reference: Audio, other: Audio, where: str) -> None:
    """Refuse another rate or length (SD601): no part of a recording is scored in silence."""
    if (reference.rate, reference.samples) != (other.rate, other.samples):
        raise SepdiarError(
            "SD601",
            f"{other.samples} samples at {other.rate} Hz against {reference.samples} at {reference.rate} Hz",
            where=where,
            hint="Give files of one length and rate; nothing is cut or resampled here.",
        )


def paired(reference: Mapping[str, Audio], hypothesis: Mapping[str, Audio]) -> dict[str, tuple[Audio, Audio]]:
    """Both sides of each recording: one with one whatever they are called, several by their names (SD601)."""
    if len(reference) == len(hypothesis) == 1:
        ((name, truth),), (guess,) = reference.items(), hypothesis.values()
        return {name: (truth, guess)}
    if odd := sorted(reference.keys() ^ hypothesis.keys()):
        side = "hypothesis" if odd[0] in reference else "reference"
        raise SepdiarError("SD601", f"the {side} has no {odd[0]!r}")
    return {name: (truth, hypothesis[name]) for name, truth in reference.items()}


def _refuse_shorten(file: Path) -> None:
    with opened(file) as content:
        head = content.read(SPHERE_HEADER)
    if head.startswith(b"NIST_1A") and b"shorten" in head:
        raise SepdiarError(
            "SD105",
            "NIST Sphere, compressed by shorten, which nothing here can read",
            where=str(file),
            hint=f"Unpack it, and it is found beside the old one: sph2pipe -f wav {file} {file.with_suffix('.wav')}",
        )


def _audio_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in ENDINGS)
    if not files:
        raise SepdiarError("SD206", "no WAV or FLAC file in this folder", where=str(folder))
    return files
