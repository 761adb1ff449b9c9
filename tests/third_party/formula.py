"""A kind of trainer from another package that has no data: the value of a formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.fields import text
from hpsearch.trainers.hyperparameter import epochs
from hpsearch.trainers.kinds import Kind, Option, Remarks, Setup, Workplace
from hpsearch.trainers.protocol import Job, Outcome, Report, State, TrainsOneByOne
from hpsearch.trainers.user_training import params_of


@dataclass(frozen=True)
class FormulaTrainer(TrainsOneByOne):
    """Adds up the terms `weight * parameter` of a formula, such as "2*x + 3*y"."""

    terms: tuple[tuple[str, float], ...]
    metric: str

    def train_one(self, job: Job, state: State | None, report: Report | None) -> Outcome:
        """Work a job out."""
        value = sum(weight * params_of(job)[name] for name, weight in self.terms)
        return Outcome({"epoch": [1], self.metric: [value]}, None, finished=True)


def _terms(formula: str) -> tuple[tuple[str, float], ...]:
    pairs = [term.split("*") for term in formula.replace(" ", "").split("+")]
    return tuple((name, float(weight)) for weight, name in pairs)


def _make(setup: Setup, _at: Workplace) -> FormulaTrainer:
    return FormulaTrainer(_terms(setup.options["formula"]), setup.metric)


def _check_options(options: Mapping[str, Any], names: list[str]) -> Remarks:
    used = [name for name, _ in _terms(options["formula"])]
    return [("formula", f"{name} is no parameter") for name in used if name not in names]


KIND = Kind(
    name="formula",
    make=_make,
    hyperparameters=epochs("Always 1."),
    options={
        "formula": Option(
            "formula",
            text(r"[\d.]+\*\w+( *\+ *[\d.]+\*\w+)*", "a sum such as 2*x + 3*y"),
            "What to add up.",
            "2*x + 3*y",
            required=True,
        )
    },
    any_names=True,
    default_metric="value",
    needs_data=False,
    check_options=_check_options,
)
