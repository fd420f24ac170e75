"""A chain over the recordings of a benchmark, as `sepdiar process` runs it: what was stopped goes on where it stood.

Below `--out`: `truth/NAME/` with what is true, as files that the backends "oracle" read; `audio/NAME.wav`, what the chain is
given (a link, or the first channel of what has several); `run/`, the run; and `run-alone/`, what the chain says of recordings in
which it hears one speaker alone, of which `process` makes no two channels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import soundfile

from sepdiar import api
from sepdiar.audio.source import blocks
from sepdiar.config import Config, resolve, setting
from sepdiar.conversation import Conversation
from sepdiar.corpora import Truth
from sepdiar.errors import SepdiarError
from sepdiar.events import Listener, silence
from sepdiar.formats import read_conversation, rttm
from sepdiar.formats.segments import of_conversation
from sepdiar.metrics.sides import open_audio
from sepdiar.results import RunSummary
from sepdiar.run import process
from sepdiar.store import disk
from sepdiar.store.failures import Failure

EVERYBODY = "assemble.pairing=main"
"""One speaker against all others: with stretches of two, nobody's words of the rest would be there to score."""
ALONE = "SD121"


@dataclass(frozen=True)
class Made:
    """What became of the recordings, by their names: what the chain says of each, or the code and words of what stopped it."""

    conversations: Mapping[str, Conversation]
    failures: Mapping[str, str]

    @property
    def models(self) -> dict[str, str]:
        """The models that made it, each with the hash of its weights."""
        steps = [step for value in self.conversations.values() for step in value.provenance]
        pairs = (pair for step in steps for pair in zip(step.model.split(", "), step.model_sha256.split(), strict=False))
        named = dict(pairs)
        return dict(sorted((name, sha256) for name, sha256 in named.items() if name))


@dataclass(frozen=True)
class Chain:
    """A recipe with settings on top of it, and where it works."""

    recipe: str | Path
    out: Path
    settings: tuple[str, ...] = ()
    workers: int | None = None
    listen: Listener = field(default=silence, compare=False)

    def config(self) -> Config:
        """As `process` resolves it; refused as it would be (SD201, SD250, ...)."""
        config = resolve(self.recipe, flags=dict(map(setting, self._settings)))
        config.pipeline()
        return config

    @property
    def says_words(self) -> bool:
        """Whether words come out of it."""
        values = self.config().values
        return "transcribe" in values["chain"] and values.get("transcribe.backend") != "none"

    def over(self, truths: Sequence[Truth], run: str = "run", also: Sequence[str] = ()) -> Made:
        """The recordings through the chain, with some settings more; SD903 where it was stopped before the last."""
        for truth in truths:
            told(truth, self.out / "truth")
        known = {truth.name: truth for truth in truths}
        files = {truth.name: given(truth, self.out / "audio") for truth in truths}
        chain = replace(self, settings=(*self.settings, *also))
        summary = process(
            list(files.values()),
            self.out / run,
            recipe=self.recipe,
            settings=chain._settings,
            workers=self.workers,
            listen=self.listen,
        )
        if isinstance(summary, RunSummary) and summary.left:
            raise SepdiarError("SD903", f"{summary.left} recordings are left", where=str(self.out))
        made, failures = _read(self.out / run, files.keys())
        for name in [name for name, why in failures.items() if why.startswith(ALONE)]:
            made[name] = chain._alone(files[name], self.out / f"{run}-alone" / kept_as(known[name]))
            del failures[name]
        return Made(made, failures)

    @property
    def _settings(self) -> tuple[str, ...]:
        return (EVERYBODY, *self.settings)

    def _alone(self, file: Path, kept: Path) -> Conversation:
        if not kept.is_file():
            hear = api.transcribe if self.says_words else api.diarize
            found = hear(file, recipe=self.recipe, settings=self._settings)
            disk.make_folder(kept.parent)
            disk.write_whole(kept, found.to_json() + "\n", kept.with_suffix(".new"))
        return read_conversation(kept)


def kept_as(truth: Truth) -> str:
    """The name of a file that holds what was found in a recording, and in no other of that name."""
    recording = truth.conversation.recording
    return f"{recording.id}-{recording.sha256[:12]}.json"


def told(truth: Truth, folder: Path) -> None:
    """Write what is true of a recording as the backends "oracle" read it."""
    place = folder / truth.name
    disk.make_folder(place)
    for name, text in {
        "conversation.json": truth.conversation.to_json() + "\n",
        "turns.rttm": rttm.dumps(of_conversation(truth.conversation)),
    }.items():
        disk.write_whole(place / name, text, place / ".new")


def given(truth: Truth, folder: Path) -> Path:
    """What a chain is given, one channel under the recording's name: a link to the file, or a copy of its first channel."""
    source = truth.folder / truth.conversation.recording.path
    audio = open_audio(source)
    disk.make_folder(folder)
    file = folder / f"{truth.name}{source.suffix if audio.channels == 1 else '.wav'}"
    if audio.channels == 1:
        if not file.is_symlink() or file.resolve() != source.resolve():
            file.unlink(missing_ok=True)
            file.symlink_to(source.resolve())
    elif not file.is_file() or open_audio(file).samples != audio.samples:
        part = file.with_suffix(".part")
        with soundfile.SoundFile(part, "w", audio.rate, 1, soundfile.info(source).subtype, format="RF64") as into:
            for _, frames in blocks(audio):
                into.write(frames[:, 0])
        part.replace(file)
    return file


def _read(run: Path, asked: Collection[str]) -> tuple[dict[str, Conversation], dict[str, str]]:
    items = (read_conversation(file) for file in sorted(run.glob("items/*/conversation.json")))
    failures = (failure for file in sorted(run.glob("failures/*.json")) if (failure := Failure.read(file)))
    made = {Path(value.recording.path).stem: value for value in items}
    why = {Path(one.path).stem: f"{one.code} {one.message}" for one in failures}
    return (
        {name: value for name, value in made.items() if name in asked},
        {name: text for name, text in why.items() if name in asked and name not in made},
    )
