"""Which files are meant by the paths that a user gives, and what each is called; nothing here decodes. Standard library only."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from sepdiar.audio.sniff import sniff
from sepdiar.errors import SepdiarError

EXTENSIONS = frozenset(
    f".{name}"
    for names in (
        ("wav", "wave", "rf64", "w64", "bwf", "aif", "aiff", "aifc", "flac", "mp3", "mp2", "ogg", "oga", "opus"),
        ("m4a", "m4b", "mp4", "aac", "adts", "webm", "mka", "mkv"),
        ("wma", "amr", "au", "caf", "ape", "wv", "tta", "spx", "3gp"),  # not read, and it is better to say so
    )
    for name in names
)
_STEM = 48


@dataclass(frozen=True)
class Input:
    """A file to process: where it is, what the user sees (undecodable bytes as surrogates), and what stands against it."""

    file: Path
    path: str
    problem: SepdiarError | None = None


def find_recordings(paths: Iterable[str | Path]) -> tuple[list[Input], int]:
    """The inputs in order, each once, and how many other files were passed over.

    A file that is named is an input whatever it is. Below a directory, a file is one if its content is audio, or if its
    name says so (decoding then finds what is wrong with it). Hidden entries are passed over, as are the run directories
    of sepdiar, for they hold what came out; links to directories are not followed, names are in the order of their bytes.
    """
    found: dict[Path, Input] = {}
    ignored = 0
    for path in map(Path, paths):
        base = path.absolute().name or path.resolve().name
        entries = _walk(path, base) if _is_directory(path) else iter([(path, base, True)])
        for entry, name, named in entries:
            if (made := _input(entry, name, named)) is None:
                ignored += 1
            else:
                found.setdefault(entry.absolute(), made)
    return list(found.values()), ignored


def named_recording(file: Path, path: str) -> Input:
    """The input that one file is when it is named, called `path`, with what stands against it now."""
    return _input(file, path, named=True) or Input(file, path)


def content_hash(path: Path) -> str:
    """The hash of a file's content, read by stretches; SD101 to SD104 as `open_regular`, OSError where reading fails."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_sha256(name: str) -> str:
    """What stands for the content's hash where a file cannot be read: the hash of its name."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def item_id(name: str, sha256: str) -> str:
    """What the item of a recording is called: by its content, with a hint of its name that is safe everywhere.

    >>> item_id("shows/Caf\u00e9 & Bar (1).mp3", "0123456789abcdef")
    'cafe-bar-1-0123456789ab'
    """
    stem = unicodedata.normalize("NFKD", Path(name).stem).encode("ascii", "ignore").decode().lower()
    hint = re.sub(r"[^a-z0-9]+", "-", stem)[:_STEM].strip("-")
    return f"{hint or 'recording'}-{sha256[:12]}"


def open_regular(path: Path) -> BufferedReader:
    """The file, open for reading; SD101, SD102, SD103 or SD104 where it is none. Nothing that could block is waited for."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise SepdiarError("SD102", _kind(mode))
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except PermissionError as error:
        raise SepdiarError("SD103") from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        if "\0" not in str(path) and path.is_symlink():
            raise SepdiarError("SD102", "a dangling link") from error
        raise SepdiarError("SD101") from error
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENAMETOOLONG):
            raise
        raise SepdiarError("SD101", error.strerror or "") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SepdiarError("SD102", _kind(status.st_mode))
    if not status.st_size:
        os.close(descriptor)
        raise SepdiarError("SD104")
    return os.fdopen(descriptor, "rb")


def _walk(directory: Path, name: str) -> Iterator[tuple[Path, str, bool]]:
    """Every entry below that is not a directory, with its name from `directory` on; one that cannot be listed is named itself."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: os.fsencode(entry.name))
    except OSError:
        yield directory, name, True
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if not _is_run(Path(entry.path)):
                yield from _walk(Path(entry.path), f"{name}/{entry.name}")
        elif not _is_directory(entry):
            yield Path(entry.path), f"{name}/{entry.name}", False


def _input(path: Path, name: str, named: bool) -> Input | None:
    named = named or Path(name).suffix.lower() in EXTENSIONS
    if _is_directory(path):  # one that cannot be listed
        return Input(path, name, SepdiarError("SD103", "a directory", where=name))
    try:
        open_regular(path).close()
    except SepdiarError as error:
        return Input(path, name, SepdiarError(error.code, error.what, where=name)) if named else None
    return Input(path, name) if named or sniff(path) else None


def _is_directory(path: Path | os.DirEntry[str]) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - False for loops of links and endless names, where pathlib raises


def _is_run(directory: Path) -> bool:
    return os.path.isfile(directory / "run.toml") and _is_directory(directory / "items")  # noqa: PTH113 - as in _is_directory


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
