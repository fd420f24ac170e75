"""What the field has on disk, read into one value: recordings of which the truth is known.

A layout is a file of this package with `ABOUT` (a line for a list), `found(folder)`, whether the folder looks like it, and
`read(folder)`, the recordings in it, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from sepdiar.conversation import Conversation, Span
from sepdiar.errors import SepdiarError

LAYOUTS = ("simulated", "libricss", "ami", "icsi", "chime6", "voxconverse", "fisher", "switchboard", "candor", "lhotse", "plain")
"""In the order in which they are tried."""


@dataclass(frozen=True)
class Truth:
    """A recording and what is true of it.

    `conversation` holds the true turns, with words where those are known, and a track for each speaker who has a channel of
    their own. Files are named from `folder`. `recording.path` is what a chain is given; "" where there is no such file, and the
    tracks are mixed down for it. `scored` are the stretches that count; none: all. `array` are the files whose channels are the
    microphones of an array, all on the recording's clock; the chain's is one of them. None: no array is here.
    """

    conversation: Conversation
    folder: Path
    scored: tuple[Span, ...] = ()
    array: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.conversation.recording.id


def read(folder: str | Path, layout: str = "") -> Iterator[Truth]:
    """The recordings of a corpus, in order; its `layout` is told by what is in the folder, where it is not named.

    SD201: no such layout. SD603: the folder looks like none, or has no recording.
    """
    place = Path(folder)
    if not place.is_dir():
        raise SepdiarError("SD101", where=str(place))
    name = layout or _told(place)
    count = 0
    for truth in _module(name).read(place):
        count += 1
        yield truth
    if not count:
        raise SepdiarError("SD603", f"no recording in the layout {name!r}", where=str(place))


def _told(place: Path) -> str:
    for name in LAYOUTS:
        if _module(name).found(place):
            return name
    known = "; ".join(f"{name}: {_module(name).ABOUT}" for name in LAYOUTS)
    raise SepdiarError("SD603", f"this looks like none of the layouts known here ({known})", where=str(place))


def _module(name: str) -> Any:
    if name not in LAYOUTS:
        raise SepdiarError("SD201", f"no layout {name!r}; there are: {', '.join(LAYOUTS)}")
    return import_module(f"sepdiar.corpora.{name}")
