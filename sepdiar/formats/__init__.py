"""Every format read or written, one module each. Here: files of segments, told apart by their names or by what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sepdiar.conversation import Conversation
from sepdiar.errors import SepdiarError
from sepdiar.formats import ctm, rttm, seglst, stm, uem
from sepdiar.formats.segments import Segment, of_conversation, to_ticks

Paths = str | Path | Sequence[str | Path]
PARSERS: dict[str, Callable[[str, str], tuple[Segment, ...]]] = {
    "rttm": rttm.parse,
    "stm": stm.parse,
    "ctm": ctm.parse,
    "seglst": seglst.parse,
}
WRITERS: dict[str, Callable[[Iterable[Segment]], str]] = {
    "rttm": rttm.dumps,
    "stm": stm.dumps,
    "ctm": ctm.dumps,
    "seglst": seglst.dumps,
}
FORMS = ", ".join((*PARSERS, "conversation.json"))


def read_segments(paths: Paths) -> tuple[Segment, ...]:
    """Everybody's segments in a file, in several, or in a folder: a run directory, or files of one format.

    The name's ending says the format, else what is in the file does. A `conversation.json` is read too. In several CTM
    files a speaker is a channel of a file, since nothing else tells them apart.
    """
    files = [file for path in ([paths] if isinstance(paths, str | Path) else paths) for file in _files(Path(path))]
    read = [(file, *_segments(file)) for file in files]
    several = sum(form == "ctm" for _, form, _ in read) > 1
    found: list[Segment] = []
    for file, form, segments in read:
        apart = several and form == "ctm"
        found += (replace(one, speaker=f"{file.stem}-{one.speaker}") for one in segments) if apart else segments
    return tuple(found)


def read_pair(ref: Paths, hyp: Paths) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """The segments of both sides; a session of `hyp` that is of the same recording as one of `ref` takes its name.

    The same recording is told by the SHA-256 in `conversation.json`: a run names it by file and content, a truth as it likes.
    """
    names = {sha256: session for session, sha256 in _recordings(ref)}
    renamed = {session: names[sha256] for session, sha256 in _recordings(hyp) if sha256 in names}
    return read_segments(ref), tuple(replace(one, session=renamed.get(one.session, one.session)) for one in read_segments(hyp))


def _recordings(paths: Paths) -> Iterator[tuple[str, str]]:
    for path in [paths] if isinstance(paths, str | Path) else paths:
        for file in _files(Path(path)):
            if file.name == "conversation.json" and (recording := read_conversation(file).recording).sha256:
                yield recording.id, recording.sha256


def read_uem(path: str | Path) -> uem.Regions:
    """The stretches of each file that are scored, in microseconds."""
    return uem.parse(read_text(Path(path)), str(path))


def read_conversation(path: str | Path) -> Conversation:
    """A `conversation.json`; SD502 says what is wrong with it."""
    try:
        return Conversation.from_json(read_text(Path(path)))
    except ValueError as error:
        raise SepdiarError("SD502", str(error), where=str(path)) from error


def form_of(text: str, name: str = "") -> str:
    """Which format a text is in, by the ending of its name, or else by its lines; SD502 where neither says.

    >>> form_of("talk 1 0.50 0.25 yes"), form_of("talk 1 A 0.50 0.75 yes"), form_of("", "turns.rttm")
    ('ctm', 'stm', 'rttm')
    """
    ending = Path(name).suffix.lower().removeprefix(".")
    if ending in PARSERS:
        return ending
    if text.lstrip()[:1] in ("[", "{"):
        return "seglst" if text.lstrip()[0] == "[" else "conversation"
    rows = [line.split() for line in text.split("\n") if line.strip() and line.strip()[0] not in ";#"]
    if rows and (rows[0][0] == "SPEAKER" or rows[0][0] in rttm.OTHER_TYPES):
        return "rttm"
    for form, first in (("stm", 3), ("ctm", 2)):  # a CTM whose words are all numbers has to be called .ctm
        if rows and all(len(row) >= 5 and all(map(_is_time, row[first : first + 2])) for row in rows):
            return form
    raise SepdiarError("SD502", f"none of {FORMS}", where=name)


def _segments(file: Path) -> tuple[str, tuple[Segment, ...]]:
    text = read_text(file)
    if not text.strip():
        return "", ()  # nobody speaks: what a diarizer writes for silence
    form = form_of(text, str(file))
    return form, of_conversation(read_conversation(file)) if form == "conversation" else PARSERS[form](text, str(file))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if items := sorted(path.glob("items/*/conversation.json")) or sorted(path.glob("*/conversation.json")):
        return items
    files = sorted(file for file in path.iterdir() if file.suffix in (".rttm", ".stm", ".ctm", ".seglst", ".json"))
    if not files:
        raise SepdiarError("SD206", f"no run, and no {FORMS} in this folder", where=str(path))
    if len({file.suffix for file in files}) > 1:
        raise SepdiarError("SD502", "files of several formats, which may say the same twice: name those to read", where=str(path))
    return files


def read_text(file: Path) -> str:
    """What is in a text file; the code that says why not."""
    if not file.exists():
        raise SepdiarError("SD101", where=str(file))
    if not file.is_file():
        raise SepdiarError("SD102", where=str(file))
    try:
        return file.read_text(encoding="utf-8-sig")
    except PermissionError as error:
        raise SepdiarError("SD103", where=str(file)) from error
    except UnicodeDecodeError as error:
        raise SepdiarError("SD502", f"byte {error.start} is not UTF-8", where=str(file)) from error


def _is_time(text: str) -> bool:
    try:
        to_ticks(text)
    except ValueError:
        return False
    return True
