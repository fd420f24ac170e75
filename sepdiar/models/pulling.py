"""A public model, fetched once: what is cut off goes on where it stopped, and nothing appears that was not checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sepdiar.errors import SepdiarError, from_os_error
from sepdiar.events import Event, Listener, silence
from sepdiar.models import archives, hub, kinds, pickles, shelf
from sepdiar.models.cards import COMMIT, Card, Public, Source, card
from sepdiar.models.converter import converter
from sepdiar.models.shelf import Kept, Pulled
from sepdiar.store.disk import digest, discard, make_folder, sync
from sepdiar.store.lock import Lock


def pull(name: str, *, listen: Listener = silence) -> Path:
    """Fetch a public model, check it, and keep it for good; gives its folder. The only thing here that uses the network.

    Pickles are converted to safetensors. A model that is here and whole is left alone, as is one that comes with sepdiar.
    The `parts` that its card names, models with cards of their own, are fetched before it.
    """
    found = card(name)
    for part in found.facts.get("parts", ()):
        pull(str(part), listen=listen)
    if found.public is None:
        return found.folder
    place = shelf.home() / name
    with _refusals(place, name), converter():
        make_folder(place.parent)
        with _alone(place):
            standing = shelf.read(place)
            if standing and standing.fits(found.public) and not standing.faults():
                return place
            made = place.with_name(f".{name}.part")
            make_folder(made)
            _fetch_all(found, found.public, standing, made, listen)
            _replace(made, place)
    return place


def _fetch_all(found: Card, public: Public, standing: Pulled | None, made: Path, listen: Listener) -> None:
    """Bring every file into the folder `made`; what an earlier attempt finished there is taken over."""
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
    """Fetch one file, check it, and keep it in a form that cannot run anything."""
    if expected and remote.sha256 and remote.sha256 != expected:
        what = f"the hub has {source.path} with SHA-256 {remote.sha256}, the card or the first pull {expected}"
        raise SepdiarError("SD263", what, where=public.repository, hint="pip install --upgrade sepdiar")
    final = made / source.kept
    part = made / f"{source.path}.part"
    make_folder(part.parent)
    _room(source, remote, part)

    def tell(done: int) -> None:
        listen(Event("pull.progress", found.name, {"file": source.path, "bytes": done, "of": remote.size}))

    hub.fetch(found, public, remote, part, tell)
    received = digest(part)
    if received != (expected or remote.sha256 or received):
        part.unlink()
        what = f"{source.path} arrived with SHA-256 {received}, which must be {expected or remote.sha256}"
        raise SepdiarError("SD263", what, where=public.repository, hint=f"sepdiar models pull {found.name}")
    if source.pickled:
        fresh = made / f"{source.path}.new"
        try:
            if source.archive:
                archives.convert(part, fresh)
            else:
                pickles.convert(part, fresh, source.tensors, public.ignore)
        except SepdiarError:
            part.unlink()
            raise
        fresh.replace(final)
        part.unlink()
    else:
        _refuse_misnamed(part, source.path)
        part.replace(final)
    sync(final)
    return Kept(source.path, received, source.kept, digest(final))


def _refuse_misnamed(part: Path, name: str) -> None:
    try:
        kinds.refuse_misnamed(part, name)
    except SepdiarError:
        part.unlink()
        raise


def _room(source: Source, remote: hub.Remote, part: Path) -> None:
    """Refuse what cannot fit before it is fetched, not behind it."""
    size = remote.size or 0
    copies = 3 if source.archive else 2 if source.pickled else 1  # as fetched, unpacked, and as kept
    needed = size * copies - (part.stat().st_size if part.is_file() else 0)
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        what = f"{source.path} needs {needed / 1e6:.1f} MB, {free / 1e6:.1f} MB are free"
        raise SepdiarError("SD301", what, where=str(part.parent))


def _replace(made: Path, place: Path) -> None:
    old = place.with_name(f".{place.name}.old")
    discard(old)
    if place.exists():
        place.rename(old)
    made.rename(place)
    sync(place.parent)
    discard(old)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    try:
        with Lock(place.with_name(f".{place.name}.lock")):
            yield
    except SepdiarError as error:
        if error.code != "SD310":
            raise
        raise SepdiarError("SD265", error.what, where=place.name) from error


@contextmanager
def _refusals(place: Path, name: str) -> Iterator[None]:
    """Inside, what the disk refuses becomes an error that names the model's folder and how to choose another."""
    try:
        yield
    except OSError as error:
        refused = from_os_error(error, os.fspath(place))
        hint = f"SEPDIAR_MODELS=another/folder sepdiar models pull {name}" if refused.code == "SD305" else refused.hint
        raise SepdiarError(refused.code, refused.what, where=os.fspath(place), hint=hint) from error
