from __future__ import annotations

import gc
import threading
import traceback
from collections.abc import Iterator

import pytest

from sepdiar.audio.ahead import ahead, batches


def test_the_next_is_read_while_this_one_is_worked_on() -> None:
    begun = {place: threading.Event() for place in range(4)}

    def read(place: int) -> int:
        begun[place].set()
        return 10 * place

    for place, found in ahead(read, range(4)):
        assert found == 10 * place
        assert place == 3 or begun[place + 1].wait(10)


def test_no_more_than_one_is_read_ahead() -> None:
    read: list[int] = []
    going = ahead(lambda place: read.append(place) or place, range(9))
    next(going)
    going.close()
    assert len(read) <= 2


def test_what_cannot_be_read_tells_in_its_turn() -> None:
    def read(place: int) -> int:
        return 1 // place

    going = ahead(read, (1, 0, 1))
    assert next(going) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(going)
    assert list(going) == []
    assert list(ahead(read, ())) == []


def test_an_error_has_one_trace_whether_it_was_waited_for_or_not() -> None:
    def trace(slow_reader: bool) -> list[str]:
        gone = threading.Event()

        def read(place: int) -> int:
            if place == 1:
                if slow_reader:
                    gone.wait(0.05)
                raise LookupError(place)
            return place

        going = ahead(read, (0, 1, 2))
        next(going)
        if not slow_reader:
            gone.wait(0.05)
        with pytest.raises(LookupError) as caught:
            next(going)
        return traceback.format_tb(caught.value.__traceback__)

    assert trace(True) == trace(False)


def test_no_reader_outlives_whoever_stops() -> None:
    before = threading.active_count()

    def stop() -> None:
        for _ in ahead(str, range(9)):
            raise LookupError

    with pytest.raises(LookupError):
        stop()
    gc.collect()
    assert threading.active_count() == before


def test_the_next_batch_is_read_while_this_one_is_worked_on_and_places_are_asked_for_no_sooner() -> None:
    asked: list[int] = []
    begun = [threading.Event() for _ in range(7)]

    def places() -> Iterator[int]:
        for place in range(7):
            asked.append(place)
            yield place

    def read(place: int) -> int:
        begun[place].set()
        return 10 * place

    sizes = []
    for some, found in batches(read, places(), 3):
        assert found == [10 * place for place in some]
        assert len(asked) == min(7, some[-1] + 4) and begun[asked[-1]].wait(10)
        sizes.append(len(some))
    assert sizes == [3, 3, 1]
