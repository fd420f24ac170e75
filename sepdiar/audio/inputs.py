"""Which files are meant by the paths that a user gives, and what each is called; nothing here decodes. Standard library only."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
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
_STRETCH = 1 << 20
_PATTERN = "no file is called that; a pattern in quotes, or one that fits nothing, is taken as a name"


@dataclass(frozen=True)
class Input:
    """A file to process, and what stands against it.

    `file` is where it lies: its folder without links, so that a recording has one place however it is reached. `path` is how
    the user wrote it. In both, bytes that are no text are surrogates.
    """

    file: Path
    path: str
    problem: SepdiarError | None = None

    @property
    def name(self) -> str:
        """The name of the file: all that an item tells of where its recording lay."""
        return self.file.name


@dataclass(frozen=True)
class Found:
    """The inputs in order, each once, and what was passed over below the folders given."""

    inputs: Sequence[Input]
    not_audio: int = 0
    lead_nowhere: Sequence[str] = ()
    not_followed: Sequence[str] = ()

    @property
    def notes(self) -> list[str]:
        """What was passed over, in words."""
        count = f"files that are not audio were passed over: {self.not_audio}" if self.not_audio else ""
        nowhere = f"links that lead nowhere were passed over: {_some(self.lead_nowhere)}" if self.lead_nowhere else ""
        folders = (
            f"links to folders are not followed unless they are named: {_some(self.not_followed)}" if self.not_followed else ""
        )
        return [note for note in (count, nowhere, folders) if note]


def find_recordings(paths: Iterable[str | Path]) -> Found:
    """The recordings that the paths of a user mean; SD211 where one of them is not there.

    A file that is named is an input whatever it is. Below a directory, a file is one if its content is audio, or if its
    name says so (decoding then finds what is wrong with it). Hidden entries are passed over, as are the run directories
    of sepdiar, for they hold what came out; links to directories are not followed, names are in the order of their bytes.
    """
    given = list(map(Path, paths))
    _refuse_missing(given)
    found: dict[Path, Input] = {}
    passed: dict[str, list[str]] = {"not audio": [], "leads nowhere": [], "not followed": []}
    places: dict[Path, Path] = {}
    for path in given:
        for entry, named in _walk(path):
            here = entry.absolute()
            if here.parent not in places:
                places[here.parent] = here.parent.resolve()
            file = places[here.parent] / here.name
            made = _input(file, str(entry), named)
            if isinstance(made, Input):
                found.setdefault(file, made)
            else:
                passed[made].append(str(entry))
    return Found(list(found.values()), len(passed["not audio"]), passed["leads nowhere"], passed["not followed"])


def named_recording(file: Path, path: str) -> Input:
    """The input that one file is when it is named, called `path`, with what stands against it now."""
    made = _input(file, path, named=True)
    return made if isinstance(made, Input) else Input(file, path)


def content_hash(path: Path, cancelled: Callable[[], bool] = lambda: False) -> str:
    """The hash of a file's content, read by stretches; SD101 to SD104 as `open_regular`, OSError where reading fails.

    SD903 where `cancelled`, which is asked before each stretch, says so.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while stretch := file.read(_STRETCH):
            if cancelled():
                raise SepdiarError("SD903", "while the inputs were read")
            digest.update(stretch)
    return digest.hexdigest()


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


def _refuse_missing(paths: Sequence[Path]) -> None:
    """SD211 names every path that leads to nothing."""
    missing = {str(path): why for path in paths if (why := _missing(path)) is not None}
    if missing:
        hint = "Leave out the quotes, or name the folder." if _PATTERN in missing.values() else ""
        raise SepdiarError("SD211", "; ".join(filter(None, dict.fromkeys(missing.values()))), where=", ".join(missing), hint=hint)


def _missing(path: Path) -> str | None:
    """Why the path leads to nothing, in words where there are any; None where there is something, whatever it is."""
    try:
        path.stat()
    except PermissionError:
        return None  # opening it will tell
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and _is_link(path):
            return f"a link to {path.readlink()}, which leads nowhere"
        if any(character in path.name for character in "*?["):
            return _PATTERN
        return "" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", "") or str(error)
    return None


def _walk(path: Path) -> Iterator[tuple[Path, bool]]:
    """The path, or all below it but directories, and whether it counts as named: a directory that cannot be listed does."""
    if not _is_directory(path):
        yield path, True
        return
    open_folders = [iter([path])]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif entry is not path and (_is_link(entry) or not _is_directory(entry)):
            yield entry, False
        elif entry is path or not _is_run(entry):
            try:
                entries = sorted(entry.iterdir(), key=os.fsencode)
            except OSError:
                yield entry, True
            else:
                open_folders.append(iter([below for below in entries if not below.name.startswith(".")]))


def _input(file: Path, path: str, named: bool) -> Input | str:
    """The input, or why the file is none."""
    if _is_directory(file):
        if _is_link(file) and not named:
            return "not followed"
        return Input(file, path, SepdiarError("SD103", "a directory", where=path))  # one that cannot be listed
    known = named or file.suffix.lower() in EXTENSIONS
    try:
        open_regular(file).close()
    except SepdiarError as error:
        if known:
            return Input(file, path, SepdiarError(error.code, error.what, where=path))
        return "leads nowhere" if _is_link(file) and not os.path.exists(file) else "not audio"  # noqa: PTH110 - as below
    return Input(file, path) if known or sniff(file) else "not audio"


def _some(names: Sequence[str], shown: int = 3) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def _is_link(path: Path) -> bool:
    return os.path.islink(path)  # noqa: PTH114 - as in _is_directory


def _is_directory(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - False for loops of links and endless names, where pathlib raises


def _is_run(directory: Path) -> bool:
    return os.path.isfile(directory / "run.toml") and _is_directory(directory / "items")  # noqa: PTH113 - as in _is_directory


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
