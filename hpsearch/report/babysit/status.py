"""How a babysat model is doing, in a few lines or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from hpsearch.messages import printable
from hpsearch.report.babysit.advice import advise, rate_now
from hpsearch.report.babysit.summary import entries, run_status
from hpsearch.report.numbers import number
from hpsearch.searching.babysit.story import Story, read
from hpsearch.store import RunDirectory
from hpsearch.store.files import plain
from hpsearch.trial import Intervention

MOST_ENTRIES = 5  # of the diary, as text: the last ones
WIDTH = 80  # of a line of settings


def status_of(run: RunDirectory) -> dict[str, Any]:
    """How a babysat model is doing, as plain values.

    Raises:
        RunError: the run is none, or damaged.
    """
    return as_json(read(run))


def as_json(story: Story) -> dict[str, Any]:
    """The same of what was read."""
    best = story.best
    curve = story.curve(story.number)
    last = {name: values[-1] for name, values in curve.items() if name != "epoch" and values}
    return {
        "run": story.run.name,
        "status": run_status(story),
        "paused": story.lines.paused,
        "trial": story.number,
        "epoch": story.epoch,
        "epochs": story.epochs,
        "metric": story.criterion.name,
        "metrics": last,
        "rate": rate_now(story),
        "settings": plain(story.settings(story.number)),
        "best": best and {"trial": best.trial, "epoch": best.epoch, "value": story.value(best)},
        "branches": len(story.lines.all),
        "interventions": [plain(done) for done in story.diary],
        "advice": [vars(offered) for offered in advise(story)],
    }


def status_text(told: dict[str, Any]) -> str:
    """The same for people."""
    state = "paused" if told["paused"] and told["status"] == "running" else told["status"]
    of = f" of branch {told['trial']}" if told["branches"] > 1 else ""
    lines = [f"{told['run']}: {state}, epoch {told['epoch']} of {told['epochs']}{of}"]
    if told["metrics"]:
        shown = ", ".join(f"{name} {number(value)}" for name, value in told["metrics"].items())
        lines.append(f"  {shown}")
    if told["best"]:
        best = told["best"]
        where = f"epoch {best['epoch']}" + (f" of branch {best['trial']}" if of else "")
        lines.append(f"  best {told['metric']} {number(best['value'])}, {where}")
    lines += _settings(told)
    diary = list(entries(Intervention(**done) for done in told["interventions"]))
    if len(diary) > MOST_ENTRIES:
        lines.append(f"  the last {MOST_ENTRIES} of {len(diary):,} interventions:")
    for entry in diary[-MOST_ENTRIES:]:
        note = f"  # {printable(entry.done.note)}" if entry.done.note else ""
        lines.append(f"  epoch {entry.epoch}: {entry.words}{note}")
    for offered in told["advice"]:
        lines.append(f"  ! {offered['message']}")
        if offered["command"]:
            lines.append(f"    {offered['command']}")
    return "\n".join(lines)


def _settings(told: dict[str, Any]) -> Iterator[str]:
    """The learning rate of the next epoch, after any decay, and all settings."""
    if told["rate"] is not None:
        yield f"  learning rate now {number(told['rate'])}"
    shown = [f"{n} {number(value)}" for n, value in told["settings"].items() if n != "epochs"]
    text = printable(f"set: {', '.join(shown)}")
    yield from wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ",
                    break_long_words=False, break_on_hyphens=False)  # fmt: skip
