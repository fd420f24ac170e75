"""Does a file or folder keep the rules of whoever will read it? Every rule has a name, and a problem says which one broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from sepdiar.errors import SepdiarError


@dataclass(frozen=True)
class Problem:
    """A broken rule: where, and what is there instead."""

    rule: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.what}"


@dataclass(frozen=True)
class Report:
    """What was found in `path`, read as `format`."""

    format: str
    path: Path
    problems: tuple[Problem, ...]

    def require(self) -> None:
        """SD501 with the first problem where there is one."""
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            raise SepdiarError("SD501", f"{self.problems[0].rule}: {self.problems[0].what}{more}", where=self.problems[0].where)


VALIDATORS = {
    "ctm": "sepdiar.formats.validate:parses",
    "moshi": "sepdiar.formats.moshi_rules:validate_moshi",
    "rttm": "sepdiar.formats.validate:parses",
    "seglst": "sepdiar.formats.validate:parses",
    "stm": "sepdiar.formats.validate:parses",
}
"""Where each format's validator is: a function of the path, and of the format's name where it serves several."""


def validate(format: str, path: str | Path) -> Report:
    """Check what is at `path` by the rules of a format; SD201 where there is no such format, SD101 where nothing is there."""
    if format not in VALIDATORS:
        raise SepdiarError("SD201", f"no format {format!r}; there are: {', '.join(sorted(VALIDATORS))}")
    if not Path(path).exists():
        raise SepdiarError("SD101", where=str(path))
    module, _, name = VALIDATORS[format].partition(":")
    validator: Callable[[Path, str], Sequence[Problem]] = getattr(import_module(module), name)
    return Report(format, Path(path), tuple(validator(Path(path), format)))


def parses(path: Path, format: str) -> list[Problem]:
    """For formats whose only rule is that they can be parsed: a file, or every file of that name's ending in a folder."""
    from sepdiar.formats import PARSERS

    files = sorted(path.rglob(f"*.{format}")) if path.is_dir() else [path]
    problems = [] if files else [Problem("files", str(path), f"no .{format} file in it")]
    for file in files:
        try:
            PARSERS[format](file.read_text(encoding="utf-8-sig"), str(file))
        except SepdiarError as error:
            problems.append(Problem("parses", error.where or str(file), error.what))
        except UnicodeDecodeError as error:
            problems.append(Problem("parses", str(file), f"byte {error.start} is not UTF-8"))
    return problems
