"""Manifests of Lhotse (github.com/lhotse-speech/lhotse, Apache 2.0), whatever the corpus: its licence is your concern.

    NAME_recordings_….jsonl(.gz) and, called alike, NAME_supervisions_….jsonl(.gz); or NAME_cuts_….jsonl(.gz) where there are none

They are read without the package. Files in them are looked for from the manifest's folder, then from the corpus's, and lie below
that: `sepdiar.formats.confined` says what is refused. Give a folder that holds manifests and audio.
Supervisions tell whose channel is which: where everybody has one of their own, it is their track. Where they share one, there are
no tracks, and the file is what a chain is given. Word times are those of the alignment `word`, or else shares of the
supervision's. The text is taken as the recipe of the corpus left it. Of cuts, the recordings are read whole, and what lies in a
cut is what counts. Not read: cuts that are mixed or padded, recordings that are transformed, and sources that are no files.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, count
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sepdiar.conversation import Span, Turn, Word
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import Source, lacking, parsed, truth, utterance
from sepdiar.errors import SepdiarError
from sepdiar.formats.confined import inside, opened
from sepdiar.formats.segments import LATEST, to_ticks

ABOUT = "Lhotse: …recordings….jsonl.gz and …supervisions….jsonl.gz, or …cuts….jsonl.gz"
ENDINGS = (".jsonl.gz", ".jsonl")
RECORDINGS, SUPERVISIONS, CUTS = "recordings", "supervisions", "cuts"
NOT_READ = {"MixedCut": "a cut that is mixed", "PaddingCut": "a cut of padding"}
KINDS = {str: "text", list: "list", dict: "object"}
LONGEST = 1 << 24  # bytes of a line: a cut with a day of words has a fifth of that
FURTHEST = LATEST // 4  # seconds: a cut, a supervision in it and their lengths add up to a time that can be kept
SHOWN = 40

Row = Mapping[str, Any]
Value = TypeVar("Value", str, list[Any], dict[str, Any])


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
    recordings: dict[str, Known] = {}
    for where, row in _rows(file):
        if (name := _value(row, "id", str, where)) in recordings:
            _wrong(f"recording {name!r} is there twice", where)
        recordings[name] = Known(row)
    for where, row in _rows(supervisions):
        if (name := _value(row, "recording_id", str, where)) not in recordings:
            _wrong(f"recording_id {name!r} is not among the recordings", where)
        _add(recordings[name], row, Decimal(0), where)
    return recordings


def _cuts(file: Path) -> dict[str, Known]:
    recordings: dict[str, Known] = {}
    for where, row in _rows(file):
        if (kind := str(row.get("type"))) in NOT_READ:
            _wrong(NOT_READ[kind], where)
        about = _value(row, "recording", dict, where)
        known = recordings.setdefault(_value(about, "id", str, where), Known(about))
        start, span = _span(row, Decimal(0), where)
        known.cut.append(span)
        for supervision in _value(row, "supervisions", list, where, []):
            if not isinstance(supervision, dict):
                _wrong("a supervision is no object", where)
            _add(known, supervision, start, where)
    return recordings


def _add(known: Known, row: Row, offset: Decimal, where: str) -> None:
    _, span = _span(row, offset, where)
    channels = row.get("channel", 0)
    places = _channels(channels if isinstance(channels, list) else [channels], where)
    speaker = _value(row, "speaker", str, where, "") or f"channel {places[0]}"
    words = list(_aligned(row, offset, where))
    turn = Turn(speaker, span, tuple(words)) if words else utterance(speaker, span, _value(row, "text", str, where, "").split())
    known.said[str(row.get("id")), span] = turn, places


def _aligned(row: Row, offset: Decimal, where: str) -> Iterator[Word]:
    for item in _value(_value(row, "alignment", dict, where, {}), "word", list, where, []):
        if not isinstance(item, list) or len(item) < 3:
            _wrong(f"an alignment is {str(item)[:SHOWN]}", where)
        about = dict(zip(("symbol", "start", "duration"), item, strict=False))
        symbol, (_, span) = _value(about, "symbol", str, where), _span(about, offset, where)
        if symbol.split() == [symbol] and not symbol.startswith("<"):
            yield Word(symbol, span)


def _truth(known: Known, manifest: Path, folder: Path) -> Truth:
    name = known.about["id"]
    files = _files(known.about, manifest, folder)
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


def _files(about: Row, manifest: Path, folder: Path) -> dict[int, tuple[Path, int]]:
    """The file of each channel of a recording, and which of its channels it is."""
    name, where = about["id"], str(manifest)
    if about.get("transforms"):
        _wrong(f"recording {name!r} is transformed: give the manifest from before that", where)
    files = {}
    for source in _value(about, "sources", list, where, []):
        if not isinstance(source, dict):
            _wrong(f"a source of recording {name!r} is no object", where)
        if (kind := _value(source, "type", str, where)) != "file":
            raise SepdiarError("SD402", f"recording {name!r} comes from a {kind}", where=where)
        path = _below(_value(source, "source", str, where), manifest, folder)
        channels = _channels(_value(source, "channels", list, where, []), where)
        files.update({channel: (path, number) for number, channel in enumerate(channels)})
    if not files:
        _wrong(f"recording {name!r} has no sources", where)
    return files


def _below(name: str, manifest: Path, folder: Path) -> Path:
    """The file that a manifest names, from its own folder or from that of the corpus, below which it must lie."""
    root = folder.resolve()
    path = inside(name, root, str(manifest), manifest.parent.resolve())
    if not path.exists():
        path = inside(name, root, str(manifest))
    return folder / path.relative_to(root)


def _rows(file: Path) -> Iterator[tuple[str, Row]]:
    """The objects in a manifest, each with its place; SD502 for a line that is none, or longer than any should be."""
    with opened(file) as raw, gzip.open(raw) if file.suffix == ".gz" else raw as text:
        for number in count(1):
            where = f"{file}, line {number}"
            try:
                line = text.readline(LONGEST + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise SepdiarError("SD502", f"no gzip: {error}", where=where) from error
            if len(line) > LONGEST:
                _wrong(f"it is longer than {LONGEST >> 20} MiB", where)
            if not line:
                return
            row = parsed(line, where, parse_float=Decimal)
            if not isinstance(row, dict):
                _wrong("it is no object", where)
            yield where, row


def _value(row: Row, key: str, kind: type[Value], where: str, otherwise: Value | None = None) -> Value:
    """What an object says under a key; `otherwise` where it says nothing and need not. SD502: it is of another kind."""
    value = row.get(key)
    if value is None and otherwise is not None:
        return otherwise
    if not isinstance(value, kind):
        _wrong(f"{key} is no {KINDS[kind]}", where)
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            _wrong(f"{key} is {value[:SHOWN]!r}, which is no Unicode", where)
    return value


def _channels(values: Iterable[Any], where: str) -> tuple[int, ...]:
    channels = tuple(values)
    if any(isinstance(value, bool) or not isinstance(value, int) or value < 0 for value in channels) or not channels:
        _wrong(f"channels are numbers from 0 on, not {str(channels)[:SHOWN]}", where)
    return channels


def _span(row: Row, offset: Decimal, where: str) -> tuple[Decimal, Span]:
    """When something begins, in seconds, and from when to when it lasts, in microseconds; `offset` is that of the cut around it.

    What began before the cut, or by rounding before the recording, begins with the recording.
    """
    start, length = (_number(row, key, where) for key in ("start", "duration"))
    if length < 0:
        _wrong("duration is less than 0", where)
    ticks = (to_ticks(str(max(seconds, Decimal(0)))) for seconds in (offset + start, offset + start + length))
    return start, Span(*ticks)


def _number(row: Row, key: str, where: str) -> Decimal:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not -FURTHEST <= value <= FURTHEST:
        _wrong(f"{key} is {str(value)[:SHOWN]}, which is no time in seconds", where)
    return Decimal(value)


def _wrong(what: str, where: str) -> NoReturn:
    raise SepdiarError("SD502", what, where=where)
