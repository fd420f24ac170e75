"""What a file claims of itself, found by walking its container without decoding; standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What a container says.

    `samples` a channel is what it declares, None where it does not; `damage` is the first thing that breaks the format,
    in words; `refused` what is whole and yet not supported; `open_ended` means that the writer left the length at 0.
    `rate` and `channels` are 0 where they are not looked for.
    """

    samples: int | None = None
    damage: str = ""
    refused: str = ""
    notes: tuple[str, ...] = ()
    open_ended: bool = False
    rate: int = 0
    channels: int = 0
