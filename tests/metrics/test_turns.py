"""Turn-taking worked out by hand, on conversations small enough to be drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics.floor import Talk, Transfer, backchannels, overlaps, talks, transfers
from sepdiar.metrics.result import added
from sepdiar.metrics.turns import turn_taking


def said(speaker, start, end, session="talk"):
    return Segment(session, speaker, Span(round(start * TICKS), round(end * TICKS)))


# A  0====================5         8=====10
# B        2=3          4.5=======7
TRUTH = [said("A", 0, 5), said("B", 2, 3), said("B", 4.5, 7), said("A", 8, 10)]


def test_the_parts_by_hand():
    turns = talks(TRUTH)
    assert [(turn.speaker, turn.span.start) for turn in turns] == [("A", 0), ("B", 2 * TICKS), ("B", 4_500_000), ("A", 8 * TICKS)]
    assert transfers(turns) == [Transfer(0, 2, -500_000), Transfer(2, 3, TICKS)]
    assert backchannels(turns) == {1}
    assert overlaps(turns) == (Span(2 * TICKS, 3 * TICKS), Span(4_500_000, 5 * TICKS))


@pytest.mark.parametrize(
    ("a", "b", "offsets"),
    [
        ([(0, 10)], [(13, 20)], [3]),
        ([(0, 10)], [(10, 20)], [0]),
        ([(0, 10)], [(4, 20)], [-6]),
        ([(0, 10)], [(4, 6)], []),  # a backchannel
        ([(0, 10), (14, 20)], [], []),  # a pause
        ([(0, 10), (12, 30)], [(8, 14)], [-2, -2]),
    ],
)
def test_changes_of_speaker_by_hand(a, b, offsets):
    turns = sorted(Talk(Span(*span), name) for name, own in (("a", a), ("b", b)) for span in own)
    assert [one.offset for one in transfers(turns)] == offsets


def test_what_is_no_turn_of_its_own():
    assert talks([said("A", 0, 1), said("A", 1, 2), said("A", 1.5, 3), said("A", 4, 4)]) == [Talk(Span(0, 3 * TICKS), "A")]
    alike = talks([said("A", 0, 1), said("B", 0, 1)])
    assert (transfers(alike), backchannels(alike), overlaps(alike)) == ([], set(), (Span(0, TICKS),))
    assert backchannels(talks([said("A", 0, 5), said("B", 2, 3.1)])) == set()
    assert overlaps(talks([said("A", 0, 2), said("B", 1, 3), said("C", 2, 4)])) == (Span(TICKS, 3 * TICKS),)
    assert transfers([]) == []


def test_a_perfect_hypothesis():
    other_names = [Segment("talk", {"A": "S2", "B": "S1"}[one.speaker], one.span) for one in TRUTH]
    result = turn_taking(TRUTH, other_names)
    assert result.value == 1
    assert result.counts == {
        **{"turns": 4, "hypothesis_turns": 4, "matched_turns": 4},
        **{"onsets_50ms": 4, "onsets_200ms": 4, "offsets_50ms": 4, "offsets_200ms": 4},
        **{"heard_turns": 3, "wrong_speaker_turns": 0},  # during the backchannel A speaks too: whose it is cannot be heard
        **{"transfers": 2, "hypothesis_transfers": 2, "matched_transfers": 2},
        **{"backchannels": 1, "backchannels_found": 1, "backchannels_invented": 0},
        **{"overlaps": 2, "overlaps_found": 2, "overlaps_invented": 0},
    }
    assert (result.figures["onset_error_median"], result.figures["transfer_distance"]) == (0, 0)


def test_errors_by_hand():
    # the backchannel is missed, B's turn begins 0.1 s late and ends 0.3 s late, the last A begins 40 ms early and is given
    # to x rightly; an invented backchannel of B lies in A's last turn
    made = [said("x", 0, 5.03), said("y", 4.6, 7.3), said("x", 7.96, 10), said("y", 9, 9.5)]
    result = turn_taking(TRUTH, made)
    counts = result.counts
    assert (counts["turns"], counts["hypothesis_turns"], counts["matched_turns"]) == (4, 4, 3)
    assert (counts["onsets_50ms"], counts["onsets_200ms"]) == (2, 3)  # errors 0, 0.1, 0.04
    assert (counts["offsets_50ms"], counts["offsets_200ms"]) == (2, 2)  # errors 0.03, 0.3, 0
    assert result.value == 2 / 4
    assert result.figures["onset_error_median"] == pytest.approx(0.04)
    assert result.figures["offset_error_median"] == pytest.approx(0.03)
    assert result.figures["onset_error_p90"] == pytest.approx(0.04 + 0.8 * 0.06)  # at 0.9 x 2 = 1.8 of 0, 0.04, 0.1
    # transfers: -0.5 became 4.6 - 5.03 = -0.43, +1 became 7.96 - 7.3 = 0.66: errors 0.07 and 0.34, and as the order is kept
    # the distributions are as far apart as the mean of these
    assert counts["matched_transfers"] == 2
    assert result.figures["transfer_error_median"] == pytest.approx(0.205)
    assert result.figures["transfer_distance"] == pytest.approx(0.205)
    assert (counts["backchannels_found"], counts["backchannels_invented"]) == (0, 1)
    # overlaps 2-3 and 4.5-5; found 4.6-5.03 and 9-9.5
    assert (counts["overlaps_found"], counts["overlaps_invented"]) == (1, 1)


def test_a_turn_given_to_the_wrong_speaker():
    # 8-10 is given to y, who is B
    made = [said("x", 0, 5), said("y", 2, 3), said("y", 4.5, 7), said("y", 8, 10)]
    result = turn_taking(TRUTH, made)
    assert (result.counts["heard_turns"], result.counts["wrong_speaker_turns"], result.counts["matched_turns"]) == (3, 1, 3)
    assert result.figures["wrong_speaker"] == pytest.approx(1 / 3)
    assert result.counts["matched_transfers"] == 1


def test_a_turn_in_pieces_is_matched_once():
    # the pieces have 1.9 and 2.8 s in common with the turn: the larger is matched, whose onset is wrong
    result = turn_taking([said("A", 0, 5)], [said("x", 0, 1.9), said("x", 2.2, 5)])
    assert (result.counts["matched_turns"], result.counts["onsets_200ms"], result.counts["offsets_50ms"]) == (1, 0, 1)
    assert result.figures["turns_invented"] == 0.5


def test_the_tolerance_is_inclusive():
    assert turn_taking([said("A", 1, 5)], [said("x", 1.05, 5)]).value == 1
    assert turn_taking([said("A", 1, 5)], [said("x", 1.050001, 5)]).value == 0


def test_sessions_add():
    more = [*TRUTH, said("C", 0, 1, "other"), said("C", 0, 1, "silent")]
    result = turn_taking(more, [*TRUTH, said("z", 0.1, 1, "other")])
    assert result.counts == added(one.counts for one in result.per_session.values())
    assert result.value == 4 / 6
    assert result.per_session["silent"].value == 0
    assert result.figures["onset_error_p90"] == pytest.approx(0.06)  # at 0.9 x 4 = 3.6 of 0, 0, 0, 0, 0.1


def test_what_cannot_be_scored():
    with pytest.raises(SepdiarError, match="SD602"):
        turn_taking([said("A", 1, 1)], [])
    with pytest.raises(SepdiarError, match="SD601"):
        turn_taking(TRUTH, [said("x", 0, 1, "other")])


ROWS = st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=8)


@given(ROWS, ROWS)
def test_laws(truth, made):
    ours, theirs = ([said(name, start / 4, (start + size) / 4) for name, start, size in rows] for rows in (truth, made))
    counts = turn_taking(ours, theirs).counts
    assert counts["onsets_50ms"] <= counts["onsets_200ms"] <= counts["matched_turns"] <= counts["turns"]
    assert counts["matched_turns"] <= counts["hypothesis_turns"]
    assert counts["matched_transfers"] <= min(counts["transfers"], counts["hypothesis_transfers"])
    assert counts["backchannels_found"] <= counts["backchannels"]
    assert turn_taking(ours, ours).value == 1
