"""The files of a model from where a user has them."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from sepdiar.errors import SepdiarError
from sepdiar.models import shelf
from sepdiar.models.cards import Card, Public, Source
from sepdiar.models.keeping import copies, keep_file, part_of, room
from sepdiar.models.shelf import Pulled


def copy_all(found: Card, public: Public, given: Path, made: Path, standing: Pulled | None) -> None:
    """Bring every file of a model into the folder `made`; `given` is the one published file, or a folder that has them all."""
    files = [(source, _place(given, source, found.name, len(public.files))) for source in public.files]
    records = [record for record in (standing, shelf.read(made)) if record and record.repository == public.repository]
    kept = Pulled(made, public.repository, public.revision)
    for source, file in files:
        known = next((known for record in records if (known := record.of(source.path))), None)
        expected = source.sha256 or (known.sha256 if known else "")
        room(source.path, file.stat().st_size * copies(source), made)
        shutil.copyfile(file, part_of(made, source))
        kept = kept.add(keep_file(public, source, made, expected, str(file), f"sepdiar models pull {found.name}", file.name))


def _place(given: Path, source: Source, name: str, files: int) -> Path:
    """Where a file of the model is; SD251 where it is not."""
    if given.is_file():
        if files == 1:
            return given
        raise SepdiarError("SD251", f"{name} is {files} files: a folder with all of them is needed", where=str(given))
    for file in (given / source.path, given / PurePosixPath(source.path).name):
        if file.is_file():
            return file
    raise SepdiarError("SD251", f"no {source.path}", where=str(given), hint=f"sepdiar models pull {name}")
