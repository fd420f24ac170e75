"""What touches the disk: files that appear whole or not at all, and folders that are complete before they are seen."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sepdiar.errors import SepdiarError, from_os_error

SUMS = "SUMS"
FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO, errno.EROFS})
SYSTEM_ERROR_OF_LIBSNDFILE = 2
ALMOST_NOTHING = 1 << 24


def write_whole(path: Path, text: str, scratch: Path) -> None:
    """The file holds `text`, or what it held before: never a part. `scratch` is a name on the same filesystem.

    A file that holds `text` already is left alone, with its time of modification.
    """
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    sync(path.parent)


def refuse_overwriting(source: str | Path, *outputs: str | Path | None) -> None:
    """SD210 where an output is the input, whatever the two are called."""
    for output in outputs:
        if output is not None and Path(output).exists() and Path(source).exists() and Path(output).samefile(source):
            raise SepdiarError("SD210", where=str(output))


def remove(path: Path) -> None:
    """The file is gone for good, also after a power cut. What is no file stays."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
        sync(path.parent)


def make_folder(path: Path) -> None:
    """The folder is there, and its name is on the disk."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def seal(folder: Path) -> None:
    """Write SUMS, as `sha256sum -c` reads it, and bring the folder to the disk: from here on one rename publishes it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    for path in (*files, folder / SUMS):
        sync(path)
    for path in sorted({path.parent for path in files} | {folder}, reverse=True):
        sync(path)


def publish(made: Path, place: Path) -> bool:
    """Rename the sealed folder `made` to `place`; False where a complete one stood there first, and `made` is not needed."""
    try:
        made.rename(place)
    except OSError as error:
        if not (place / SUMS).is_file():
            raise
        if made.exists():
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        # a network disk may report an error for a rename that it has done
    sync(place.parent)
    return True


def discard(folder: Path) -> None:
    """Remove a folder of unfinished work, whatever is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_sha256(folder: Path) -> str:
    """The hash of everything in a folder: of the lines that `sha256sum` prints for its files, sorted by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = (f"{digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def disk_error(error: BaseException, folder: Path) -> SepdiarError | None:
    """What the disk refused while something worked in `folder`; None where the exception is about anything else."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in FULL:
            return from_os_error(seen)
        if _refused_without_number(seen, folder):
            full = shutil.disk_usage(folder).free < ALMOST_NOTHING
            return SepdiarError("SD301" if full else "SD302", str(seen))
        seen = seen.__cause__ or seen.__context__
    return None


def _refused_without_number(error: BaseException, folder: Path) -> bool:
    """numpy and libsndfile do not pass on why they could not write."""
    if type(error).__name__ == "LibsndfileError" and getattr(error, "code", None) == SYSTEM_ERROR_OF_LIBSNDFILE:
        return "Error opening" not in str(error) or str(folder) in str(error)
    return isinstance(error, OSError) and error.errno is None and str(error).endswith("written")


@contextmanager
def refusals(where: Path) -> Iterator[None]:
    """Inside, what the operating system refuses becomes a `SepdiarError` that names the path."""
    try:
        yield
    except BrokenPipeError:
        raise  # no disk's: whoever read what we say has gone
    except OSError as error:
        raise from_os_error(error, str(error.filename or where)) from error
