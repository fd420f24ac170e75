"""Our own: a conversation.json for each recording, at any depth, with its audio beside it, as `sepdiar simulate` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sepdiar.corpora import Truth
from sepdiar.formats import read_conversation

ABOUT = "conversation.json beside the audio it names, as `sepdiar simulate` writes it"
TRUTH = "conversation.json"


def found(folder: Path) -> bool:
    """Whether any recording is here."""
    return any(folder.rglob(TRUTH))


def read(folder: Path) -> Iterator[Truth]:
    """The recordings, by the names of their folders."""
    for file in sorted(folder.rglob(TRUTH)):
        yield Truth(read_conversation(file), file.parent)
