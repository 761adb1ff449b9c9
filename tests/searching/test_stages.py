from hypothesis import given
from hypothesis import strategies as st

from hpsearch.searching.stages import Stage, needs, seen


def plans(rounds):
    """Plans of rounds with one to four rungs each."""
    counts = st.lists(st.integers(1, 4), min_size=1, max_size=6)
    return counts.map(
        lambda each: rounds(*(tuple((9, 3**rung) for rung in range(rungs)) for rungs in each))
    )


def stages(plan):
    return [Stage(round.number, rung) for round in plan for rung in range(len(round.rungs))]


def test_rounds_of_one_rung_wait_for_the_whole_round_before(rounds):
    plan = rounds(((9, 3),), ((9, 3),), ((9, 3),))
    assert seen(2, plan) == {0: 1, 1: 1}
    assert needs(Stage(2, 0), plan) == {Stage(1, 0)}
    assert needs(Stage(0, 0), plan) == frozenset()


def test_a_round_does_not_look_at_the_last_rung_of_the_one_before(rungs):
    assert seen(1, rungs) == {0: 2}
    assert needs(Stage(1, 0), rungs) == {Stage(0, 1)}
    assert needs(Stage(1, 2), rungs) == {Stage(1, 1)}


@given(st.data())
def test_every_stage_can_start_in_the_end(rounds, data):
    plan = data.draw(plans(rounds))
    waiting, ended = stages(plan), set()
    while waiting:
        ready = [stage for stage in waiting if needs(stage, plan) <= ended]
        assert ready
        ended |= set(ready)
        waiting = [stage for stage in waiting if stage not in ready]


@given(st.data())
def test_whatever_a_round_looks_at_has_ended_before_it_starts(rounds, data):
    plan = data.draw(plans(rounds))
    stage = data.draw(st.sampled_from(stages(plan)))
    before, found = {stage}, set()
    while before:
        found |= (before := {need for each in before for need in needs(each, plan)})
    if stage.rung == 0:
        assert {Stage(n, r - 1) for n, r in seen(stage.round, plan).items()} <= found
