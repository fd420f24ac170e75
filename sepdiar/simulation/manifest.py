"""The list of single-speaker utterances that dialogues are made of: a TSV, and word times in a CTM beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sepdiar.errors import SepdiarError
from sepdiar.formats import ctm
from sepdiar.formats.confined import inside
from sepdiar.formats.segments import TICKS

COLUMNS = ("utt", "speaker", "file", "text")
BACKCHANNEL = "backchannel"
_NAME = re.compile(r"[^\s\x00-\x1f;#][^\s\x00-\x1f]*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f]")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_CHAPTER = re.compile(r"[-_](\d+)[-_]\d[-_\d]*")  # behind the speaker, in the names of LibriSpeech, LibriTTS and MLS


@dataclass(frozen=True)
class Utterance:
    """One file with one person speaking. `words` are (text, begin, end) in seconds, None where their times are not known.

    `seconds` is the length that the manifest states, 0 where it does not; `role` is "" or "backchannel"; `dialogue` names
    the scripted dialogue to which the line belongs; `split` is what it is for: train, dev, or whatever the manifest says.
    `session` names the recording of which it is a part, with one microphone and in one place; "" where that is not known.
    """

    id: str
    speaker: str
    file: Path
    text: str
    words: tuple[tuple[str, float, float], ...] | None = None
    seconds: float = 0.0
    role: str = ""
    dialogue: str = ""
    split: str = ""
    session: str = ""

    @property
    def is_short(self) -> bool:
        """Whether it can stand as a backchannel whole: marked so, or of one or two words."""
        return self.role == BACKCHANNEL or 1 <= len(self.text.split()) <= 2


def read_manifest(path: str | Path, *, root: str | Path | None = None, words: str | Path | None = None) -> tuple[Utterance, ...]:
    """The utterances of a TSV with a header line and at least the columns utt, speaker, file and text.

    `file` is relative to `root`, the folder of the manifest where it is not given. Read too, where they are there: `seconds`,
    `split` (see `choose`), `role` (`backchannel`: said while the other speaks), `dialogue` (the scripted dialogue of a line) and
    `session`; where that says nothing and utt is speaker-chapter-number, as in LibriSpeech, it is the chapter.
    Times of words come from `words`, or the CTM of the same name beside the manifest (`lines.ctm` for `lines.tsv`), whose
    first column is utt. No audio is opened here.

    Refused: a path that leads outside of root, also by a link (SD401); a URL, pipe or command (SD402); anything that does
    not have the form of a manifest, the line named (SD403).
    """
    return tuple(_read(Path(path), root, words))


def choose(
    path: str | Path,
    *,
    root: str | Path | None = None,
    words: str | Path | None = None,
    split: str | None = None,
    speakers: Iterable[str] | None = None,
    timed: bool = False,
) -> tuple[Utterance, ...]:
    """The utterances of a manifest in one `split` and of some `speakers`; with `timed`, those whose words have times.

    SD202 where none is left or a speaker is not there.
    """
    rows = _read(Path(path), root, words)
    wanted = None if speakers is None else frozenset(speakers)
    if missing := sorted((wanted or frozenset()) - {utterance.speaker for utterance in rows}):
        raise SepdiarError("SD202", f"no such speaker: {', '.join(missing)}", where=str(path))
    kept = [
        utterance
        for utterance in rows
        if (split is None or utterance.split == split) and (wanted is None or utterance.speaker in wanted)
    ]
    if timed and kept and not (kept := [utterance for utterance in kept if utterance.words]):
        raise SepdiarError(
            "SD202",
            "no utterance whose words have times",
            where=str(path),
            hint="python -m sepdiar.simulation.align MANIFEST --out words.ctm",
        )
    if not kept:
        splits = sorted({utterance.split for utterance in rows} - {""})
        known = f"there are: {', '.join(splits)}" if splits else "it has no column split with a value"
        raise SepdiarError("SD202", f"no utterance of split {split!r}; {known}" if split else "no utterance", where=str(path))
    return tuple(kept)


def _read(path: Path, root: str | Path | None, words: str | Path | None) -> list[Utterance]:
    lines = _text(path).split("\n")
    header = lines[0].rstrip("\r").split("\t")
    if missing := [column for column in COLUMNS if column not in header]:
        raise SepdiarError("SD403", f"the header lacks {', '.join(missing)}", where=f"{path}, line 1")
    if len(set(header)) < len(header):
        raise SepdiarError("SD403", "the header names a column twice", where=f"{path}, line 1")
    base = (path.parent if root is None else Path(root)).resolve()
    times = _times(path, words)
    rows: dict[str, Utterance] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        where, values = f"{path}, line {number}", line.rstrip("\r").split("\t")
        if len(values) != len(header):
            raise SepdiarError("SD403", f"{len(values)} columns, the header has {len(header)}", where=where)
        if _CONTROL.search(line.rstrip("\r")):
            raise SepdiarError("SD403", "a control character", where=where)
        fields = dict(zip(header, values, strict=True))
        utterance = _utterance(fields, base, times, where)
        if utterance.id in rows:
            raise SepdiarError("SD403", f"utt {utterance.id} is there twice", where=where)
        rows[utterance.id] = utterance
    return list(rows.values())


def _utterance(
    fields: dict[str, str], base: Path, times: dict[str, tuple[tuple[str, float, float], ...]], where: str
) -> Utterance:
    for column in ("utt", "speaker"):
        if not _NAME.fullmatch(fields[column]):
            raise SepdiarError("SD403", f"{column} is a name without white space, not {fields[column]!r}", where=where)
    role, dialogue = fields.get("role", ""), fields.get("dialogue", "")
    if role not in ("", BACKCHANNEL):
        raise SepdiarError("SD403", f"role is empty or {BACKCHANNEL}, not {role!r}", where=where)
    if dialogue and not _FOLDER.fullmatch(dialogue):
        raise SepdiarError("SD403", f"dialogue names a folder: letters, digits, . _ -; not {dialogue!r}", where=where)
    try:
        seconds = float(fields.get("seconds") or 0)
    except ValueError:
        raise SepdiarError("SD403", f"seconds is not a number: {fields['seconds']!r}", where=where) from None
    file = inside(fields["file"], base, where)
    known, split = times.get(fields["utt"]), fields.get("split", "")
    utt, speaker, session = fields["utt"], fields["speaker"], fields.get("session", "").strip()
    if not session and utt.startswith(speaker) and (chapter := _CHAPTER.fullmatch(utt, len(speaker))):
        session = chapter[1]
    return Utterance(utt, speaker, file, fields["text"].strip(), known, seconds, role, dialogue, split, session)


def _times(path: Path, words: str | Path | None) -> dict[str, tuple[tuple[str, float, float], ...]]:
    file = path.with_suffix(".ctm") if words is None else Path(words)
    if words is None and not file.is_file():
        return {}
    found: dict[str, list[tuple[str, float, float]]] = {}
    for one in ctm.parse(_text(file), str(file)):
        found.setdefault(one.session, []).append((one.words, one.span.start / TICKS, one.span.end / TICKS))
    return {utt: tuple(sorted(spoken, key=lambda word: word[1:])) for utt, spoken in found.items()}


def _text(path: Path) -> str:
    if not path.exists():
        raise SepdiarError("SD101", where=str(path))
    if not path.is_file():
        raise SepdiarError("SD102", where=str(path))
    try:
        return path.read_text(encoding="utf-8-sig")
    except PermissionError as error:
        raise SepdiarError("SD103", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise SepdiarError("SD403", f"byte {error.start} is not UTF-8", where=str(path)) from error
