"""One recording at a time, in this process: the front of the chain of a run, cut where the answer is known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from sepdiar.conversation import Conversation
from sepdiar.errors import CODES, Code, SepdiarError, from_os_error
from sepdiar.events import Event, Listener, silence


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
    from sepdiar import solo
    from sepdiar.config import words_to_keys
    from sepdiar.store.disk import refuse_overwriting

    refuse_overwriting(file, rttm)
    flags = words_to_keys(diarizer=diarizer, speakers=speakers, device=device, salvage=salvage)
    front, _ = solo.split(solo.configured(recipe, config, flags, settings), "diarize", "diarize")
    with solo.opened(file) as take:
        found = solo.advance(take, front, listen).conversation
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
    from sepdiar import solo
    from sepdiar.config import words_to_keys

    flags = words_to_keys(
        separator=separator, diarizer=diarizer, speakers=speakers, pairing=pairing, device=device, salvage=salvage
    )
    front, rest = solo.split(solo.configured(recipe, config, flags, settings), "diarize", "assemble")
    with solo.opened(file) as take:
        take = solo.advance(take, front, listen)
        if len(take.conversation.speakers) > 2 and pairing is None:
            message = f"{len(take.conversation.speakers)} people speak: only where two talk is separated; or --pairing main"
            listen(Event("note", take.conversation.recording.id, {"message": message}))
        return solo.write_speakers(solo.advance(take, rest, listen), Path(out), Path(file).stem)


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
    from sepdiar import solo
    from sepdiar.config import words_to_keys
    from sepdiar.store.disk import refuse_overwriting

    refuse_overwriting(file, ctm)
    flags = words_to_keys(
        recognizer=recognizer, diarizer=diarizer, separator=separator, speakers=speakers, device=device, salvage=salvage
    )
    chosen = solo.configured(recipe, config, flags, settings)
    front, rest = solo.split(chosen, "diarize", "transcribe")
    with solo.opened(file) as take:
        take = solo.advance(take, front, listen)
        if len(take.conversation.speakers) == 1:
            take, rest = solo.undivided(take), solo.only(rest, "transcribe")
        elif len(take.conversation.speakers) > 2:  # nobody's words may be left out
            everybody = replace(chosen, values={**chosen.values, "assemble.pairing": "main"})
            rest = solo.split(everybody, "diarize", "transcribe")[1]
        found = solo.advance(take, rest, listen).conversation
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


def report(run: str | Path, *, listen: Listener = silence) -> Path:
    """Make the report and the manifest of a run again from its items; the page that a browser opens."""
    from sepdiar.derived import derive
    from sepdiar.store import Store

    store = Store(Path(run), listen)
    with store.opened(reading=True):
        store.tell_broken()
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


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise from_os_error(error, str(path)) from error
