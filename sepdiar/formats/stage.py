"""The stage that writes an item's words and, last of all, its value."""

from __future__ import annotations

from sepdiar.events import Listener
from sepdiar.formats.moshi import sidecar
from sepdiar.pipeline import Stage, Take


class Write(Stage):
    """A Moshi sidecar beside each dialogue, then `conversation.json`."""

    name = "write"
    requires = frozenset({"tracks"})
    provides = frozenset({"files"})

    def run(self, take: Take, emit: Listener) -> Take:
        value = take.conversation
        for file in dict.fromkeys(track.file for track in value.tracks):
            (take.item / file).with_suffix(".json").write_text(sidecar(value, file), encoding="ascii")
        (take.item / "conversation.json").write_text(value.to_json() + "\n", encoding="ascii")
        return take
