"""What a run came to, of whatever kind it is, ready to be said in any form.

Here alone a babysat model's run is told from a search's. What only one of the forms needs is
imported by it: a program may ask for JSON often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from hpsearch.errors import HpsearchError
from hpsearch.report.summary import Summary, summarise
from hpsearch.searching.criterion import Criterion
from hpsearch.store import RunDirectory, RunInfo

if TYPE_CHECKING:
    from hpsearch.report.babysit.summary import BabysitSummary
    from hpsearch.report.comparison import Member
    from hpsearch.report.html.figures.style import Figure

LISTED = ("status", "trials", "metric", "goal", "winner", "best_value", "confirmed",
          "search_value", "parent", "created", "seconds", "ended_by", "tags", "notes")  # fmt: skip
"""What `list --format json` says of each run beside its name and path."""


class TrialFindings(Protocol):
    """All of one trial, or branch."""

    def as_json(self) -> dict[str, Any]:
        """What `report --trial N --format json` prints."""
        ...

    def show(self) -> None:
        """Print it."""
        ...


class Findings(Protocol):
    """What a run came to."""

    @property
    def run(self) -> RunDirectory:
        """The run directory."""
        ...

    @property
    def info(self) -> RunInfo:
        """What run.json says."""
        ...

    @property
    def criterion(self) -> Criterion:
        """What counts."""
        ...

    @property
    def work(self) -> str:
        """What goes on while it runs, in a word."""
        ...

    @property
    def standing(self) -> object:
        """What changes whenever there is something new to say."""
        ...

    def as_json(self) -> dict[str, Any]:
        """What `report --format json` prints."""
        ...

    def listed(self) -> dict[str, Any]:
        """What `list --format json` prints beside name and path, without what is unknown."""
        ...

    def trained(self) -> str:
        """How much was trained, in a word or two."""
        ...

    def show(self) -> None:
        """Print all that was found."""
        ...

    def show_progress(self, one_line: bool) -> None:
        """Print how a run at work stands, in so few lines that a screen holds them, or in one."""
        ...

    def write_csv(self, to: TextIO) -> None:
        """Write the table of `report --format csv`."""
        ...

    def page(self, refresh: float | None) -> str:
        """The HTML of report.html.

        Args:
            refresh: seconds after which an open page loads itself again; None: never.
        """
        ...

    def trial(self, number: int) -> TrialFindings:
        """All of one trial.

        Raises:
            RunError: there is none.
        """
        ...

    def pictures(self) -> Iterator[tuple[str, str, Figure]]:
        """Name, title and figure of each picture on the page."""
        ...

    def member(self, letter: str, parent: Member | None) -> Member:
        """The run in a comparison.

        Args:
            letter: which draws its line.
            parent: the member that it was refined from.
        """
        ...


class _OfSummary:
    """What findings have from their summary alone."""

    summary: Summary | BabysitSummary

    @property
    def run(self) -> RunDirectory:
        """The run directory."""
        return self.summary.run

    @property
    def info(self) -> RunInfo:
        """What run.json says."""
        return self.summary.info

    @property
    def criterion(self) -> Criterion:
        """What counts."""
        return self.summary.criterion


@dataclass(frozen=True)
class SearchFindings(_OfSummary):
    """What a search came to."""

    summary: Summary

    @property
    def work(self) -> str:
        """What goes on while it runs."""
        return "search"

    @property
    def standing(self) -> object:
        """How many trials have ended, and the best one."""
        return len(self.summary.results), self.summary.best, len(self.summary.by_hand.acts)

    def as_json(self) -> dict[str, Any]:
        """What `report --format json` prints."""
        return self.summary.as_json()

    def listed(self) -> dict[str, Any]:
        """What `list --format json` prints beside name and path."""
        headline, info = self.summary.headline, self.info
        found = {
            "status": info.status,
            "trials": len(self.summary.results),
            "metric": self.criterion.name,
            "goal": self.criterion.goal,
            "parent": info.parent,
            "created": info.created,
            "seconds": info.seconds,
            "ended_by": self.summary.ended_by,
            "tags": self.summary.by_hand.tags,
            "notes": self.summary.by_hand.notes,
        }
        if headline is not None:
            found |= {
                "winner": headline.trial,
                "best_value": headline.value,
                "confirmed": headline.value if headline.seeds else None,
                "search_value": headline.search,
            }
        return found

    def trained(self) -> str:
        """How many trials have ended."""
        return str(len(self.summary.results))

    def show(self) -> None:
        """Print all that was found."""
        from hpsearch.report.terminal import show

        show(self.summary)

    def show_progress(self, one_line: bool) -> None:
        """Print how the search stands."""
        from hpsearch.report.terminal import show_progress

        show_progress(self.summary, one_line)

    def write_csv(self, to: TextIO) -> None:
        """Write a row a trial."""
        from hpsearch.report.table import columns, write_columns

        table = columns(self.summary.results)
        criterion, results = self.criterion, self.summary.results
        if criterion.bounds:  # by how much each trial breaks them, 0 where it keeps them
            table["broken"] = [criterion.broken(result.metrics) for result in results]
        if criterion.several:
            front = {point.result.number for point in self.summary.front}
            table["front"] = [result.number in front for result in results]
        write_columns(table, to)

    def page(self, refresh: float | None) -> str:
        """The HTML of report.html."""
        from hpsearch.report.html.page import page

        return page(self.summary, refresh)

    def trial(self, number: int) -> TrialFindings:
        """All of one trial."""
        from hpsearch.report.trial import report_trial

        return report_trial(self.summary, number)

    def pictures(self) -> Iterator[tuple[str, str, Figure]]:
        """Every figure, and a panel for each parameter."""
        from hpsearch.report.html.figures import pictures

        return pictures(self.summary)

    def member(self, letter: str, parent: Member | None) -> Member:
        """The search in a comparison."""
        from hpsearch.report.comparison import SearchMember

        return SearchMember(letter, self.summary, parent)


@dataclass(frozen=True)
class BabysitFindings(_OfSummary):
    """What a babysat model came to."""

    summary: BabysitSummary

    @property
    def work(self) -> str:
        """What goes on while it runs."""
        return "training"

    @property
    def standing(self) -> object:
        """Where the training is, and what was done."""
        story = self.summary.story
        return story.number, story.epoch, len(story.diary), self.summary.status

    def as_json(self) -> dict[str, Any]:
        """What `report --format json` prints."""
        return self.summary.as_json()

    def listed(self) -> dict[str, Any]:
        """What `list --format json` prints beside name and path."""
        summary, best = self.summary, self.summary.best
        return {
            "kind": "babysit",
            "status": summary.status,
            "trials": len(summary.branches),
            "epochs": summary.trained,
            "metric": self.criterion.name,
            "goal": self.criterion.goal,
            "winner": best and best.trial,
            "best_value": summary.value,
            "search_value": summary.value,
            "created": self.info.created,
            "seconds": self.info.seconds,
        }

    def trained(self) -> str:
        """How many epochs were trained."""
        return f"{self.summary.trained} epochs"

    def show(self) -> None:
        """Print all that was found."""
        from hpsearch.report.babysit.text import show

        show(self.summary)

    def show_progress(self, one_line: bool) -> None:
        """Print how the training stands."""
        from hpsearch.report.babysit.text import show_progress

        show_progress(self.summary, one_line)

    def write_csv(self, to: TextIO) -> None:
        """Write a row an epoch."""
        from hpsearch.report.table import write_columns

        write_columns(self.summary.rows(), to)

    def page(self, refresh: float | None) -> str:
        """The HTML of report.html."""
        from hpsearch.report.babysit.page import page

        return page(self.summary, refresh)

    def trial(self, number: int) -> TrialFindings:
        """All of one branch."""
        from hpsearch.report.babysit.text import report_branch

        return report_branch(self.summary, number)

    def pictures(self) -> Iterator[tuple[str, str, Figure]]:
        """Every figure."""
        from hpsearch.report.babysit.figures import pictures

        return pictures(self.summary)

    def member(self, letter: str, parent: Member | None) -> Member:
        """The model in a comparison."""
        from hpsearch.report.babysit.member import BabysatMember

        return BabysatMember(letter, self.summary, parent)


def findings(run: RunDirectory, top: int = 5) -> Findings:
    """Read what a run came to; works at any moment of its life.

    Args:
        run: to read.
        top: how many of the best trials to list.

    Raises:
        RunError: the run directory is damaged.
    """
    info = run.info
    if info.babysit is None:
        return SearchFindings(summarise(run, top, info))
    from hpsearch.report.babysit.summary import summarise_babysat

    return BabysitFindings(summarise_babysat(run))


def write_report(
    run: RunDirectory, found: Findings | None = None, refresh: float | None = None
) -> Path:
    """Write a run's report.html and say where it is; a reader sees the old page or the new one.

    Args:
        run: whose report.
        found: what it came to; None to read it.
        refresh: seconds after which an open page loads itself again; None: never.
    """
    found = findings(run) if found is None else found
    run.report.write_text(found.page(refresh))
    return run.report.path


def listed(run: RunDirectory) -> dict[str, Any]:
    """A run's entry in `list --format json`; of one that cannot be read, the problem."""
    named = {"name": run.name, "path": str(run.path)}
    unknown = dict.fromkeys(LISTED)
    try:
        return {**named, **unknown, **findings(run).listed()}
    except HpsearchError as error:
        return {**named, **unknown, "status": "damaged", "problem": str(error)}
