"""True segments, each cut out and recognised by itself: as it sounds, and each output of the separator.

What was recognised is kept in a file a recording, so that a command that was stopped goes on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sepdiar.assemble.flac import write_flac
from sepdiar.audio.source import Audio, Within, blocks
from sepdiar.config import Config
from sepdiar.conversation import Conversation, Recording, Span, Track, Turn
from sepdiar.corpora import Truth
from sepdiar.evaluation.meetings.scores import Normalizer
from sepdiar.events import Event, Listener
from sepdiar.formats.segments import Segment
from sepdiar.metrics.recognition import word_error
from sepdiar.metrics.result import Counts, added
from sepdiar.metrics.sides import open_audio
from sepdiar.pipeline import Stage, Take
from sepdiar.separation.stage import Separate
from sepdiar.store import disk

MIXTURE = "mixture"

Heard = Mapping[str, str]


@dataclass(frozen=True)
class Ears:
    """The recogniser of a chain, and its separator where it has a blind one; the models are loaded."""

    transcribe: Stage
    separate: Separate | None

    @classmethod
    def of(cls, config: Config) -> Ears:
        """Those of a configuration."""
        stages = {stage.name: stage for stage in config.stages()}
        separator = stages.get("separate")
        blind = separator if isinstance(separator, Separate) and separator.requires == {"audio"} else None
        for stage in (stages["transcribe"], *([blind] if blind else [])):
            stage.open()
        return cls(stages["transcribe"], blind)

    def hear(self, name: str, audio: Audio) -> dict[str, str]:
        """The words of a segment: of the mixture, and of each output of the separator."""
        with TemporaryDirectory(prefix="sepdiar-") as place:
            folder = Path(place)
            (folder / "item").mkdir()
            about = Recording(name, f"{name}.wav", "", audio.rate, audio.samples, 1)
            take = Take(Conversation(about), folder, folder / "item", folder, audio)
            streams = {MIXTURE: audio}
            if self.separate:
                made = self.separate.run(take, _silence).sources
                streams |= made.audio if made else {}
            return {stream: self._words(take, sound) for stream, sound in streams.items()}

    def _words(self, take: Take, sound: Audio) -> str:
        whole, file = Span(0, sound.samples), "stream.flac"
        write_flac(take.item / file, sound.rate, 16, (frames for _, frames in blocks(sound)), channels=1)
        said = take.with_value(turns=(Turn("A", whole),), tracks=(Track("A", file, 0, whole),))
        heard = self.transcribe.run(said, _silence).conversation
        return " ".join(word.text for turn in heard.turns for word in turn.words)


def heard_apart(truth: Truth, file: Path, ears: Ears, kept: Path, listen: Listener) -> list[Heard]:
    """The words of each true turn of a recording by stream, in order; done before where `kept` is there."""
    if not kept.is_file():
        listen(Event("note", truth.name, {"message": "true segments, one by one"}))
        audio = open_audio(file)
        found = [
            ears.hear(f"{truth.name}-{number:04d}", Within(audio, turn.span))
            for number, turn in enumerate(truth.conversation.turns)
        ]
        disk.make_folder(kept.parent)
        disk.write_whole(kept, json.dumps(found, indent=1) + "\n", kept.with_suffix(".new"))
    return list(json.loads(kept.read_text(encoding="utf-8")))


def scored(truth: Truth, heard: Sequence[Heard], normalize: Normalizer) -> dict[str, float]:
    """Words and errors of all segments: of the mixture, and of the output with the fewest errors."""
    parts: list[Counts] = []
    for turn, streams in zip(truth.conversation.turns, heard, strict=True):
        said = normalize(" ".join(word.text for word in turn.words))
        if not said:
            continue
        errors = {stream: _errors(said, normalize(text)) for stream, text in streams.items()}
        outputs = [count for stream, count in errors.items() if stream != MIXTURE] or [errors[MIXTURE]]
        length = float(len(said.split()))
        parts.append(
            {"best_errors": min(outputs), "best_length": length, "mixture_errors": errors[MIXTURE], "mixture_length": length}
        )
    return added(parts)


def _errors(said: str, heard: str) -> float:
    sides = ([Segment("segment", "A", Span(0, 1), text)] for text in (said, heard))
    return word_error(*sides).counts["errors"]


def _silence(event: Event) -> None:
    pass
