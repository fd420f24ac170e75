"""How much a recording may ask for: hours of sound, and room on the disk while it is worked on. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from sepdiar.audio.containers import header
from sepdiar.audio.inputs import open_regular
from sepdiar.audio.sniff import behind_id3, sniff_open, unread
from sepdiar.errors import SepdiarError

if TYPE_CHECKING:
    from sepdiar.config import Config

GIGABYTE = 1e9
SAMPLE = 4
"""Bytes of a sample on the disk while it is worked on."""
WORTH_A_LOOK = 1e9
"""Bytes of a file from which on its header is looked at before all of it is read."""


@dataclass(frozen=True)
class Limit:
    """How many samples a recording may have, and the error of one that has more."""

    samples: int
    error: SepdiarError

    def refuse(self, samples: int) -> None:
        """The error, where there are more."""
        if samples > self.samples:
            raise self.error


@dataclass(frozen=True)
class Limits:
    """The settings of `decode` that bound it.

    A file, and its samples at 4 bytes each in a channel or two, may have `maximum_gigabytes`. The samples may have as many
    times the bytes of the file as `maximum_expansion` says, or one gigabyte: hours of silence fit into a tiny file.
    """

    maximum_hours: float = 24.0
    maximum_gigabytes: float = 18.0
    maximum_expansion: float = 300.0

    @classmethod
    def of(cls, config: Config) -> Limits | None:
        """Those of a configuration; None where its chain does not decode."""
        if "decode" not in config.values["chain"]:
            return None
        section = config.section("decode")
        return cls(**{each.name: section[each.name] for each in fields(cls) if each.name in section})

    def limit(self, rate: int, channels: int, size: int) -> Limit:
        """That of a file of `size` bytes: the narrowest of the three."""
        width = SAMPLE * (2 if channels == 2 else 1)
        hours = Limit(int(self.maximum_hours * 3600 * rate), SepdiarError("SD115", f"more than {self.maximum_hours:g} h"))
        room = int(self.maximum_gigabytes * GIGABYTE)
        grown = max(int(self.maximum_expansion * size), int(GIGABYTE))
        if grown < room:
            what = f"its samples take more than {grown / GIGABYTE:.1f} GB, and the file has {size / 1e6:.1f} MB"
            disk = Limit(grown // width, SepdiarError("SD118", what, hint=_allow("expansion", 10 * self.maximum_expansion)))
        else:
            what = f"its samples take more than {self.maximum_gigabytes:g} GB"
            disk = Limit(room // width, SepdiarError("SD118", what, hint=_allow("gigabytes", 2 * self.maximum_gigabytes)))
        return min(hours, disk, key=lambda limit: limit.samples)

    def refuse_early(self, path: Path, size: int) -> None:
        """What can be told without reading all of a large file: that it is too large, no audio, or longer than it may be."""
        if size > self.maximum_gigabytes * GIGABYTE:
            what = f"the file has {size / GIGABYTE:.1f} GB, and {self.maximum_gigabytes:g} GB are allowed"
            raise SepdiarError("SD118", what, hint=_allow("gigabytes", 2 * self.maximum_gigabytes))
        if size < WORTH_A_LOOK:
            return
        with open_regular(path) as file:
            kind = sniff_open(file)
            if kind is None:
                raise SepdiarError("SD106", f"{other} is not supported") if (other := unread(file)) else SepdiarError("SD105")
            claim = header.claim(file, kind, behind_id3(file))
        if claim.samples and claim.rate:
            self.limit(claim.rate, claim.channels, size).refuse(claim.samples)


def _allow(what: str, value: float) -> str:
    return f"If it is real: --set decode.maximum_{what}={value:g}"
