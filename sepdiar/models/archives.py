"""Models that are one archive, NeMo's `.nemo`: settings, weights, and what else a network needs; read without running any of it.

NeMo's own reader unpacks whatever is in the archive. This one takes flat files of kinds that cannot run, and makes safetensors
of the pickles among them.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from sepdiar.errors import SepdiarError
from sepdiar.models import pickles

SETTINGS = "model_config.yaml"
WEIGHTS = "model_weights.safetensors"
PICKLED = ".ckpt"
HARMLESS = frozenset({".safetensors", ".yaml", ".json", ".txt", ".model", ".vocab"})  # .model is sentencepiece's, and no pickle


def convert(source: Path, made: Path) -> None:
    """Write an archive again with its pickles as safetensors; SD264 where it holds what could run. Always the same bytes."""
    with unpacked(source, made.parent) as folder, tarfile.open(made, "w") as archive:
        for file in sorted(folder.iterdir()):
            entry = tarfile.TarInfo(file.name)
            entry.size = file.stat().st_size
            with file.open("rb") as content:
                archive.addfile(entry, content)
            file.unlink()


@contextmanager
def unpacked(source: Path, beside: Path | None = None) -> Iterator[Path]:
    """A folder with the files of an archive, pickles as safetensors, for as long as it is needed; SD264 as for `convert`."""
    with TemporaryDirectory(dir=beside, prefix=".archive-") as place:
        folder = Path(place)
        try:
            with tarfile.open(source) as archive:
                for entry in archive:
                    if not entry.isdir():
                        _take(archive, entry, folder, source.name)
        except (tarfile.TarError, EOFError) as error:
            raise SepdiarError("SD264", f"is no archive: {error}", where=source.name) from error
        for name in (SETTINGS, WEIGHTS):
            if not (folder / name).is_file():
                raise SepdiarError("SD264", f"an archive without {name}", where=source.name)
        yield folder


def _take(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path, where: str) -> None:
    path = PurePosixPath(entry.name)
    if not entry.isfile() or len(path.parts) != 1 or path.suffix not in HARMLESS | {PICKLED}:
        raise SepdiarError("SD264", f"holds {entry.name}, which is no flat file of a kind that is known not to run", where=where)
    content = archive.extractfile(entry)
    if content is None:
        raise SepdiarError("SD264", f"holds {entry.name}, which cannot be read", where=where)
    file = folder / path.name
    with content, file.open("wb") as kept:
        copyfileobj(content, kept, 1 << 20)
    if path.suffix == PICKLED:
        pickles.convert(file, file.with_suffix(".safetensors"))
        file.unlink()
