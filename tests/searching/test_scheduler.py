from collections import Counter

import pytest

from hpsearch.errors import TrainerError
from hpsearch.sampling.ranking import rank
from hpsearch.searching.events import RoundStarted, TrialEnded
from hpsearch.space import Choice, Continuous, Fixed, Parameter, Space


def by_number(run):
    return {result.number: result for result in run.results}


def test_every_planned_trial_meets_its_fate_once(new_run, spec, go, fates):
    run = new_run()
    go(run, spec())
    assert [line["number"] for line in fates(run)] == list(range(14))
    assert Counter(line["round"] for line in fates(run)) == {0: 6, 1: 4, 2: 4}


def test_one_curve_for_every_epoch_of_every_trial(new_run, spec, rungs, go):
    run = new_run()
    go(run, spec(rounds=rungs))
    epochs = {number: [] for number in range(21)}
    for piece in run.pieces:
        epochs[piece.number] += piece.curve["epoch"]
    assert len(run.results) == len(epochs)
    for result in run.results:
        assert epochs[result.number] == list(range(1, result.epochs + 1))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("jobs", [2, 5, 64])
def test_the_order_of_the_answers_decides_nothing(
    new_run, spec, rungs, go, fates, anyhow, seed, jobs
):
    for rounds in (spec().rounds, rungs):
        one_by_one, shuffled = new_run(), new_run()
        go(one_by_one, spec(rounds=rounds))
        go(shuffled, spec(rounds=rounds), anyhow(seed, jobs))
        assert fates(shuffled) == fates(one_by_one)


def test_another_seed_tries_other_settings(new_run, spec, go, fates):
    first, second = new_run(), new_run()
    go(first, spec(seed=0))
    go(second, spec(seed=1))
    assert [a["params"] for a in fates(first)] != [b["params"] for b in fates(second)]


def test_fine_rounds_look_at_what_the_coarse_ones_gave(new_run, spec, rounds, go):
    run = new_run()
    go(run, spec(rounds=rounds(((20, 4),), ((10, 4),), ((10, 4),))))
    far = [abs(result.params["x"] - 0.3) for result in run.results]
    assert sum(far[30:]) / 10 < sum(far[:20]) / 20 / 2


def test_a_trial_that_diverges_has_no_value_and_keeps_its_last_numbers(new_run, spec, go):
    run = new_run()
    go(run, spec(start=({"x": 0.95, "kind": "good"},)))
    result = by_number(run)[0]
    assert (result.status, result.value, result.epochs, result.error) == (
        "diverged",
        None,
        2,
        None,
    )
    assert result.metrics == {"val_loss": None, "val_accuracy": None}


def test_a_trial_whose_patience_ran_out_is_completed_where_it_stopped(new_run, spec, go):
    run = new_run()
    go(run, spec(start=({"x": 0.05, "kind": "good"},)))
    result = by_number(run)[0]
    assert (result.status, result.epochs) == ("completed", 2)
    assert result.value == result.metrics["val_accuracy"]


def test_a_trial_that_fails_takes_nobody_with_it(new_run, spec, go):
    run = new_run()
    space = Space((Parameter("x", Continuous(0.2, 0.8)), Parameter("kind", Choice(("a", "bad")))))
    go(run, spec(space=space))
    for result in run.results:
        bad = result.params["kind"] == "bad"
        assert result.status == ("failed" if bad else "completed")
        error = f"ValueError: kind is bad in trial {result.number}" if bad else None
        assert result.error == error
    assert {result.status for result in run.results} == {"failed", "completed"}
    log = (run.path / "logs" / "log.txt").read_text()
    assert "Traceback" in log
    assert "ValueError: kind is bad" in log


def test_the_search_stops_when_each_of_the_first_trials_failed(new_run, spec, go):
    run = new_run()
    space = Space((Parameter("x", Continuous(0, 1)), Parameter("kind", Fixed("bad"))))
    with pytest.raises(TrainerError, match=r"first 10 trials failed.*ValueError: kind is bad"):
        go(run, spec(space=space))
    assert [result.status for result in run.results] == ["failed"] * 10


def test_a_search_of_few_trials_stops_when_all_of_them_failed(new_run, spec, rounds, go):
    space = Space((Parameter("x", Continuous(0, 1)), Parameter("kind", Fixed("bad"))))
    with pytest.raises(TrainerError, match="first 2 trials failed"):
        go(new_run(), spec(space=space, rounds=rounds(((2, 4),))))


def test_without_any_finite_value_there_is_no_best(new_run, spec, go):
    space = Space((Parameter("x", Continuous(0.91, 1)),))
    search = go(new_run(), spec(space=space))
    assert search.best is None


def test_the_best_is_the_completed_trial_with_the_best_value_and_its_state_is_kept(
    new_run, spec, rungs, go
):
    run = new_run()
    search = go(run, spec(rounds=rungs))
    completed = [result for result in run.results if result.status == "completed"]
    assert search.best.value == max(result.value for result in completed)
    assert 1 - float(search.states[search.best.number, 0, 0]["loss"]) == search.best.value


def test_as_many_trials_reach_a_rung_as_the_plan_says(new_run, spec, rungs, go):
    run = new_run()
    space = Space((Parameter("x", Continuous(0.2, 0.8)),))
    go(run, spec(space=space, rounds=rungs))
    pieces = Counter((by_number(run)[p.number].round, p.rung) for p in run.pieces)
    assert pieces == {
        (number, rung): each.trials
        for number, round in enumerate(rungs)
        for rung, each in enumerate(round.rungs)
    }
    assert Counter(result.status for result in run.results) == {"completed": 3, "stopped": 18}


def test_the_best_of_a_rung_go_on_and_the_others_stop_there(new_run, spec, rounds, go):
    run = new_run()
    space = Space((Parameter("x", Continuous(0.2, 0.8)),))
    go(run, spec(space=space, rounds=rounds(((9, 1), (3, 4)))))
    first = {p.number: p.value for p in run.pieces if p.rung == 0}
    best = set(sorted(first, key=first.get, reverse=True)[:3])
    assert {p.number for p in run.pieces if p.rung == 1} == best
    for result in run.results:
        stopped = result.number not in best
        assert result.status == ("stopped" if stopped else "completed")
        assert result.epochs == (1 if stopped else 4)
        if stopped:
            assert result.value == first[result.number]


def test_survivors_go_on_from_their_state_as_if_they_had_never_stopped(new_run, spec, rounds, go):
    space = Space((Parameter("x", Continuous(0.2, 0.8)),))
    in_pieces, at_once = new_run(), new_run()
    go(in_pieces, spec(space=space, rounds=rounds(((6, 1), (3, 2), (2, 4)))))
    go(at_once, spec(space=space, rounds=rounds(((6, 4),))))
    survivors = [result for result in in_pieces.results if result.epochs == 4]
    assert len(survivors) == 2
    for result in survivors:
        assert result.metrics == by_number(at_once)[result.number].metrics


def test_no_epoch_is_trained_twice(new_run, spec, rungs, go, valley):
    trained = Counter()

    class Watched(valley):
        def train(self, jobs, states, report=None):
            outcomes = super().train(jobs, states, report)
            for job, outcome in zip(jobs, outcomes, strict=True):
                trained.update((job.number, epoch) for epoch in outcome.curve["epoch"])
            return outcomes

    run = new_run()
    go(run, spec(rounds=rungs), trainer=Watched())
    assert set(trained.values()) == {1}
    assert len(trained) == sum(result.epochs for result in run.results)


def test_the_last_rung_of_a_round_trains_beside_the_next_round(new_run, spec, rungs, go, anyhow):
    told = []
    go(new_run(), spec(rounds=rungs), anyhow(), tell=told.append)
    started = [i for i, event in enumerate(told) if isinstance(event, RoundStarted)]
    completed = [
        i
        for i, event in enumerate(told)
        if isinstance(event, TrialEnded) and event.result.epochs == 4 and event.result.round == 0
    ]
    assert started[1] < completed[0]


def test_a_round_is_drawn_without_the_last_rung_of_the_one_before(
    new_run, spec, rungs, rounds, go, fates
):
    longer = rounds(*(tuple((r.trials, r.epochs) for r in each.rungs) for each in rungs[:2]))
    run, other = new_run(), new_run()
    go(run, spec(rounds=longer))
    shorter = rounds(((9, 1), (3, 2), (1, 3)), ((6, 1), (2, 2), (1, 3)))
    go(other, spec(rounds=shorter, settings={"epochs": 3}))
    params = [
        [line["params"] for line in fates(each) if line["round"] == 1] for each in (run, other)
    ]
    assert params[0] == params[1]


def test_settings_by_hand_come_first_and_are_trained_in_full(new_run, spec, rungs, go):
    start = ({"x": 0.8, "kind": "good"}, {"x": 0.7, "kind": "fine", "y": 0.5})
    run = new_run()
    go(run, spec(rounds=rungs, start=start))
    for number, params in enumerate(start):
        result = by_number(run)[number]
        assert (result.params, result.status, result.epochs) == (params, "completed", 4)


def test_settings_by_hand_take_no_draws_place_on_the_next_rung(new_run, spec, rounds, go):
    start = ({"x": 0.3, "kind": "good"},)
    space = Space((Parameter("x", Continuous(0.2, 0.8)), Parameter("kind", Choice(("a", "good")))))
    run = new_run()
    go(run, spec(space=space, rounds=rounds(((9, 1), (3, 4))), start=start))
    assert len({piece.number for piece in run.pieces if piece.rung == 1}) == 3


def test_crossed_trials_share_a_draw_and_its_random_numbers(new_run, spec, rounds, go):
    space = Space(
        (Parameter("x", Continuous(0.2, 0.8)), Parameter("kind", Choice(("a", "b")), cross=True))
    )
    run = new_run()
    start = ({"x": 0.5, "kind": "a"},)
    go(run, spec(space=space, rounds=rounds(((7, 4),), ((4, 4),)), start=start))
    results = by_number(run)
    for left in range(1, 11, 2):
        a, b = results[left], results[left + 1]
        assert (a.params["kind"], b.params["kind"]) == ("a", "b")
        assert a.params["x"] == b.params["x"]
        assert a.metrics == b.metrics


def test_events_tell_every_round_and_every_trial_with_the_best_so_far(new_run, spec, go):
    told = []
    go(new_run(), spec(), tell=told.append)
    assert [event.round.number for event in told if isinstance(event, RoundStarted)] == [0, 1, 2]
    ended = [event for event in told if isinstance(event, TrialEnded)]
    assert len(ended) == 14
    values = [event.best.value for event in ended if event.best]
    assert values == sorted(values)


def test_the_timeline_names_each_piece(new_run, spec, rungs, go):
    run = new_run()
    go(run, spec(rounds=rungs))
    assert sorted((s.number, s.repeat, s.fold, s.rung) for s in run.timeline) == sorted(
        (*piece.training, piece.rung) for piece in run.pieces
    )
    assert all(span.start <= span.end for span in run.timeline)


def test_the_sampler_sees_a_parents_trials(new_run, spec, rounds, go, criterion):
    from hpsearch.searching.history import PastTrial, curves

    parent = new_run()
    go(parent, spec())
    curve = curves(parent.pieces, "val_accuracy")
    history = tuple(PastTrial(r, curve[r.number], (0, "trial", r.number)) for r in parent.results)
    assert [known.from_inherited(known.as_inherited()) for known in history] == list(history)
    ranked = rank(known.observe([4], criterion) for known in history)
    best = max((r for r in parent.results if r.value is not None), key=lambda r: r.value)
    assert ranked[0].number == best.number
    child = new_run()
    go(child, spec(rounds=rounds(((6, 4),), first=14), history=history))
    assert [result.number for result in child.results] == list(range(14, 20))
    near = [abs(result.params["x"] - best.params["x"]) for result in child.results]
    assert sorted(near)[2] < 0.2
