"""Manifests of Lhotse (github.com/lhotse-speech/lhotse, Apache 2.0), whatever the corpus: its licence is your concern.

    NAME_recordings_….jsonl(.gz) and, called alike, NAME_supervisions_….jsonl(.gz); or NAME_cuts_….jsonl(.gz) where there are none

They are read without the package. Files in them are looked for from the manifest's folder, then from the working directory.
Supervisions tell whose channel is which: where everybody has one of their own, it is their track. Where they share one, there are
no tracks, and the file is what a chain is given. Word times are those of the alignment `word`, or else shares of the
supervision's. The text is taken as the recipe of the corpus left it. Of cuts, the recordings are read whole, and what lies in a
cut is what counts. Not read: cuts that are mixed or padded, recordings that are transformed, and sources that are no files.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from sepdiar.conversation import Span, Turn, Word
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import Source, lacking, truth, utterance
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import to_ticks

ABOUT = "Lhotse: …recordings….jsonl.gz and …supervisions….jsonl.gz, or …cuts….jsonl.gz"
ENDINGS = (".jsonl.gz", ".jsonl")
RECORDINGS, SUPERVISIONS, CUTS = "recordings", "supervisions", "cuts"
NOT_READ = {"MixedCut": "a cut that is mixed", "PaddingCut": "a cut of padding"}

Row = Mapping[str, Any]


@dataclass
class Known:
    """A recording, what is said in it by the supervisions' identity, and the stretches that are cut out of it."""

    about: Row
    said: dict[tuple[str, Span], tuple[Turn, tuple[int, ...]]] = field(default_factory=dict)
    cut: list[Span] = field(default_factory=list)


def found(folder: Path) -> bool:
    """Whether a manifest is here."""
    return any(chain(_manifests(folder, RECORDINGS), _manifests(folder, CUTS)))


def read(folder: Path) -> Iterator[Truth]:
    """The recordings, in the order of the manifests."""
    whole = list(_manifests(folder, RECORDINGS))
    for file in whole or list(_manifests(folder, CUTS)):
        for known in (_pair(file) if whole else _cuts(file)).values():
            yield _truth(known, file, folder)


def _manifests(folder: Path, kind: str) -> Iterator[Path]:
    for ending in ENDINGS:
        yield from sorted(folder.rglob(f"*{kind}*{ending}"))


def _pair(file: Path) -> dict[str, Known]:
    names = [file.name.replace(RECORDINGS, SUPERVISIONS).removesuffix(ending) for ending in ENDINGS if file.name.endswith(ending)]
    beside = [file.with_name(names[0] + ending) for ending in ENDINGS]
    supervisions = next((other for other in beside if other.is_file()), None)
    if supervisions is None:
        raise lacking(f"{names[0]}.jsonl.gz beside {file.name}", file.parent)
    recordings = {str(row.get("id")): Known(row) for _, row in _rows(file)}
    for where, row in _rows(supervisions):
        if row.get("recording_id") not in recordings:
            _wrong(f"recording_id {row.get('recording_id')!r} is not among the recordings", where)
        _add(recordings[row["recording_id"]], row, Decimal(0), where)
    return recordings


def _cuts(file: Path) -> dict[str, Known]:
    recordings: dict[str, Known] = {}
    for where, row in _rows(file):
        about = row.get("recording")
        if row.get("type") in NOT_READ or not isinstance(about, dict):
            _wrong(NOT_READ.get(str(row.get("type")), "a cut without a recording"), where)
        known = recordings.setdefault(str(about.get("id")), Known(about))
        start, length = (_number(row, key, where) for key in ("start", "duration"))
        known.cut.append(Span(_ticks(start, where), _ticks(start + length, where)))
        for supervision in row.get("supervisions") or ():
            _add(known, supervision, start, where)
    return recordings


def _add(known: Known, row: Row, offset: Decimal, where: str) -> None:
    start = offset + _number(row, "start", where)
    span = Span(_ticks(start, where), _ticks(start + _number(row, "duration", where), where))
    channels = row.get("channel", 0)
    places = tuple(channels) if isinstance(channels, list) else (channels,)
    speaker = row.get("speaker") or f"channel {places[0]}"
    words = list(_aligned(row, offset, where))
    turn = Turn(speaker, span, tuple(words)) if words else utterance(speaker, span, (row.get("text") or "").split())
    known.said[str(row.get("id")), span] = turn, places


def _aligned(row: Row, offset: Decimal, where: str) -> Iterator[Word]:
    for item in (row.get("alignment") or {}).get("word") or ():
        try:
            symbol, start, length = str(item[0]), Decimal(str(item[1])), Decimal(str(item[2]))
        except (ArithmeticError, IndexError, KeyError, TypeError):
            _wrong(f"an alignment is {item!r}", where)
        if symbol.split() == [symbol] and not symbol.startswith("<"):
            yield Word(symbol, Span(_ticks(offset + start, where), _ticks(offset + start + length, where)))


def _truth(known: Known, manifest: Path, folder: Path) -> Truth:
    name = str(known.about.get("id"))
    files = _files(known.about, manifest)
    own: dict[str, set[tuple[int, ...]]] = {}
    for turn, places in known.said.values():
        own.setdefault(turn.speaker, set()).add(places)
    turns = [turn for turn, _ in known.said.values()]
    theirs = {speaker: next(iter(places))[0] for speaker, places in own.items() if _one(places)}
    if len(theirs) == len(own) == len(set(theirs.values())) > 1:
        if strange := set(theirs.values()) - files.keys():
            _wrong(f"recording {name!r} has no channel {min(strange)}", str(manifest))
        sources = [Source(speaker, *files[channel]) for speaker, channel in theirs.items()]
        return truth(name, folder, turns, sources, scored=known.cut)
    if len({file for file, _ in files.values()}) == 1:
        return truth(name, folder, turns, (), next(iter(files.values()))[0], scored=known.cut)
    _wrong(f"recording {name!r} has several files, and not one channel for each speaker", str(manifest))


def _one(places: Iterable[tuple[int, ...]]) -> bool:
    channels = list(places)
    return len(channels) == 1 and len(channels[0]) == 1


def _files(about: Row, manifest: Path) -> dict[int, tuple[Path, int]]:
    """The file of each channel of a recording, and which of its channels it is."""
    if about.get("transforms"):
        _wrong(f"recording {about.get('id')!r} is transformed: give the manifest from before that", str(manifest))
    files = {}
    for source in about.get("sources") or ():
        if source.get("type") != "file":
            what = f"recording {about.get('id')!r} comes from a {source.get('type')}"
            raise SepdiarError("SD402", what, where=str(manifest))
        path = manifest.parent / source.get("source", "")
        path = path if path.exists() else Path(source.get("source", ""))
        files.update({channel: (path, number) for number, channel in enumerate(source.get("channels") or ())})
    if not files:
        _wrong(f"recording {about.get('id')!r} has no sources", str(manifest))
    return files


def _rows(file: Path) -> Iterator[tuple[str, Row]]:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as text:
        try:
            for number, line in enumerate(text, 1):
                where = f"{file}, line {number}"
                row = json.loads(line, parse_float=Decimal)
                if not isinstance(row, dict):
                    _wrong("it is no object", where)
                yield where, row
        except (json.JSONDecodeError, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
            raise SepdiarError("SD502", f"no lines of JSON: {error}", where=str(file)) from error


def _number(row: Row, key: str, where: str) -> Decimal:
    if not isinstance(row.get(key), int | Decimal):
        _wrong(f"{key} is no number", where)
    return Decimal(row[key])


def _ticks(seconds: Decimal, where: str) -> int:
    try:
        return to_ticks(str(max(seconds, Decimal(0))))  # what began before a cut, or by rounding before the recording
    except ValueError as error:
        _wrong(f"a time {error}", where)


def _wrong(what: str, where: str) -> NoReturn:
    raise SepdiarError("SD502", what, where=where)
