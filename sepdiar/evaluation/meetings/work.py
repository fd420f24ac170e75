"""What every benchmark of meetings does: look at the data, run the chain, score, and write the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sepdiar.corpora import Truth
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import shipped
from sepdiar.evaluation.meetings import pages
from sepdiar.evaluation.meetings.chain import Chain, Made
from sepdiar.evaluation.meetings.pages import Table
from sepdiar.evaluation.meetings.scores import Row
from sepdiar.events import Listener
from sepdiar.store import disk

MAIN = (
    "our chain writes two channels; of more than two people, the one who speaks most is on one and all others are on the other "
    "(--pairing main), so that words that two of the others say at once are heard through each other"
)


@dataclass(frozen=True)
class Work:
    """A benchmark with the chain that is measured on it."""

    about: shipped.Reference
    chain: Chain
    split: str

    @property
    def out(self) -> Path:
        return self.chain.out

    def of(self, truths: Iterable[Truth], limit: int | None, place: Path) -> list[Truth]:
        """The first recordings of the data, all of them without a limit; what they lack is said with where to get it."""
        with self.wanting():
            found = list(islice(truths, limit))
        if silent := [truth.name for truth in found if not truth.conversation.recording.path]:
            raise self.about.missing(f"no recording of {silent[0]}, only its speakers apart", place)
        if not found:
            raise self.about.missing(f"no recording of the split {self.split!r}", place)
        return found

    @contextmanager
    def wanting(self) -> Iterator[None]:
        """Inside, a part of the layout that is not there (SD603) is refused with where to get it."""
        try:
            yield
        except SepdiarError as error:
            if error.code != "SD603":
                raise
            raise self.about.missing(error.what, Path(error.where)) from error

    def finished(
        self, made: Made, rows: Sequence[Row], tables: Sequence[Table], protocol: Sequence[str], picture: str = ""
    ) -> dict[str, Any]:
        """Everything that is known, written below `out`."""
        results = pages.collected(self.about, self.split, self.chain, made, rows, tables, protocol)
        pages.written(results, self.out, picture)
        return results


def begun(
    name: str,
    data: str | Path,
    out: str | Path,
    split: str,
    recipe: str | Path | None,
    settings: Iterable[str],
    workers: int | None,
    listen: Listener,
) -> Work:
    """The work on a benchmark; refused before anything is made where the data are no folder or the chain cannot run here."""
    if not Path(data).exists():
        about = shipped.reference(name)
        raise about.missing("there is nothing at this path", Path(data))
    chain = Chain(recipe or shipped.recipe(name), Path(out), tuple(settings), workers, listen)
    chain.config()
    with disk.refusals(chain.out):
        disk.make_folder(chain.out)
    return Work(shipped.reference(name), chain, split)
