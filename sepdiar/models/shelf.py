"""Models that were pulled, on this machine's disk: where they are, what was recorded of them, and whether that still holds."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sepdiar.models.cards import COMMIT, Card, Public
from sepdiar.store.disk import digest, write_whole

LOCK = "lock.json"


@dataclass(frozen=True)
class Kept:
    """A file as it was published (`path`, `sha256`) and as it is kept here: the same, or its tensors as safetensors."""

    path: str
    sha256: str
    kept: str
    kept_sha256: str
    origin: str = ""
    """Where it came from if not from the hub: the wheel, as installers name it, or the file that a user gave."""


@dataclass(frozen=True)
class Pulled:
    """A pulled model: its folder, and the lock in it, which says from which commit its files came and what they were."""

    folder: Path
    repository: str
    revision: str
    files: tuple[Kept, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the lines that sha256sum prints for the published files: the same on every machine, for the provenance."""
        lines = sorted(f"{file.sha256}  {file.path}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def of(self, path: str) -> Kept | None:
        """What was recorded of the file that is published as `path`."""
        return next((file for file in self.files if file.path == path), None)

    def whole(self, file: Kept) -> bool:
        """Whether a file is still what was recorded."""
        path = self.folder / file.kept
        return path.is_file() and digest(path) == file.kept_sha256

    def faults(self) -> list[str]:
        """The files that are no longer what was recorded."""
        return [file.kept for file in self.files if not self.whole(file)]

    def add(self, file: Kept) -> Pulled:
        """With one more file, written down."""
        more = replace(self, files=(*(known for known in self.files if known.path != file.path), file))
        content = {key: value for key, value in asdict(more).items() if key != "folder"}
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        write_whole(self.folder / LOCK, text, self.folder / f"{LOCK}.new")
        return more

    def fits(self, public: Public) -> bool:
        """Whether it is what the card asks for today: every file, with the hash of the card where the card knows one."""
        same = self.repository == public.repository and (
            not COMMIT.fullmatch(public.revision) or self.revision == public.revision
        )
        return all(
            (file := self.of(source.path)) is not None and (file.sha256 == source.sha256 if source.sha256 else same)
            for source in public.files
        )


def home() -> Path:
    """The folder of pulled models: SEPDIAR_MODELS, or sepdiar/models below XDG_DATA_HOME (default: ~/.local/share)."""
    if chosen := os.environ.get("SEPDIAR_MODELS"):
        return Path(chosen).absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share") / "sepdiar" / "models"


def pulled(card: Card) -> Pulled | None:
    """The model of a public card as it is here; None where it is not, or is what an older card asked for."""
    found = read(home() / card.name)
    return found if found and card.public and found.fits(card.public) else None


def read(folder: Path) -> Pulled | None:
    """What the lock in a folder says; None where there is no lock, or none that can be read."""
    try:
        content = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        recorded = tuple(Kept(**file) for file in content["files"])
        return Pulled(folder, content["repository"], content["revision"], recorded)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
