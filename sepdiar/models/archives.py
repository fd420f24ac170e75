"""Models that are one archive, NeMo's `.nemo`: settings, weights, and what else a network needs; read without running any of it.

NeMo's own reader unpacks whatever is in the archive. This one takes flat files of kinds that cannot run, and makes safetensors
of the pickles among them, in a process of its own (`converter`).
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from sepdiar.errors import SepdiarError
from sepdiar.models import kinds, pickles
from sepdiar.models.converter import converter

SETTINGS = "model_config.yaml"
WEIGHTS = "model_weights.safetensors"
PICKLED = ".ckpt"
MOST = 1000  # members
BURST = 4  # times as many bytes as an archive has may come out of it, and
SLACK = 1 << 26  # bytes beside that
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
        with converter() as running:
            running.work("archive", source, Path(place))
        yield Path(place)


def unpack(source: Path, folder: Path) -> None:
    """What `unpacked` has done, in the process that it is done in."""
    allowed = BURST * source.stat().st_size + SLACK
    with tarfile.open(source) as archive:
        for number, entry in enumerate(archive):
            allowed -= entry.size
            if allowed < 0 or number == MOST:
                raise SepdiarError("SD264", f"far more comes out of it than it has: {entry.name}", where=source.name)
            if not entry.isdir():
                _take(archive, entry, folder, source.name)
    for name in (SETTINGS, WEIGHTS):
        if not (folder / name).is_file():
            raise SepdiarError("SD264", f"an archive without {name}", where=source.name)


def _take(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path, where: str) -> None:
    path = PurePosixPath(entry.name)
    if not entry.isfile() or len(path.parts) != 1 or path.suffix not in HARMLESS | {PICKLED}:
        raise SepdiarError("SD264", f"holds {entry.name}, which is no flat file of a kind that is known not to run", where=where)
    content = archive.extractfile(entry)
    if content is None:
        raise SepdiarError("SD264", f"holds {entry.name}, which cannot be read", where=where)
    file = folder / path.name
    kept_as = file.with_suffix(".safetensors") if path.suffix == PICKLED else file
    if file.exists() or kept_as.exists():
        raise SepdiarError("SD264", f"holds {entry.name} twice", where=where)
    with content, file.open("xb") as kept:
        copyfileobj(content, kept, 1 << 20)
    if path.suffix == PICKLED:
        pickles.write(file, kept_as, "", ())
        file.unlink()
    if kept_as.suffix == ".safetensors" and kinds.kind(kept_as) != kinds.SAFETENSORS:
        raise kinds.misnamed(kept_as, where)
