"""What comes next is read while its reader still works on what came before: a GPU does not wait for a decoder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TypeVar

Place = TypeVar("Place")
Found = TypeVar("Found")


def ahead(read: Callable[[Place], Found], places: Iterable[Place]) -> Iterator[tuple[Place, Found]]:
    """Each place in its order with what is read there, one of them ahead; where it cannot be read, its turn tells.

    >>> list(ahead(str.upper, "ab"))
    [('a', 'A'), ('b', 'B')]
    """
    with ThreadPoolExecutor(1) as reader:
        waiting: tuple[Place, Future[Found]] | None = None
        for place in places:
            coming = place, reader.submit(read, place)
            if waiting:
                yield _done(*waiting)
            waiting = coming
        if waiting:
            yield _done(*waiting)


def beside(values: Iterable[Found], patience: float = 0.02) -> Generator[Found | None, None, None]:
    """The values as they come out of a thread of its own; None where the next is not there within so many seconds.

    >>> list(filter(None, beside("ab")))
    ['a', 'b']
    """
    line: SimpleQueue[tuple[Found] | None] = SimpleQueue()

    def run() -> None:
        try:
            for value in values:
                line.put((value,))
        finally:
            line.put(None)

    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(run)
        while True:
            try:
                came = line.get(timeout=patience)
            except Empty:
                yield None
                continue
            if came is None:
                reading.result()
                return
            yield came[0]


def batches(read: Callable[[Place], Found], places: Iterable[Place], size: int) -> Iterator[tuple[list[Place], list[Found]]]:
    """So many places at a time, and what is read at each; the next are read while these are worked on.

    >>> list(batches(str.upper, "abc", 2))
    [(['a', 'b'], ['A', 'B']), (['c'], ['C'])]
    """
    waiting = iter(places)

    def found(some: list[Place]) -> list[Found]:
        return [read(place) for place in some]

    return ahead(found, iter(lambda: list(islice(waiting, size)), []))


def _done(place: Place, coming: Future[Found]) -> tuple[Place, Found]:
    """Waits first, so that the trace of an error is the same whether it was there already or not."""
    wait([coming])
    return place, coming.result()
