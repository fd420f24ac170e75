"""Who is on which side, and which stretches are cut out: by example, and by laws over random talks."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sepdiar.assemble.pairing import Dialogue, dyadic, main
from sepdiar.conversation import Span, Turn
from sepdiar.formats.segments import speech


def turns(*rows: tuple[str, int, int]) -> list[Turn]:
    return [Turn(speaker, Span(start, end)) for speaker, start, end in rows]


talks = st.lists(
    st.builds(
        lambda speaker, start, length: Turn(speaker, Span(start, start + length)),
        st.sampled_from("ABCD"),
        st.integers(0, 400),
        st.integers(1, 60),
    ),
    max_size=25,
)


def test_two_speakers_are_one_dialogue_over_the_whole_recording_whoever_begins_on_the_left() -> None:
    talk = turns(("B", 20, 30), ("A", 40, 90))
    assert dyadic(talk, 100, minimum=1000) == (Dialogue(Span(0, 100), ("B",), ("A",)),)


def test_main_puts_who_speaks_most_on_the_left_and_all_others_on_the_right() -> None:
    talk = turns(("C", 0, 10), ("A", 5, 90), ("B", 50, 70))
    assert main(talk, 100) == (Dialogue(Span(0, 100), ("A",), ("C", "B")),)


def test_turns_of_a_speaker_that_overlap_count_once() -> None:
    talk = turns(("A", 0, 50), ("A", 0, 50), ("B", 50, 110))
    assert main(talk, 120)[0].left == ("B",)


def test_a_short_interjection_of_a_third_ends_the_stretch_and_the_next_begins_behind_it() -> None:
    talk = turns(("A", 10, 40), ("B", 40, 90), ("C", 95, 97), ("B", 100, 140), ("A", 140, 200))
    assert dyadic(talk, 220, 50) == (
        Dialogue(Span(0, 95), ("A",), ("B",)),
        Dialogue(Span(97, 220), ("B",), ("A",)),
    )


def test_a_third_who_speaks_at_the_same_time_cuts_the_turn() -> None:
    talk = turns(("A", 0, 50), ("B", 50, 150), ("C", 100, 110), ("A", 150, 200))
    assert [dialogue.span for dialogue in dyadic(talk, 200, 20)] == [Span(0, 100), Span(110, 200)]


def test_one_person_with_two_others_in_turn_the_longest_stretch_keeps_its_length() -> None:
    talk = turns(("B", 0, 50), ("A", 50, 100), ("C", 100, 200))
    assert dyadic(talk, 200, 10) == (Dialogue(Span(50, 200), ("A",), ("C",)),)


def test_a_monologue_or_nobody_has_no_dialogue() -> None:
    for talk in (turns(("A", 0, 50)), []):
        assert dyadic(talk, 100, 0) == () == main(talk, 100)


@given(talks, st.integers(1, 80))
def test_in_every_dyadic_stretch_just_two_people_are_heard(talk: list[Turn], minimum: int) -> None:
    found = dyadic(talk, 460, minimum)
    for dialogue in found:
        heard = {speaker for speaker, spans in speech(talk).items() if any(span & dialogue.span for span in spans)}
        assert heard == {*dialogue.left, *dialogue.right} and len(heard) == 2
        assert len(dialogue.span) >= minimum or len(speech(talk)) == 2
        starts = {name: min(part.start for own in speech(talk)[name] if (part := own & dialogue.span)) for name in heard}
        assert starts[dialogue.left[0]] == min(starts.values())
    assert all(left.span.end <= right.span.start for left, right in itertools.pairwise(found))


@given(talks, st.integers(1, 80))
def test_no_dyadic_stretch_that_is_long_enough_is_left_over(talk: list[Turn], minimum: int) -> None:
    taken = [dialogue.span for dialogue in dyadic(talk, 460, minimum)]
    active = speech(talk)
    if len(active) < 3:
        return
    for start in range(0, 461 - minimum, 7):
        window = Span(start, start + minimum)
        heard = [name for name, spans in active.items() if any(span & window for span in spans)]
        assert len(heard) != 2 or any(window & span for span in taken)


@given(talks)
def test_main_has_everybody_once(talk: list[Turn]) -> None:
    for dialogue in main(talk, 460):
        assert sorted((*dialogue.left, *dialogue.right)) == sorted(speech(talk)) and len(dialogue.left) == 1
