"""What every benchmark of meetings does: look at the data, run the chain, score, and write the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import update_wrapper
from inspect import Parameter, signature
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
from sepdiar.events import Listener, silence
from sepdiar.store import disk

MAIN = (
    "our chain writes two channels; of more than two people, the one who speaks most is on one and all others are on the other "
    "(--pairing main), so that words that two of the others say at once are heard through each other"
)

NAMED = ("__module__", "__name__", "__qualname__", "__doc__")

Measure = Callable[..., dict[str, Any]]


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
        self,
        made: Made,
        rows: Sequence[Row],
        tables: Sequence[Table],
        protocol: Sequence[str],
        picture: str = "",
        array: Sequence[Row] = (),
    ) -> dict[str, Any]:
        """Everything that is known, written below `out`; `array` are the recordings as they were heard through an array."""
        results = pages.collected(self.about, self.split, self.chain, made, rows, tables, protocol)
        results |= {"array": [asdict(row) for row in array]} if array else {}
        pages.written(results, self.out, picture)
        return results


def benchmark(name: str) -> Callable[[Measure], Measure]:
    """Of a function of the work on a benchmark, its data and their `limit`, one with the parameters that all benchmarks have.

    What the function takes by keyword stands behind them.
    """

    def decorate(measured: Measure) -> Measure:
        def measure(
            data: str | Path,
            out: str | Path,
            *,
            recipe: str | Path | None = None,
            settings: Iterable[str] = (),
            split: str = "test",
            limit: int | None = None,
            workers: int | None = None,
            listen: Listener = silence,
            **own: Any,
        ) -> dict[str, Any]:
            return measured(begun(name, data, out, split, recipe, settings, workers, listen), Path(data), limit, **own)

        offered, asked = signature(measure), signature(measured).parameters.values()
        common = [one for one in offered.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        also = [one for one in asked if one.kind is Parameter.KEYWORD_ONLY]
        measure.__signature__ = offered.replace(parameters=[*common, *also])  # type: ignore[attr-defined]
        return update_wrapper(measure, measured, NAMED)

    return decorate


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
