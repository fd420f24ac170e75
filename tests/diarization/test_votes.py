"""What overlapping windows say of a frame, counted by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from sepdiar.diarization.votes import NOBODY, Frames

# windows of 4 frames, one every 2; the second one calls the speakers the other way round
HEARD = np.array([[[1, 0], [1, 0], [1, 1], [0, 1]], [[1, 1], [1, 0], [1, 0], [0, 0]]], np.uint8)
NAMES = np.array([[0, 1], [1, 0]])


def frames() -> Frames:
    return Frames.of(SimpleNamespace(duration=1.0, step=1.0), [0.0, 2.0], 4.0)


def test_windows_begin_where_they_do_and_the_last_frame_is_one_more() -> None:
    assert frames() == Frames(1.0, 1.0, [0, 2], 7)


def test_as_many_speak_as_the_windows_say_on_average() -> None:
    assert frames().counted(HEARD).tolist() == [1, 1, 2, 1, 1, 0, 0]
    alone = np.array([[[1]], [[0]]], np.uint8)
    assert Frames(1.0, 1.0, [0, 0], 1).counted(alone).tolist() == [0]  # one of two is a half, and that is none


def test_those_speak_who_are_heard_in_most_windows() -> None:
    speaking = frames().speaking(HEARD, NAMES, frames().counted(HEARD))
    assert speaking.astype(int).tolist() == [[1, 0], [1, 0], [1, 1], [0, 1], [0, 1], [0, 0], [0, 0]]


def test_two_local_speakers_with_one_name_have_one_vote_and_nobody_has_none() -> None:
    same = frames().speaking(HEARD, np.array([[0, 0], [1, NOBODY]]), np.array([1, 1, 1, 1, 1, 0, 0]))
    assert same.argmax(1).tolist()[:5] == [0, 0, 0, 0, 1]


def test_more_are_counted_than_were_told_apart() -> None:
    speaking = frames().speaking(HEARD, np.zeros((2, 2), np.intp), np.array([1, 1, 2, 1, 1, 0, 0]))
    assert speaking.sum(1).tolist() == [1, 1, 2, 1, 1, 0, 0] and speaking.shape == (7, 2)
