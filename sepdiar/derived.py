"""The files of a run that follow from its items: the manifest and the report. They are checked by content, and made again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sepdiar.conversation import canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.store import Store
from sepdiar.store.reading import read_bytes, read_json

MANIFEST, PAGE = "data.jsonl", "report/index.html"
RECORD = "report/made-from.json"
"""What the others were made from, and their hashes: whether they are current can be told without reading every item."""


def derive(store: Store) -> None:
    """Bring up to date what follows from the items."""
    for path, text in derived(store).items():
        store.write(path, text)


def derived(store: Store) -> dict[Path, str]:
    """What the files that follow from the items should hold."""
    from sepdiar.formats.moshi import manifest
    from sepdiar.reporting import html

    texts = {MANIFEST: manifest(store.run), PAGE: html(store.run)}
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    texts[RECORD] = canonical_json({"files": hashes, "items": _state(store)}) + "\n"
    return {store.run / name: text for name, text in texts.items()}


def are_current(store: Store) -> bool:
    """Whether they are what was made of the items and failures that are there now, byte for byte."""
    try:
        record = read_json(store.run / RECORD)
        files = {name: hashlib.sha256(read_bytes(store.run / name)).hexdigest() for name in (MANIFEST, PAGE)}
        return bool(record == {"files": files, "items": _state(store)})
    except (OSError, SepdiarError):
        return False


def _state(store: Store) -> str:
    """A hash of what they follow from: the configuration, the names of the items, the failures, and what is damaged."""
    failures = {id: failure.to_json() for id, failure in store.failures().items()}
    damaged = [path.name for path in (*store.unreadable(), *store.broken())]
    facts = [store.settings().fingerprint, sorted(store.done()), failures, damaged]
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()
