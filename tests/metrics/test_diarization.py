"""DER and JER: by hand, against a count of frames that knows nothing of pyannote, and against published figures."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_segments
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics.diarization import diarization_error
from sepdiar.metrics.result import added

MS = TICKS // 1000


def said(speaker, start, end, session="talk"):
    return Segment(session, speaker, Span(round(start * TICKS), round(end * TICKS)))


REFERENCE = [said("A", 0, 10), said("B", 8, 20)]
HYPOTHESIS = [said("x", 0, 9), said("y", 10, 21), said("x", 14, 16)]
"""By hand, A = x and B = y: 8-9 B missed (1 s), 9-10 A and B missed (2 s), 14-16 x invented (2 s), 20-21 y invented (1 s).
Speaker time: 10 + 12 = 22 s. JER: A: 1 missed and 2 invented of 10 + 2 = 12 s; B: 2 missed and 1 invented of 12 + 1 = 13 s."""


def test_by_hand():
    result = diarization_error(REFERENCE, HYPOTHESIS)
    expected = {"miss": 3, "false_alarm": 3, "confusion": 0, "total": 22, "jaccard_error": 3 / 12 + 3 / 13, "speakers": 2}
    assert dict(result.counts) == pytest.approx(expected, abs=1e-9)
    assert result.value == pytest.approx(6 / 22)
    assert result.figures["jer"] == pytest.approx((3 / 12 + 3 / 13) / 2)
    assert result.figures["miss"] == pytest.approx(3 / 22)
    assert "no collar; overlap scored; no UEM" in result.protocol


def test_confusion_by_hand():
    # B's second half goes to x: 6 s of 20 s; x = A because 10 s are more than 6
    result = diarization_error([said("A", 0, 10), said("B", 10, 20)], [said("x", 0, 10), said("y", 10, 14), said("x", 14, 20)])
    assert (result.counts["confusion"], result.value) == (pytest.approx(6), pytest.approx(0.3))


def test_collar_is_on_each_side():
    # boundaries 0 and 10; scored with 0.25 on each side: 0.25 to 9.75, of which 9 to 9.75 is missed
    result = diarization_error([said("A", 0, 10)], [said("x", 0, 9)], collar=0.25)
    assert dict(result.counts) == pytest.approx({**result.counts, "total": 9.5, "miss": 0.75, "false_alarm": 0})
    assert "0.25 s on each side" in result.protocol


def test_skip_overlap():
    # 8 to 10 is left out: A 0-8 and B 10-20 remain, with the two inventions
    result = diarization_error(REFERENCE, HYPOTHESIS, skip_overlap=True)
    assert dict(result.counts) == pytest.approx({**result.counts, "total": 18, "miss": 0, "false_alarm": 3})
    assert "overlap not scored" in result.protocol


def test_uem():
    result = diarization_error(REFERENCE, HYPOTHESIS, uem={"talk": (Span(9 * TICKS, 15 * TICKS),)})
    assert dict(result.counts) == pytest.approx({**result.counts, "total": 7, "miss": 2, "false_alarm": 1})
    beyond = diarization_error(REFERENCE, HYPOTHESIS, uem={"talk": (Span(0, 30 * TICKS),), "other": (Span(0, TICKS),)})
    assert beyond.counts == pytest.approx(diarization_error(REFERENCE, HYPOTHESIS).counts)
    assert list(beyond.per_session) == ["other", "talk"]


def test_sessions_add():
    more = [*REFERENCE, said("C", 0, 5, "other"), said("D", 0, 5, "silent")]
    result = diarization_error(more, [*HYPOTHESIS, said("q", 1, 5, "other")])
    assert dict(result.counts) == pytest.approx(added(one.counts for one in result.per_session.values()))
    assert result.value == pytest.approx((6 + 1 + 5) / (22 + 5 + 5))
    assert "1 of the files have no hypothesis and count as missed (silent)" in result.protocol


def test_a_speaker_does_not_count_twice():
    twice = [said("A", 0, 6), said("A", 4, 10)]
    assert diarization_error(twice, [said("x", 0, 10)]).counts["total"] == pytest.approx(10)
    assert diarization_error([said("A", 0, 10)], twice).value == pytest.approx(0)


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(SepdiarError, match=r"SD601.*'other'"):
        diarization_error(REFERENCE, [said("x", 0, 1, "other")])
    for silence in ([], [said("A", 3, 3)]):
        with pytest.raises(SepdiarError, match="SD602"):
            diarization_error(silence, [])


def by_frames(reference, hypothesis):
    """Miss, false alarm and confusion in milliseconds, counted one by one under the best of all mappings."""
    end = max(one.span.end for one in [*reference, *hypothesis]) // MS

    def frames(side):
        who = [set() for _ in range(end)]
        for one in side:
            for frame in range(one.span.start // MS, one.span.end // MS):
                who[frame].add(one.speaker)
        return who

    true, made = frames(reference), frames(hypothesis)
    names = sorted({one.speaker for one in reference}), sorted({one.speaker for one in hypothesis})
    padded = names[0] + [None] * len(names[1])
    right = max(
        sum(len({other for other in guess if mapping.get(other) in truth}) for truth, guess in zip(true, made, strict=True))
        for order in set(permutations(padded, len(names[1])))
        for mapping in [dict(zip(names[1], order, strict=True))]
    )
    both = sum(min(len(truth), len(guess)) for truth, guess in zip(true, made, strict=True))
    return {
        "total": sum(map(len, true)) / 1000,
        "miss": sum(max(0, len(truth) - len(guess)) for truth, guess in zip(true, made, strict=True)) / 1000,
        "false_alarm": sum(max(0, len(guess) - len(truth)) for truth, guess in zip(true, made, strict=True)) / 1000,
        "confusion": (both - right) / 1000,
    }


def side(names):
    one = st.tuples(st.sampled_from(names), st.integers(0, 300), st.integers(1, 150))
    return st.lists(
        one.map(lambda row: Segment("talk", row[0], Span(row[1] * MS, (row[1] + row[2]) * MS))), min_size=1, max_size=6
    )


@settings(max_examples=60, deadline=None)
@given(side("ABC"), side("xyz"))
def test_against_a_count_of_frames(reference, hypothesis):
    counts = diarization_error(reference, hypothesis).counts
    assert {key: counts[key] for key in ("total", "miss", "false_alarm", "confusion")} == pytest.approx(
        by_frames(reference, hypothesis), abs=1e-6
    )


@pytest.mark.parametrize(
    ("system", "published"),
    [
        ("rttm_test_vb", (9.84, 2.06, 9.60, 21.50)),
        ("rttm_test_sc", (11.48, 2.27, 9.81, 23.56)),
        ("rttm_test_rpn", (9.49, 7.68, 8.25, 25.43)),
        ("rttm_dl_test", (9.96, 2.16, 7.75, 19.86)),
    ],
)
def test_published_figures(shared, system, published):
    folder = shared / "scoring" / "dover-lap-ami"
    result = diarization_error(read_segments(folder / "ref_rttm_test"), read_segments(folder / system))
    ours = *(result.figures[part] for part in ("miss", "false_alarm", "confusion")), result.value
    assert [100 * part for part in ours] == pytest.approx(published, abs=0.02)
    assert len(result.per_session) == 16
