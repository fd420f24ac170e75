"""Decode: from the file that came in to samples on its clock, one channel, or two where each is one speaker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sepdiar import __version__
from sepdiar.audio.decode import Decoded, Progress, decode
from sepdiar.audio.inputs import content_hash
from sepdiar.audio.limits import Limit, Limits
from sepdiar.audio.scratch import Scratch
from sepdiar.audio.source import RawAudio, blocks
from sepdiar.audio.two_channel import judge
from sepdiar.conversation import Provenance
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Stage, Take


class Decode(Stage):
    """The first stage. SD101 to SD118 are what it refuses; `two_channel.judge` says when it keeps two channels."""

    name = "decode"
    requires = frozenset({"file"})
    provides = frozenset({"audio"})
    packages = ("av",)

    def __init__(
        self,
        salvage: bool = False,
        minimum_seconds: float = 1.0,
        maximum_hours: float = Limits.maximum_hours,
        timeout_seconds: float = 60.0,
        maximum_gigabytes: float = Limits.maximum_gigabytes,
        maximum_expansion: float = Limits.maximum_expansion,
    ) -> None:
        self.salvage, self.minimum_seconds, self.timeout_seconds = salvage, minimum_seconds, timeout_seconds
        self.limits = Limits(maximum_hours, maximum_gigabytes, maximum_expansion)

    def check(self) -> None:
        """Refuse limits that nothing could meet."""
        times = {"minimum_seconds": self.minimum_seconds, "timeout_seconds": self.timeout_seconds}
        for key, value in (times | vars(self.limits)).items():
            if not 0 <= value < float("inf") or (key != "minimum_seconds" and not value):
                raise SepdiarError("SD202", f"{value} is no limit that anything could meet", where=f"decode.{key}")

    def run(self, take: Take, emit: Listener) -> Take:
        recording = take.conversation.recording

        def progress(fraction: float) -> None:
            emit(Event("stage.progress", recording.id, {"stage": self.name, "fraction": fraction}))

        try:
            decoded = self._decode(take.file, take.scratch, recording.sha256, progress)
        except SepdiarError as error:
            raise SepdiarError(error.code, error.what, where=error.where or recording.path, hint=error.hint) from error
        audio, notes = _one_or_two(decoded, take.scratch)
        found = replace(
            recording,
            rate=audio.rate,
            samples=audio.samples,
            channels=decoded.channels,
            notes=(*recording.notes, *notes),
            damaged=decoded.damaged,
        )
        for note in notes:
            emit(Event("note", recording.id, {"message": note}))
        return replace(take.with_value(recording=found), audio=audio)

    def provenance(self) -> Provenance:
        return Provenance(self.name, __version__, parameters={"salvage": self.salvage})

    def _decode(self, file: Path, scratch: Path, sha256: str, progress: Progress) -> Decoded:
        decoded = decode(
            file,
            scratch / "decoded.f32",
            salvage=self.salvage,
            limits=self.limits,
            timeout_seconds=self.timeout_seconds,
            progress=progress,
        )
        if sha256 and content_hash(file) != sha256:
            raise SepdiarError("SD116", "its content is not what it was when the run began")
        if decoded.audio.samples < self.minimum_seconds * decoded.audio.rate:
            seconds = decoded.audio.samples / decoded.audio.rate
            raise SepdiarError("SD111", f"{seconds:.3f} s, and at least {self.minimum_seconds:g} s are wanted")
        return decoded


def _one_or_two(decoded: Decoded, scratch: Path) -> tuple[RawAudio, tuple[str, ...]]:
    """The audio with the channels that are worth keeping, and the notes with why."""
    both = decoded.audio
    if both.channels == 1:
        return both, decoded.notes
    verdict = judge(both)
    notes = (*decoded.notes, verdict.why)
    if verdict.keep == "both":
        return both, notes
    one = Scratch(scratch / "one.f32", both.rate, 1, both.bits, Limit(both.samples, SepdiarError("SD115")))
    for span, frames in blocks(both):
        if verdict.keep == "mean":
            one.put(span.start, frames.mean(axis=1, keepdims=True))
        else:
            channel = 0 if verdict.keep == "left" else 1
            one.put(span.start, frames[:, channel : channel + 1])
    both.path.unlink()
    return one.close(), notes
