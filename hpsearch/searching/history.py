"""Trials that a search can build on: what history.jsonl holds of a parent's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import RunError
from hpsearch.messages import printable, quoted
from hpsearch.rng import RULES
from hpsearch.sampling.ranking import UNKNOWN, Observation
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.curves import Curve, average, join
from hpsearch.space import Parameter, Space
from hpsearch.store import SafePath, as_line
from hpsearch.store.files import repair_with
from hpsearch.trial import (
    Inherited,
    Params,
    Piece,
    Result,
    Status,
    Training,
    is_stored_number,
)

MOST_SAID = 200  # characters of an error in one message
MOST_NAMES = 5  # of metrics in one message

LOST = (Status.DIVERGED, Status.FAILED)

UNDEFINED = "Undefined: "
"""How the error of a trial begins that diverged by another metric than the one that counts."""


@dataclass(frozen=True, slots=True)
class PastTrial:
    """A trial whose fate is known, its learning curve, and what its random numbers depend on."""

    result: Result
    curve: Curve
    seed: tuple[int | str, ...]
    rules: int = RULES  # of the run that trained it

    def as_inherited(self) -> Inherited:
        """The same as a refined run keeps it, whose parent's it is."""
        return Inherited(
            **as_line(self.result), curve=self.curve, seed=self.seed, rules=self.rules
        )

    @classmethod
    def from_inherited(cls, line: Inherited) -> PastTrial:
        """What `as_inherited` gave."""
        result = Result(**{name: getattr(line, name) for name in Result.__dataclass_fields__})
        return cls(result, line.curve, line.seed, line.rules)

    def observe(self, epochs: Sequence[int], criterion: Criterion) -> Observation:
        """What the sampler may know of it: its costs at these amounts of training."""
        status = self.result.status
        return observation(
            self.result.number,
            self.result.params,
            criterion.costs(self.curve, epochs, status is Status.COMPLETED),
            lost=status in LOST or self.result.by_hand,
        )


def check_params(
    results: Iterable[Result], space: Space, file: SafePath, remedy: str | None = None
) -> None:
    """Refuse trials whose params are of other types than the space's, or fixed for all.

    Numbers may lie outside the space: those of `search.start` do, and a parent's winner. Anything
    else is one of its choices: no text gets into a command but what the configuration holds.

    Args:
        results: the trials.
        space: that they were drawn from.
        file: that they were read from.
        remedy: what to do about a wrong line, where repairing the run is not it.

    Raises:
        RunError: a value is no number, or no list, where the space has one, or no choice.
    """
    settings = ((result.number, result.params) for result in results)
    check_settings(settings, space, file, remedy)


def check_settings(
    settings: Iterable[tuple[int, Params]],
    space: Space,
    file: SafePath,
    remedy: str | None = None,
) -> None:
    """The same of settings alone, each with the number of its trial.

    Raises:
        RunError: a value is no number, or no list, where the space has one, or no choice.
    """
    plain = {p.name for p in space if p.per is None and not (p.categorical or p.fixed)}
    for number, params in settings:
        for name, value in params.items():
            if name in plain and is_stored_number(value):
                continue  # the usual case first: there are many trials
            # A name that the space lacks reaches no user's trainer.
            known = name in space
            if not (_suits(value, space[name]) if known else name not in space.settings):
                raise RunError(
                    f"{file}: trial {number}: {name} cannot be {str(value)[:40]!r}; "
                    f"{remedy or repair_with(file.parent)}"
                )
        if space.derived and not space.computes(params):
            raise RunError(
                f"{file}: trial {number}: holds other derived values than its parameters come "
                f"to; {remedy or repair_with(file.parent)}"
            )


def check_metric(pieces: Iterable[Piece], metric: str, file: SafePath) -> None:
    """Refuse learning curves without the metric that trials are compared by.

    Raises:
        RunError: a curve lacks it.
    """
    for piece in pieces:
        if metric not in piece.curve and piece.curve.get("epoch"):
            raise RunError(
                f"{file}: trial {piece.number}: a curve must hold {metric!r}, found "
                f"{', '.join(piece.curve)[:200]}; {repair_with(file.parent)}"
            )


def _suits(value: object, parameter: Parameter) -> bool:
    if parameter.categorical or parameter.fixed:  # a choice may be a list itself
        entries = [value] if parameter.per is None else value
        return isinstance(entries, list) and all(
            is_stored_number(entry) or parameter.domain.contains(entry) for entry in entries
        )
    if isinstance(value, list) != (parameter.per is not None):
        return False
    return (
        all(map(is_stored_number, value)) if isinstance(value, list) else is_stored_number(value)
    )


def observation(
    number: int, params: Mapping[str, Any], costs: tuple[Any, ...], *, lost: bool
) -> Observation:
    """A trial as the sampler sees it.

    Args:
        number: of the trial.
        params: of the trial.
        costs: at the amounts of training that it reached.
        lost: whether it diverged or failed after these, where its cost then is unknown.
    """
    return Observation(number, params, (*costs, UNKNOWN) if lost else costs)


def by_training(pieces: Iterable[Piece]) -> Mapping[Training, list[Piece]]:
    """Pieces by the training that they belong to."""
    owned: dict[Training, list[Piece]] = defaultdict(list)
    for piece in pieces:
        owned[piece.training].append(piece)
    return owned


def consecutive(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces of one training up to the first that does not go on where the one before ended.

    >>> first = Piece(0, 0, 0, rung=0, epochs=1, value=0.5, curve={"epoch": [1]})
    >>> third = Piece(0, 0, 0, rung=2, epochs=9, value=0.7, curve={"epoch": [4, 5, 6, 7, 8, 9]})
    >>> consecutive([third, first]) == [first]
    True
    """
    found: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: piece.rung):
        before = found[-1] if found else None
        begins = before.epochs if before is not None else 0
        again = before is not None and before.rung == piece.rung
        if again or begins + len(piece.curve.get("epoch", ())) != piece.epochs:
            break
        found.append(piece)
    return found


def curves(pieces: Iterable[Piece], metric: str, repeats: int = 1) -> dict[int, Curve]:
    """The learning curve of each trial, the mean of its trainings'; later repeats confirm it.

    `metric` is the one that counts, see `average`.
    """
    owned: dict[int, list[Curve]] = defaultdict(list)
    trainings = by_training(pieces)
    for number, repeat, fold in sorted(trainings):  # a sum's last bit depends on the order
        if repeat < repeats:
            owned[number].append(join(trainings[number, repeat, fold]))
    return {number: average(several, metric) for number, several in owned.items()}


def why_diverged(space: Space, results: Sequence[Result]) -> str:
    """What made trials diverge, and what would waste less."""
    names = [printable(name) for name in undefined(results)[:MOST_NAMES]]
    cause = f"{', '.join(names)} became NaN or infinite; " if names else ""
    if "learning_rate" in space:
        return f"{cause}a smaller maximum for learning_rate would waste less"
    return f"{cause}narrow the space to where all that is reported stays finite"


def why_failed(results: Sequence[Result]) -> str:
    """What most of the trials that failed said, and where the rest is."""
    errors = Counter(r.error for r in results if r.status is Status.FAILED and r.error)
    said = [f"most said: {quoted(error, MOST_SAID)}; " for error, _ in errors.most_common(1)]
    return f"{''.join(said)}logs/log.txt has their tracebacks"


def undefined(results: Sequence[Result]) -> list[str]:
    """The metrics that became NaN or infinite in trials that diverged, the commonest first."""
    counts = Counter(
        name
        for result in results
        if result.status is Status.DIVERGED
        for name in _undefined(result)
    )
    return [name for name, _ in counts.most_common()]


def _undefined(result: Result) -> list[str]:
    """The metrics that a trial's error names, or else all that are undefined at its end."""
    if result.error is not None and result.error.startswith(UNDEFINED):
        return result.error.removeprefix(UNDEFINED).rpartition(" was ")[0].split(", ")
    return [name for name, value in result.metrics.items() if value is None]
