"""What mattered: how much each parameter accounts for, over the whole space and near the winner.

The trials of a zoom lie where the search looked, so what they have in common says as much of the
search as of the parameters. Surrogates are therefore fitted to the trials, and asked about
settings drawn uniformly. `importance` computes the shares, `importance_text` shows them as bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, sqrt

import numpy as np

from hpsearch import rng
from hpsearch.backends.threads import limit_threads
from hpsearch.report.text import Printable, TextTable, heading, unicode_output
from hpsearch.sampling.ranking import Observation
from hpsearch.sampling.sensitivity import Effects, Function, searched, total_effects
from hpsearch.sampling.surrogate import Inputs, Vector, features, fit, matern, normal_scores
from hpsearch.searching.history import PastTrial
from hpsearch.searching.refine import elites_of
from hpsearch.searching.spec import Spec
from hpsearch.space import Space
from hpsearch.space.bounds import narrow
from hpsearch.trial import Status

FEWEST = 12  # trials with a value: fewer say nothing
LEAST = 0.3  # rank correlation: below, a surrogate knows too little to be asked
CHANCE = 2  # of few trials, at least so many deviations of a correlation that is chance
DRAWS = 512  # of each parameter, where there are at most 63
MOST_SETTINGS, FEWEST_DRAWS = 2**15, 64  # of all parameters together, where there are more
FOLDS = 5
CLIMBS = 24  # to the likeliest lengths, which here are the answer
FIRST, BEST, MOST = 64, 64, 160  # of thousands of trials, so many are enough
BAR = 12  # characters that stand for everything


@dataclass(frozen=True)
class Share:
    """A part of 1, and its standard error."""

    share: float
    error: float


Shares = Mapping[str, Share | None]
"""By parameter, None for one that does not vary."""


@dataclass(frozen=True)
class Importance:
    """What mattered over the whole space, and near the winner: where `refine` would search.

    A share is a parameter's total effect (see `sensitivity.total_effects`) on the surrogate's
    mean, divided by the sum over all parameters. Where parameters act independently of each
    other it is the part of the variance that the parameter explains; what several do together
    counts for each of them. The variance is that of a setting's rank as a normal score, which
    depends neither on the metric's unit nor on how bad the worst trials were.

    `correlation` is Spearman's between the trials' ranks and what surrogates predict that have
    not seen them. Where there is a `reason` why nothing can be said, there are no shares.
    """

    trials: int  # that the surrogates were fitted to
    correlation: float | None = None
    whole: Shares = field(default_factory=dict)
    near: Shares = field(default_factory=dict)
    reason: str | None = None

    @property
    def parameters(self) -> list[str]:
        """By their share of the whole space, the largest first."""
        return sorted(self.whole, key=lambda name: -(s.share if (s := self.whole[name]) else 0.0))


def importance(
    spec: Spec, trials: Iterable[PastTrial], best_first: Sequence[Observation]
) -> Importance:
    """Estimate what mattered from a run's trials, the same each time it is asked.

    Each of five surrogates is fitted to four fifths of the trials and predicts the rest. Where
    these predictions do not order the trials well, there are no shares, but a reason.

    Like functional ANOVA (Hutter, Hoos and Leyton-Brown 2014, "An Efficient Approach for
    Assessing Hyperparameter Importance") this splits up the variance of a model of the trials;
    but by total effects, and with Gaussian processes in place of a forest.

    Args:
        spec: of the run: its space and seed.
        trials: all that the run can build on, a parent's among them.
        best_first: their ranking.
    """
    space, generator = spec.space, rng.stream(spec.seed, "importance")
    ranked = trials_to_fit(_usable(trials, best_first), generator)
    if reason := _too_little(space, ranked):
        return Importance(len(ranked), reason=reason)
    inputs = features(space, space.points([trial.params for trial in ranked]))
    values = rank_scores(ranked)
    with limit_threads(1):  # their number changes bits
        surrogates, predicted = cross_validated(inputs, values, generator)
        correlation = rank_correlation(predicted, values)
        needed = max(LEAST, CHANCE / sqrt(len(ranked) - 1))
        if correlation < needed:
            reason = (
                "settings hardly predict how a trial ranks (rank correlation "
                f"{correlation:.2f} on trials left out of the fit, {needed:.2f} needed); more "
                "trials may help: hpsearch resume --trials N"
            )
            return Importance(len(ranked), correlation, reason=reason)
        draws = min(DRAWS, max(FEWEST_DRAWS, MOST_SETTINGS // (1 + len(searched(space)))))
        region = narrow(space, [elite.params for elite in elites_of(best_first)])
        whole, near = (
            _shares(space, total_effects(surrogates, space, within, draws, generator))
            for within in (space, region)
        )
    return Importance(len(ranked), correlation, whole, near)


def _usable(trials: Iterable[PastTrial], ranked: Sequence[Observation]) -> list[Observation]:
    """Without those that failed: an exception says more of the program than of the settings."""
    failed = {each.result.number for each in trials if each.result.status is Status.FAILED}
    return [trial for trial in ranked if trial.costs and trial.number not in failed]


def _too_little(space: Space, ranked: Sequence[Observation]) -> str | None:
    """Why no surrogate is fitted; None where there are enough trials and parameters."""
    if len(searched(space)) < 2:
        return "the space has only one parameter to search"
    valued = sum(trial.finite for trial in ranked)
    if valued < FEWEST:
        return f"too few trials: {valued} with a value, {FEWEST} needed"
    return None


def _shares(space: Space, effects: Effects) -> dict[str, Share | None]:
    """Means over the folds' surrogates, with the errors of the delete-a-group jackknife.

    No shares where nothing varies.

    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 11
    """
    sums = effects.sum(1, keepdims=True)
    if not sums.all():
        return {}
    shares = effects / sums
    errors = np.sqrt((len(shares) - 1) * shares.var(0))
    return {
        name: Share(float(share), float(error)) if share else None
        for name, share, error in zip(searched(space), shares.mean(0), errors, strict=True)
    }


def trials_to_fit(
    ranked: Sequence[Observation], generator: np.random.Generator
) -> list[Observation]:
    """The trials to fit to, still ranked: all; of more than 160 the first, the best and others.

    The first cover the space, before the search has zoomed; the best say what is near them.
    """
    by_number = sorted(range(len(ranked)), key=lambda place: ranked[place].number)
    kept = {*range(min(BEST, len(ranked))), *by_number[:FIRST]}
    others = [place for place in range(len(ranked)) if place not in kept]
    if len(others) > MOST - len(kept):
        others = generator.choice(others, MOST - len(kept), replace=False).tolist()
    return [ranked[place] for place in sorted([*kept, *others])]


def rank_scores(ranked: Sequence[Observation]) -> Vector:
    """Normal scores of ranked trials; equal ones share the mean of theirs.

    Trials without a value are equal, and so are those with equal costs at every rung that
    both reached: their order is that of their numbers, which says when the search drew them.
    """
    new = [not _equal(one, other) for one, other in pairwise(ranked)]
    group = np.cumsum([0, *new])
    each = normal_scores(np.arange(len(ranked)), len(ranked))
    return np.asarray((np.bincount(group, each) / np.bincount(group))[group])


def _equal(one: Observation, other: Observation) -> bool:
    if one.finite and other.finite:
        return all(a == b for a, b in zip(one.costs, other.costs, strict=False))
    return one.finite == other.finite


def cross_validated(
    inputs: Inputs, scores: Vector, generator: np.random.Generator
) -> tuple[list[Function], Vector]:
    """Fit a surrogate to all trials but a fold, for each fold, and predict the fold with it."""
    folds = generator.permutation(len(scores)) % FOLDS
    surrogates, predicted = [], np.empty(len(scores))
    for fold in range(FOLDS):
        seen = folds != fold
        surrogate = fitted(inputs[seen], scores[seen])
        predicted[~seen] = surrogate(inputs[~seen])
        surrogates.append(surrogate)
    return surrogates, predicted


def fitted(inputs: Inputs, scores: Vector) -> Function:
    """The mean of a Gaussian process whose lengths are searched for.

    Only the mean is asked for, at thousands of points; variances would cost far more.
    """
    surrogate = fit(inputs, scores, steps=CLIMBS)
    weights = surrogate.weights

    def mean(at: Inputs) -> Vector:
        return np.asarray(matern(at, inputs, surrogate.lengths) @ weights)

    return mean


def rank_correlation(one: Vector, other: Vector) -> float:
    """Spearman's rank correlation (1904): equal values share their mean rank; 0 for a constant.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 8.0, 27.0]))
    1.0
    """
    a, b = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else 0.0


def _ranks(values: Vector) -> Vector:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[which])


def importance_text(importance: Importance, metric: str) -> Iterator[Printable]:
    """The shares as bars, and how far to trust them; or why there are none."""
    if importance.reason is not None:
        yield f"What mattered cannot be said: {importance.reason}"
        return
    plus_minus, block = ("±", "█") if unicode_output() else ("+-", "#")
    yield heading(f"What mattered for {metric}")
    yield _bars(importance, plus_minus, block)
    yield (
        f"Shares of the variance in a setting's predicted rank, {plus_minus} one standard error;"
        "\nnear the winner is where `hpsearch refine` would search. Surrogates ranked "
        f"{importance.trials}\ntrials that they had not seen with a correlation of "
        f"{importance.correlation:.2f}."
    )


def _bars(importance: Importance, plus_minus: str, block: str) -> TextTable:
    """One line a parameter, the largest share of the whole space first."""

    def cell(share: Share | None) -> str:
        if share is None:
            return "(does not vary)"
        bar = block * round(BAR * share.share)
        return f"{bar:{BAR}} {percent(share, plus_minus)}"

    table = TextTable("", "whole space", "near the winner")
    for name in importance.parameters:
        table.add_row(name, cell(importance.whole[name]), cell(importance.near.get(name)))
    return table


def percent(share: Share, plus_minus: str) -> str:
    """A share as people read it, its error rounded up.

    >>> percent(Share(0.416, 0.031), "+-"), percent(Share(0.002, 0.001), "+-")
    (' 42 % +- 4', ' <1 %')
    """
    text = f"{100 * share.share:.0f}" if share.share >= 0.005 else "<1"
    error = f" {plus_minus} {ceil(100 * share.error)}" if share.error >= 0.005 else ""
    return f"{text:>3} %{error}"
