"""Simulated dialogues of synthetic voices, and an oracle that separates them in an order drawn for each window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sepdiar
from sepdiar.assemble.stage import Assemble
from sepdiar.audio.source import ArrayAudio, Audio, FileAudio
from sepdiar.conversation import Conversation, Provenance, Recording, Span, Turn, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.events import silence
from sepdiar.models import cards, shelf
from sepdiar.models.pickles import convert
from sepdiar.pipeline import Take
from sepdiar.separation import Blind
from sepdiar.separation.stage import Separate
from sepdiar.simulation import simulate
from sepdiar.store.disk import digest
from sepdiar.testing import voices


@dataclass(frozen=True)
class Talk:
    """A dialogue with its true channels."""

    mixture: Audio
    channels: Audio
    turns: tuple[Turn, ...]

    def at(self, rate: int) -> Talk:
        """The turns of the first 40 seconds at another rate, each filled with noise up to the top of the band."""
        count, whole = 40 * rate, Span(0, 40 * rate)
        spans = [(turn, turn.span.at_rate(self.mixture.rate, rate) & whole) for turn in self.turns]
        turns = [Turn(turn.speaker, span) for turn, span in spans if span]
        frames = np.zeros((count, 2), np.float32)
        rng = np.random.default_rng(rate)
        for turn in turns:
            channel = sorted({one.speaker for one in turns}).index(turn.speaker)
            frames[turn.span.start : turn.span.end, channel] = 0.05 * rng.standard_normal(len(turn.span))
        return Talk(ArrayAudio(frames.sum(axis=1), rate), ArrayAudio(frames, rate), mark_overlaps(turns))


@dataclass(frozen=True)
class Outcome:
    """What a stage and the assembly made of a talk."""

    made: Audio
    conversation: Conversation
    provenance: Provenance


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """Two minutes, a fifth of the speech in overlap, at 16 kHz; silence of three minutes after the first."""
    folder = tmp_path_factory.mktemp("talk")
    simulate(voices(folder / "speech", utterances=12), folder / "made", seconds=120, seed=3)
    place = folder / "made" / "dialogue-0000"
    true = Conversation.from_json((place / "conversation.json").read_text())
    mixture, channels = (FileAudio.open(place / f"{name}.flac") for name in ("mixture", "channels"))
    whole = Span(0, mixture.samples)
    middle = next(
        turn.span.end
        for turn in true.turns
        if turn.span.end > 60 * mixture.rate and not any(one.span.start < turn.span.end < one.span.end for one in true.turns)
    )
    pause = 180 * mixture.rate
    frames = {}
    for name, audio in (("mixture", mixture), ("channels", channels)):
        heard = audio.read(whole)
        quiet = np.zeros((pause, audio.channels), np.float32)
        frames[name] = ArrayAudio(np.concatenate([heard[:middle], quiet, heard[middle:]]), audio.rate)
    turns = [
        replace(turn, span=turn.span if turn.span.end <= middle else turn.span.shift(pause), overlap=()) for turn in true.turns
    ]
    return Talk(frames["mixture"], frames["channels"], mark_overlaps(turns))


@pytest.fixture
def separated(tmp_path: Path) -> Callable[..., Outcome]:
    """What comes of a talk through the stage with a blind separator, and the assembly."""
    count = 0

    def run(talk: Talk, blind: Blind, heard: Audio, pairing: str = "dyadic", **settings: object) -> Outcome:
        nonlocal count
        count += 1
        place = tmp_path / str(count)
        (place / "item").mkdir(parents=True)
        (place / "scratch").mkdir()
        recording = Recording("talk", "talk.wav", "", heard.rate, heard.samples, 1)
        take = Take(Conversation(recording, talk.turns), place / "talk.wav", place / "item", place / "scratch", heard)
        stage = Separate("masking", **settings)  # type: ignore[arg-type]
        stage.use(blind)
        done = Assemble(pairing).run(stage.run(take, silence), silence)
        return Outcome(FileAudio.open(place / "item" / "dialogue-000.flac"), done.conversation, stage.provenance())

    return run


@pytest.fixture
def pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], shelf.Kept]:
    """Leaves what `sepdiar models pull` does of a model of one file, as if it were the one that the card knows."""

    def pull(name: str, checkpoint: Path) -> shelf.Kept:
        monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path / "models"))
        public = cards.card(name).public
        assert public
        (source,) = public.files
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        convert(checkpoint, folder / source.kept, source.tensors, public.ignore)
        kept = shelf.Kept(source.path, source.sha256 or digest(checkpoint), source.kept, digest(folder / source.kept))
        shelf.Pulled(folder, public.repository, public.revision).add(kept)
        return kept

    return pull


@pytest.fixture
def refused_when_changed(tmp_path: Path) -> Callable[[str, Callable[[], Blind]], None]:
    """Changes a pulled model of one file, then forgets that it was pulled: `make` refuses both, and says how to mend it."""

    def check(name: str, make: Callable[[], Blind]) -> None:
        (weights,) = (tmp_path / "models" / name).glob("*.safetensors")
        weights.write_bytes(weights.read_bytes() + b" ")
        for _ in range(2):
            with pytest.raises(SepdiarError, match="SD251") as refused:
                make()
            assert refused.value.hint == f"sepdiar models pull {name}"
            (weights.parent / shelf.LOCK).unlink(missing_ok=True)

    return check


@pytest.fixture
def at_its_own_rate(tmp_path: Path) -> Callable[[str, Path], None]:
    """Separates 6 s at 44.1 kHz, A and B overlapping in the fourth: clean speech stays, and the channels add up to the input."""

    def check(separator: str, checkpoint: Path) -> None:
        rate = 44_100
        clock = np.arange(6 * rate) / rate
        noise = np.random.default_rng(1).standard_normal((2, len(clock)))
        talk, turns = tmp_path / "talk.wav", tmp_path / "talk.rttm"
        soundfile.write(talk, 0.1 * noise[0] * (clock < 4) + 0.02 * noise[1] * (clock >= 3), rate)
        turns.write_text("SPEAKER talk 1 0 4 <NA> <NA> A <NA> <NA>\nSPEAKER talk 1 3 3 <NA> <NA> B <NA> <NA>\n")
        settings = [f"diarize.oracle.turns={turns}", f"separate.{separator}.path={checkpoint}"]
        made = sepdiar.separate(
            talk, tmp_path / "out", recipe="embedded", diarizer="oracle", separator=separator, settings=settings
        )
        mixture = soundfile.read(talk)[0]
        channels = np.stack([soundfile.read(path)[0] for path in made.values()])
        assert channels.shape == (2, len(mixture)) and np.isfinite(channels).all()
        assert (channels[0, : 2 * rate] == mixture[: 2 * rate]).all() and not channels[1, : 2 * rate].any()
        inside = slice(round(3.2 * rate), round(3.8 * rate))
        assert (
            np.abs(channels[:, inside]).max(axis=1).min() > 0 and not (channels[:, inside] == mixture[inside]).all(axis=1).any()
        )
        assert np.abs(channels.sum(axis=0) - mixture)[inside].max() < 1e-4

    return check
