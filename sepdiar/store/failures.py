"""Why an input is not an item: one small file each, the same bytes for the same fault."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sepdiar.conversation import canonical_json
from sepdiar.errors import CODES, SepdiarError
from sepdiar.schema import build, parse
from sepdiar.store.reading import SMALL, read_text


@dataclass(frozen=True)
class Failure:
    """One input that did not become an item; `path` is as the user sees it, never where it lies on this machine."""

    id: str
    path: str
    code: str
    message: str
    hint: str
    stage: str = ""
    attempts: int = 1
    traceback: str = ""

    @classmethod
    def of(cls, id: str, path: str, error: SepdiarError, stage: str = "") -> Failure:
        """The record of an error."""
        return cls(id, path, error.code, error.what or CODES[error.code].title, error.hint, stage)

    @property
    def outcome(self) -> str:
        """`skipped` where there is a reason but no fault, else `failed`."""
        return "skipped" if CODES[self.code].skips else "failed"

    def to_json(self) -> str:
        """Sorted keys and ASCII, a key a line, for people too; `sha256` is that of the rest, so that no fault goes unseen."""
        facts = {key: value for key, value in {**asdict(self), "outcome": self.outcome}.items() if value != ""}
        digest = hashlib.sha256(canonical_json(facts).encode()).hexdigest()
        return json.dumps({**facts, "sha256": digest}, indent=2, sort_keys=True, ensure_ascii=True) + "\n"

    @classmethod
    def read(cls, path: Path) -> Failure | None:
        """The record in that file, or None where the file is damaged."""
        try:
            text = read_text(path, SMALL)
            facts = parse(text)
            found = build(cls, {key: value for key, value in facts.items() if key not in ("outcome", "sha256")})
            return found if found.code in CODES and found.to_json() == text and found.id == path.stem else None
        except (FileNotFoundError, SepdiarError, ValueError, AttributeError):
            return None
