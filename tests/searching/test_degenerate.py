"""Searches at the edge of sense: they end, without a warning, with what can be had."""

import math
from dataclasses import dataclass

import jaxtyping
import pytest

from hpsearch.config import Confirm
from hpsearch.sampling.plan import ladder, plan, round_sizes
from hpsearch.space import LOG, Choice, Continuous, Discrete, Fixed, Parameter, Space
from hpsearch.trainers.protocol import Outcome

MANY = Space(
    (
        Parameter("x", Continuous(1e-4, 1, LOG)),
        Parameter("layers", Discrete(1, 3)),
        Parameter("units", Discrete(8, 64, 8), per="layers"),
        Parameter("kind", Choice(("a", "b"))),
        Parameter("y", Continuous(0, 1), when={"kind": ("b",)}),
    )
)


@dataclass(frozen=True)
class Formula:
    """The loss is a function of the settings, the same after every epoch; None: it diverges."""

    loss: object
    metrics: tuple[str, ...] = ("val_loss", "val_accuracy")

    def groups(self, jobs):
        return [[job] for job in jobs]

    def train(self, jobs, states, report=None):
        return [self._train(job, state) for job, state in zip(jobs, states, strict=True)]

    def _train(self, job, state):
        loss = self.loss(job.settings)
        done = 0 if state is None else int(state["epoch"])
        epochs = [done + 1] if loss is None else list(range(done + 1, job.until_epoch + 1))
        curve = {
            "epoch": epochs,
            "val_loss": [loss] * len(epochs),
            "val_accuracy": [None if loss is None else 1 - loss] * len(epochs),
        }
        if loss is None:
            return Outcome(curve, None, diverged=True)
        return Outcome(curve, {"epoch": job.until_epoch}, finished=job.until_epoch >= 9)


@pytest.fixture
def search(new_run, spec, go):
    """A search of so many trials with everything on, and its results."""

    def do(trials, space, loss, **changes):
        rounds = plan(round_sizes(trials, ladder(9)), ladder(9))
        asked = spec(
            space=space,
            rounds=rounds,
            settings={"epochs": 9},
            screened=True,
            confirm=Confirm(),
            **changes,
        )
        run = new_run()
        done = go(run, asked, trainer=Formula(loss))
        assert [result.number for result in run.results] == list(range(trials))
        assert all(space.contains(result.params) for result in run.results)
        return done, run.results

    return do


def valley(settings):
    return (math.log10(settings["x"]) + 2) ** 2 / 10


def test_one_trial_is_a_search(search):
    done, results = search(1, MANY, valley)
    assert results[0].status == "completed"
    assert done.best == results[0]


@pytest.mark.parametrize("trials", [2, 3, 4, 5, 8, 9, 10])
def test_a_handful_of_trials_is_a_search(search, trials):
    done, results = search(trials, MANY, valley)
    assert done.best.value == max(r.value for r in results if r.status == "completed")


def test_one_parameter_is_searched_to_the_bottom_of_its_valley(search):
    done, results = search(40, Space((Parameter("x", Continuous(1e-4, 1, LOG)),)), valley)
    assert len({result.params["x"] for result in results}) == 40
    assert abs(math.log10(done.best.params["x"]) + 2) < 0.05


def test_a_single_choice_of_two_is_tried_both_ways(search):
    space = Space((Parameter("kind", Choice((False, True))),))
    done, results = search(12, space, lambda settings: 0.1 if settings["kind"] else 0.2)
    assert {result.params["kind"] for result in results} == {False, True}
    assert done.best.params["kind"] is True


def test_a_space_of_choices_alone_is_tried_whole_before_anything_twice(search):
    values = tuple("abcd")
    space = Space(tuple(Parameter(name, Choice(values)) for name in ("one", "two")))

    def loss(settings):
        return (settings["one"] != "c") + 0.5 * (settings["two"] != "b")

    done, results = search(30, space, loss)
    settings = [(result.params["one"], result.params["two"]) for result in results]
    assert len(set(settings)) == 16
    assert done.best.params == {"one": "c", "two": "b"}


def test_where_all_but_one_are_fixed_that_one_is_searched(search):
    space = Space(
        (
            Parameter("a", Fixed(3)),
            Parameter("x", Continuous(1e-4, 1, LOG)),
            Parameter("b", Fixed("relu")),
        )
    )
    done, results = search(20, space, valley)
    assert {(result.params["a"], result.params["b"]) for result in results} == {(3, "relu")}
    assert abs(math.log10(done.best.params["x"]) + 2) < 0.2


def test_where_all_are_fixed_one_setting_is_tried_again_and_again(search):
    done, results = search(20, Space((Parameter("a", Fixed(3)),)), lambda settings: 0.5)
    assert [result.params for result in results] == [{"a": 3}] * 20
    assert done.best.number == min(r.number for r in results if r.status == "completed")


def test_where_everything_diverges_but_one_that_one_wins(search):
    start = ({"x": 0.5, "layers": 1, "units": [8], "kind": "a"},)

    def loss(settings):
        return 0.3 if settings["x"] == 0.5 else None

    done, results = search(30, MANY, loss, start=start)
    assert [result.status for result in results] == ["completed"] + ["diverged"] * 29
    assert done.best.number == 0


def test_where_everything_diverges_there_is_no_best(search):
    done, results = search(30, MANY, lambda settings: None)
    assert {result.status for result in results} == {"diverged"}
    assert done.best is None


def test_a_flat_objective_is_searched_to_the_end_and_the_first_wins(search):
    done, results = search(40, MANY, lambda settings: 0.5)
    completed = [result.number for result in results if result.status == "completed"]
    assert done.best.number == min(completed)
    assert {result.value for result in results} == {0.5}


def test_an_objective_at_the_end_of_what_a_float_holds_is_searched(search):
    done, _ = search(30, MANY, lambda settings: valley(settings) * 1e308)
    assert abs(math.log10(done.best.params["x"]) + 2) < 0.5


@pytest.mark.slow
def test_two_thousand_trials_are_a_search(search, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # shapes were checked above
    done, results = search(2000, MANY, valley)
    assert abs(math.log10(done.best.params["x"]) + 2) < 0.01
    assert max(result.round for result in results) < 512
