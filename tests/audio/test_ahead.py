from __future__ import annotations

import threading

import pytest

from sepdiar.audio.ahead import ahead


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
