"""How a babysat model is doing, in a few lines or as JSON."""

from __future__ import annotations

from typing import Any

from hpsearch.report.babysit.advice import advise
from hpsearch.report.numbers import number
from hpsearch.searching.babysit.story import Story, read
from hpsearch.store import RunDirectory
from hpsearch.store.files import plain


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
        "status": story.info.status,
        "paused": story.lines.paused,
        "trial": story.number,
        "epoch": story.epoch,
        "epochs": story.epochs,
        "metric": story.criterion.name,
        "metrics": last,
        "settings": plain(story.settings(story.number)),
        "best": best and {"trial": best.trial, "epoch": best.epoch, "value": story.value(best)},
        "branches": len(story.lines.all),
        "interventions": [plain(done) for done in story.diary[-5:]],
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
    for done in told["interventions"]:
        changes = ", ".join(f"{n} {a} -> {b}" for n, (a, b) in done["set"].items())
        note = f"  # {done['note']}" if done["note"] else ""
        lines.append(f"  epoch {done['epoch']}: {done['action']} {changes}{note}".rstrip())
    for offered in told["advice"]:
        lines.append(f"  ! {offered['message']}")
        if offered["command"]:
            lines.append(f"    {offered['command']}")
    return "\n".join(lines)
