"""What mattered: how much each parameter accounts for, over the whole space and near the winner.

The trials of a zoom lie where the search looked, so what they have in common tells of the
search as much as of the parameters. Surrogates are fitted to them instead, and asked about
settings drawn uniformly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from hpsearch import rng
from hpsearch.backends.threads import limit_threads
from hpsearch.report.importance_surrogates import (
    FOLDS,
    chosen,
    cross_validated,
    rank_correlation,
    scores,
)
from hpsearch.sampling.ranking import Observation
from hpsearch.sampling.sensitivity import Effects, searched, total_effects
from hpsearch.sampling.surrogate import features
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
    not seen them. Where there is a `reason` to tell nothing, there are no shares.
    """

    trials: int  # that the surrogates were fitted to
    correlation: float | None = None
    whole: Shares = field(default_factory=dict)
    near: Shares = field(default_factory=dict)
    reason: str | None = None


def importance(
    spec: Spec, trials: Iterable[PastTrial], best_first: Sequence[Observation]
) -> Importance:
    """What mattered, as all the trials tell that a run can build on, and their ranking.

    Each of five surrogates knows four fifths of the trials. Together they predict every trial
    from the others; where that does not order the trials well, no share is told.
    """
    space, generator = spec.space, rng.stream(spec.seed, "importance")
    ranked = chosen(_usable(trials, best_first), generator)
    if reason := _too_little(space, ranked):
        return Importance(len(ranked), reason=reason)
    known = features(space, space.points([trial.params for trial in ranked]))
    values = scores(ranked)
    with limit_threads(1):  # their number changes bits
        surrogates, predicted = cross_validated(known, values, generator)
        correlation = rank_correlation(predicted, values)
        needed = max(LEAST, CHANCE / sqrt(len(ranked) - 1))
        if correlation < needed:
            reason = (
                f"the surrogate explains too little: rank correlation {correlation:.2f} "
                f"over {FOLDS} folds, {needed:.2f} needed"
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
    """Trials that tell of their settings; an exception tells more of the program."""
    failed = {each.result.number for each in trials if each.result.status is Status.FAILED}
    return [trial for trial in ranked if trial.costs and trial.number not in failed]


def _too_little(space: Space, ranked: Sequence[Observation]) -> str | None:
    """Why there is nothing to ask a surrogate about."""
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
