"""One recording at a time, in this process: the front of the chain of a run, cut where the answer is known."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sepdiar.conversation import Conversation, Recording, Track
from sepdiar.errors import CODES, Code, SepdiarError, from_os_error
from sepdiar.events import Listener, silence

if TYPE_CHECKING:
    from sepdiar.pipeline import Take


def diarize(
    file: str | Path,
    *,
    diarizer: str | None = None,
    speakers: int | None = None,
    rttm: str | Path | None = None,
    recipe: str | Path | None = None,
    config: str | Path | None = None,
    device: str | None = None,
    salvage: bool | None = None,
    settings: Iterable[str] = (),
    listen: Listener = silence,
) -> Conversation:
    """Who speaks when in one recording; `speakers` is their number where it is known, `rttm` a file to write as well.

    What is not given comes from the configuration, as for a run: flag before environment before file before recipe.
    """
    flags = {
        "diarize.backend": diarizer,
        "diarize.speakers": speakers,
        "device": device,
        "decode.salvage": salvage,
    }
    with _chain(file, "diarize", recipe, config, flags, settings, listen) as take:
        found = take.conversation
    if rttm is not None:
        _save(Path(rttm), as_rttm(found))
    return found


def separate(
    file: str | Path,
    out: str | Path,
    *,
    separator: str | None = None,
    diarizer: str | None = None,
    speakers: int | None = None,
    pairing: str | None = None,
    recipe: str | Path | None = None,
    config: str | Path | None = None,
    device: str | None = None,
    salvage: bool | None = None,
    settings: Iterable[str] = (),
    listen: Listener = silence,
) -> dict[str, Path]:
    """One WAV a speaker in `out`: STEM-1.wav, STEM-2.wav, at the rate and on the clock of the recording.

    The answer gives each speaker's file. Where more than two people speak, a file is silent outside the dialogues of its speaker.
    """
    flags = {
        "separate.backend": separator,
        "diarize.backend": diarizer,
        "diarize.speakers": speakers,
        "assemble.pairing": pairing,
        "device": device,
        "decode.salvage": salvage,
    }
    with _chain(file, "assemble", recipe, config, flags, settings, listen) as take:
        tracks: dict[str, list[Track]] = {}
        for track in take.conversation.tracks:
            tracks.setdefault(track.speaker, []).append(track)
        Path(out).mkdir(parents=True, exist_ok=True)
        written = {}
        order = {speaker: place for place, speaker in enumerate(take.conversation.speakers)}
        for number, speaker in enumerate(sorted(tracks, key=lambda name: (order.get(name, len(order)), name)), start=1):
            written[speaker] = Path(out) / f"{Path(file).stem}-{number}.wav"
            _write_wav(written[speaker], take, tracks[speaker])
    return written


def transcribe(
    file: str | Path,
    *,
    recognizer: str | None = None,
    diarizer: str | None = None,
    separator: str | None = None,
    speakers: int | None = None,
    ctm: str | Path | None = None,
    recipe: str | Path | None = None,
    config: str | Path | None = None,
    device: str | None = None,
    salvage: bool | None = None,
    settings: Iterable[str] = (),
    listen: Listener = silence,
) -> Conversation:
    """The words of each speaker of one recording, in the turns of the answer; `ctm` is a file to write as well.

    Speakers are told apart first, and each is heard on a channel of their own.
    """
    flags = {
        "transcribe.backend": recognizer,
        "diarize.backend": diarizer,
        "separate.backend": separator,
        "diarize.speakers": speakers,
        "device": device,
        "decode.salvage": salvage,
    }
    with _chain(file, "transcribe", recipe, config, flags, settings, listen) as take:
        found = take.conversation
    if ctm is not None:
        _save(Path(ctm), as_ctm(found))
    return found


def as_rttm(conversation: Conversation) -> str:
    """The turns as RTTM."""
    from sepdiar.formats.rttm import dumps
    from sepdiar.formats.segments import of_conversation

    return dumps(of_conversation(conversation))


def as_ctm(conversation: Conversation) -> str:
    """The words as CTM; channel 1 is the first speaker, 2 the second, in the order of first speaking."""
    from sepdiar.formats.ctm import dumps
    from sepdiar.formats.segments import of_conversation

    channel = {speaker: str(number) for number, speaker in enumerate(conversation.speakers, start=1)}
    return dumps(replace(word, speaker=channel[word.speaker]) for word in of_conversation(conversation, each="word"))


def report(run: str | Path) -> Path:
    """Make the report and the manifest of a run again from its items; the page that a browser opens."""
    from sepdiar.conduct import derive
    from sepdiar.store import Store

    store = Store(Path(run))
    store.settings()
    with store.opened():
        derive(store)
    return store.run / "report" / "index.html"


def explain(code: str) -> Code:
    """What a code means and how to mend it: `SD112`, `sd112` and `112` are the same.

    >>> explain("112").title
    'damaged'
    """
    return CODES[known(code)]


def known(code: str) -> str:
    """The code meant, as it stands in the table; SD201 where there is none."""
    name = re.sub(r"^(SD)?", "SD", code.strip().upper(), count=1)
    if name not in CODES:
        near = sorted(CODES, key=lambda one: abs(int(one[2:]) - int(name[2:])))[:3] if name[2:].isdecimal() else []
        there = f"near it: {', '.join(sorted(near))}" if near else f"they go from {min(CODES)} to {max(CODES)}"
        raise SepdiarError("SD201", f"no code {code!r}; {there}", hint="sepdiar explain lists all of them.")
    return name


@contextmanager
def _chain(
    file: str | Path,
    last: str,
    recipe: str | Path | None,
    config: str | Path | None,
    flags: Mapping[str, Any],
    settings: Iterable[str],
    listen: Listener,
) -> Iterator[Take]:
    """The recording after the stage `last`; its files live until the block ends."""
    from sepdiar.config import resolve, setting
    from sepdiar.pipeline import Take

    given = dict(flags) | dict(map(setting, settings))
    resolved = resolve(recipe, file=Path(config) if config else None, flags=given)
    stages = list(resolved.values["chain"])
    if last not in stages:
        raise SepdiarError("SD204", f"the chain has no stage {last!r}: {', '.join(stages)}")
    cut = stages[: stages.index(last) + 1]
    pipeline = replace(resolved, values={**resolved.values, "chain": cut}).pipeline()
    source = Path(file)
    recording = Recording("_".join(source.stem.split()), source.name, _sha256(source))
    with TemporaryDirectory(prefix="sepdiar-") as place:
        item, scratch = Path(place) / "item", Path(place) / "scratch"
        item.mkdir()
        scratch.mkdir()
        pipeline.open()
        yield pipeline.run(Take(Conversation(recording), source, item, scratch), listen)


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _sha256(file: Path) -> str:
    if not file.exists():
        raise SepdiarError("SD101", where=str(file))
    if not file.is_file():
        raise SepdiarError("SD102", where=str(file))
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except PermissionError as error:
        raise SepdiarError("SD103", where=str(file)) from error


def _write_wav(path: Path, take: Take, tracks: Iterable[Track]) -> None:
    """The tracks of one speaker, each at its place, silence between: integers all the way, so that no sample changes."""
    import numpy as np
    import soundfile

    from sepdiar.audio.source import BLOCK
    from sepdiar.conversation import Span

    recording = take.conversation.recording
    places = sorted(tracks, key=lambda track: track.span)
    subtype = soundfile.info(take.item / places[0].file).subtype

    def silent(span: Span, into: soundfile.SoundFile) -> None:
        for start in range(span.start, span.end, BLOCK):
            into.write(np.zeros(min(BLOCK, span.end - start), np.int32))

    with soundfile.SoundFile(path, "w", recording.rate, 1, subtype, format="WAV") as into:
        at = 0
        for track in places:
            silent(Span(at, track.span.start), into)
            with soundfile.SoundFile(take.item / track.file) as dialogue:
                for frames in dialogue.blocks(BLOCK, dtype="int32", always_2d=True):
                    into.write(frames[:, track.channel])
            at = track.span.end
        silent(Span(at, recording.samples), into)
