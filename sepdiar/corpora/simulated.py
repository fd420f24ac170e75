"""Our own: a conversation.json for each recording, at any depth, with its audio beside it, as `sepdiar simulate` writes them.

The audio lies below the folder that is read: `sepdiar.formats.confined` says what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sepdiar.corpora import Truth
from sepdiar.formats import read_conversation
from sepdiar.formats.confined import inside

ABOUT = "conversation.json beside the audio it names, as `sepdiar simulate` writes it"
TRUTH = "conversation.json"


def found(folder: Path) -> bool:
    """Whether any recording is here."""
    return any(folder.rglob(TRUTH))


def read(folder: Path) -> Iterator[Truth]:
    """The recordings, by the names of their folders."""
    root = folder.resolve()
    for truth in own(folder):
        value = truth.conversation
        for name in {value.recording.path, *(track.file for track in value.tracks)} - {""}:
            inside(name, root, str(truth.folder / TRUTH), truth.folder.resolve())
        yield truth


def own(folder: Path) -> Iterator[Truth]:
    """The same for a folder that we wrote, whose audio may lie anywhere."""
    for file in sorted(folder.rglob(TRUTH)):
        yield Truth(read_conversation(file), file.parent)
