"""Orders are decided together: the best of all ways, as trying all of them finds it, and the record of it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.separation.decide import Account, Case, decide, sureness

number = st.integers(-9, 9)
cases = st.lists(st.builds(Case, number, number, number), min_size=1, max_size=7)


def total(given_cases, orders, before) -> float:
    signs = [1 - 2 * order for order in orders]
    fronts = [0 if before is None else 1 - 2 * before, *signs]
    return sum(sign * (one.own + front * one.neighbour) for one, sign, front in zip(given_cases, signs, fronts, strict=False))


@given(cases, st.sampled_from([None, 0, 1]))
def test_no_other_orders_would_be_better(given_cases, before):
    orders = decide(given_cases, before)
    ways = product((0, 1), repeat=len(given_cases))
    assert total(given_cases, orders, before) == max(total(given_cases, way, before) for way in ways)


@given(cases, st.sampled_from([None, 0, 1]))
def test_how_sure_is_what_the_other_order_would_cost(given_cases, before):
    ways = {way: total(given_cases, way, before) for way in product((0, 1), repeat=len(given_cases))}
    for place, sure in enumerate(sureness(given_cases, before)):
        best = [max(value for way, value in ways.items() if way[place] == order) for order in (0, 1)]
        assert sure == abs(best[0] - best[1])


def test_of_nothing_nothing_is_decided():
    assert decide([]) == sureness([]) == []


@pytest.mark.parametrize(
    ("case", "before", "behind", "evidence"),
    [
        (Case(5, 1, 0), None, None, "diarization"),
        (Case(0.1, 2, 0), None, None, "voice"),
        (Case(1, 0, 6), 0, None, "neighbours"),
        (Case(1, 0, 0), None, (Case(0, 0, 6), 0), "neighbours"),
        (Case(0.1, 0.1, 0), None, None, "nothing"),
    ],
)
def test_the_strongest_evidence_is_named(case, before, behind, evidence):
    account = Account()
    account.add([case], [0], before, behind)
    facts = account.facts(1000)
    assert facts["decided_by"][evidence] == facts["windows"] == 1 and sum(facts["decided_by"].values()) == 1
    assert facts["disputed"] == facts["turned"] == 0


def test_what_speaks_against_a_decision_and_turns_are_counted():
    account = Account()
    account.add([Case(5, 0), Case(-4, -2, 3)], [0, 1], None, None)
    account.add([Case(5, -1)], [0], 1, None)
    facts = account.facts(1000)
    assert (facts["turned"], facts["disputed"], facts["windows"]) == (1, 1, 2)
