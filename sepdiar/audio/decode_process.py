"""The process that decodes: it gets an open file on standard input, writes samples to one scratch file, and answers in JSON.

A decoder that crashes, hangs, or eats memory ends here, and its recording gets an error. Run by `decode`, one a recording.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sepdiar.audio.containers import Claim, ogg, webm
from sepdiar.audio.containers.header import CHUNKED
from sepdiar.audio.containers.survey import Survey, survey
from sepdiar.audio.limits import Limits
from sepdiar.audio.readers import Reading
from sepdiar.audio.scratch import Scratch
from sepdiar.audio.sniff import sniff_open, unread
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError, from_os_error

Tell = Callable[[dict[str, Any]], None]
_CLAIMS: dict[str, Callable[[BinaryIO], Claim]] = {**CHUNKED, "ogg": ogg.claim, "webm": webm.claim}
_BY_LIBSNDFILE = (*CHUNKED, "flac", "ogg")
_MEMORY = 4 << 30
_PROGRESS = 20.0  # seconds of sound between two signs of life


@dataclass(frozen=True)
class Order:
    """What to decode into which file, and how far to go."""

    out: str
    salvage: bool = False
    limits: Limits = field(default_factory=Limits)


def decode_open(file: BinaryIO, order: Order, tell: Tell) -> dict[str, Any]:
    """Decode an open file: strictly, and where that fails and may be salvaged, once more around the damage."""
    kind, size = sniff_open(file), os.fstat(file.fileno()).st_size
    if kind is None:
        if other := unread(file):
            raise SepdiarError("SD106", f"{other} is not supported")
        raise SepdiarError("SD105" if size else "SD104")
    seen = survey(file) if kind in ("mp3", "aac") else None
    claim = seen.claim if seen else _CLAIMS[kind](file) if kind in _CLAIMS else Claim()
    if claim.refused:
        raise SepdiarError("SD106", claim.refused, hint="Convert it to FLAC, cut where it changes.")
    damage = claim.damage
    if not damage:
        try:
            return _written(_reader(file, kind, claim, seen, strict=True), claim, size, order, tell, strict=True)
        except SepdiarError as error:
            if error.code != "SD112":
                raise
            damage = error.what
    if claim.samples == 0:
        raise SepdiarError("SD110", damage)
    if not order.salvage:
        raise SepdiarError("SD112", damage)
    made = _written(_reader(file, kind, claim, seen, strict=False), claim, size, order, tell, strict=False)
    return made | {"notes": [f"damaged: {damage}", *made["notes"]]}


def _reader(file: BinaryIO, kind: str, claim: Claim, seen: Survey | None, *, strict: bool) -> Reading:
    if seen:
        from sepdiar.audio.readers import frames

        return frames.read(file, seen, strict=strict)
    if kind in _BY_LIBSNDFILE and (strict or kind in CHUNKED) and not claim.open_ended:
        from sepdiar.audio.readers import sndfile

        if reading := sndfile.read(file):
            if not strict and claim.samples is not None:
                reading.declared = claim.samples
            return reading
    from sepdiar.audio.readers import ffmpeg

    reading = ffmpeg.read(file, kind, strict=strict)
    if not strict and kind in CHUNKED and claim.samples is not None:
        reading.declared = claim.samples
    return reading


def _written(reading: Reading, claim: Claim, size: int, order: Order, tell: Tell, *, strict: bool) -> dict[str, Any]:
    limit = order.limits.limit(reading.rate, reading.channels, size)
    limit.refuse(reading.declared or 0)
    tell({"declared": (reading.declared or 0) / reading.rate})
    scratch = Scratch(Path(order.out), reading.rate, reading.channels, reading.bits, limit, order.salvage)
    notes, pauses, told = [*claim.notes, *reading.notes], 0, 0
    for place, frames in reading.pieces:
        if place > scratch.end:
            if reading.pauses and strict:
                pauses += 1
            elif strict:
                raise SepdiarError(
                    "SD112", f"sound is missing from {scratch.end / reading.rate:.2f} s to {place / reading.rate:.2f} s"
                )
            else:
                scratch.damage(Span(scratch.end, place))
        scratch.put(place, frames)
        if scratch.end > told + _PROGRESS * reading.rate:
            told = scratch.end
            tell({"done": told / reading.rate})
    _compare_with_declared(reading, scratch, strict)
    if not scratch.end:
        raise SepdiarError("SD110")
    if pauses:
        notes.append(f"the file's clock pauses {pauses} times, and has silence there")
    return _answer(scratch, reading, notes)


def _compare_with_declared(reading: Reading, scratch: Scratch, strict: bool) -> None:
    if reading.declared is None or scratch.end + reading.slack >= reading.declared:
        return
    if not strict:
        scratch.damage(Span(scratch.end, reading.declared))
    elif scratch.end:
        have, want = scratch.end / reading.rate, reading.declared / reading.rate
        raise SepdiarError("SD112", f"{want:.2f} s are declared, and {have:.2f} s are there")


def _answer(scratch: Scratch, reading: Reading, notes: list[str]) -> dict[str, Any]:
    audio = scratch.close()
    if scratch.clipped:
        notes.append(f"{scratch.clipped} samples over full scale were clipped")
    if scratch.unreal:
        notes.append(f"{scratch.unreal} samples that are not numbers became silence")
    if scratch.damaged:
        lost = sum(map(len, scratch.damaged)) / audio.rate
        places = "one place" if len(scratch.damaged) == 1 else f"{len(scratch.damaged)} places"
        notes.append(f"{lost:.2f} s in {places} were kept as silence")
    if reading.channels > 2:
        notes.append(f"{reading.channels} channels: their mean was taken")
    return {
        "rate": audio.rate,
        "samples": audio.samples,
        "kept": audio.channels,
        "channels": reading.channels,
        "bits": audio.bits,
        "notes": notes,
        "damaged": [asdict(span) for span in scratch.damaged],
    }


def main() -> int:
    """Read the order from the first argument, the file from standard input; answer on standard output, a line a message."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a decoder prints is not an answer

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=answers, flush=True)

    _limit()
    asked = json.loads(sys.argv[1])
    order = Order(**{**asked, "limits": Limits(**asked.get("limits", {}))})
    try:
        with os.fdopen(os.dup(0), "rb") as file:
            tell({"result": decode_open(file, order, tell)})
    except SepdiarError as error:
        tell({"error": [error.code, error.what, error.hint, error.where]})
    except MemoryError:
        tell({"error": ["SD112", "the decoder asked for more memory than a recording needs", "", ""]})
    except OSError as error:
        known = from_os_error(error)
        refused = error.errno != errno.EIO  # which the input may be to blame for
        tell({"error": [known.code, known.what, known.hint, str(Path(order.out).parent) if refused else ""]})
    return 0


def _limit() -> None:
    for what, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_AS, _MEMORY)):
        hard = resource.getrlimit(what)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS does not limit the address space
            resource.setrlimit(what, (allowed, allowed))


if __name__ == "__main__":
    sys.exit(main())
