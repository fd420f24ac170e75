"""A public model gets its folder: each file checked and in a form that cannot run, the whole at once or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sepdiar.errors import SepdiarError, from_os_error
from sepdiar.models import archives, kinds, pickles, shelf
from sepdiar.models.cards import Card, Public, Source
from sepdiar.models.converter import converter
from sepdiar.models.shelf import Kept, Pulled
from sepdiar.store.disk import digest, discard, make_folder, sync
from sepdiar.store.lock import Lock

Fill = Callable[[Path, Pulled | None], None]
"""Brings every file into a folder; what an earlier call left there is there still. Told what stands in the model's place."""


def keep_model(found: Card, public: Public, fill: Fill) -> Path:
    """The model's folder, made by `fill` unless it stands there whole."""
    place = shelf.home() / found.name
    with refusals(place, found.name), converter():
        make_folder(place.parent)
        with alone(place):
            standing = shelf.read(place)
            if standing and standing.fits(public) and not standing.faults():
                return place
            made = place.with_name(f".{found.name}.part")
            make_folder(made)
            fill(made, standing)
            _replace(made, place)
    return place


def part_of(made: Path, source: Source) -> Path:
    """Where a file is gathered before it is checked."""
    part = made / f"{source.path}.part"
    make_folder(part.parent)
    return part


def keep_file(public: Public, source: Source, made: Path, expected: str, where: str, again: str, origin: str = "") -> Kept:
    """Check the file that was gathered as `part_of` says, and keep it in a form that cannot run anything; SD263, SD264.

    `expected` is its SHA-256, or empty; `where` it came from, and `again` the command that brings it anew, are for the refusal.
    """
    part, final = part_of(made, source), made / source.kept
    received = digest(part)
    if received != (expected or received):
        part.unlink()
        what = f"{source.path} arrived with SHA-256 {received}, which must be {expected}"
        raise SepdiarError("SD263", what, where=where, hint=again)
    fresh = made / f"{source.path}.new"
    try:
        if not source.pickled:
            kinds.refuse_misnamed(part, source.path)
            part.replace(fresh)
        elif source.archive:
            archives.convert(part, fresh)
        else:
            pickles.convert(part, fresh, source.tensors, public.ignore)
    except SepdiarError:
        part.unlink()
        raise
    fresh.replace(final)
    part.unlink(missing_ok=True)
    sync(final)
    return Kept(source.path, received, source.kept, digest(final), origin)


def copies(source: Source) -> int:
    """How often a file lies on the disk while it is kept: as it came, unpacked, and as kept."""
    return 3 if source.archive else 2 if source.pickled else 1


def room(what: str, size: int, folder: Path) -> None:
    """Refuse what cannot fit before it is fetched, not behind it."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise SepdiarError("SD301", f"{what} needs {size / 1e6:.1f} MB, {free / 1e6:.1f} MB are free", where=str(folder))


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Inside, no other process makes what is at `place`; SD265 where one does."""
    try:
        with Lock(place.with_name(f".{place.name}.lock")):
            yield
    except SepdiarError as error:
        if error.code != "SD310":
            raise
        raise SepdiarError("SD265", error.what, where=place.name) from error


@contextmanager
def refusals(place: Path, name: str) -> Iterator[None]:
    """Inside, what the disk refuses becomes an error that names the model's folder and how to choose another."""
    try:
        yield
    except OSError as error:
        refused = from_os_error(error, os.fspath(place))
        hint = f"SEPDIAR_MODELS=another/folder sepdiar models pull {name}" if refused.code == "SD305" else refused.hint
        raise SepdiarError(refused.code, refused.what, where=os.fspath(place), hint=hint) from error


def _replace(made: Path, place: Path) -> None:
    old = place.with_name(f".{place.name}.old")
    discard(old)
    if place.exists():
        place.rename(old)
    made.rename(place)
    sync(place.parent)
    discard(old)
