"""What the live view shows of a babysat model: rows that fit the terminal.

Each row has a rank. Where there is no room the rows of the highest rank are left out, where there
is more the curves grow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from hpsearch.cli.babysit.keys import HELP, SHORT, Prompt
from hpsearch.cli.babysit.plot import Floats, plot
from hpsearch.messages import printable
from hpsearch.report.babysit.advice import Offered, rate_now
from hpsearch.report.escape import cut
from hpsearch.report.numbers import duration, number, rough, setting
from hpsearch.report.text import Line
from hpsearch.searching.babysit import nudge
from hpsearch.searching.babysit.story import Story
from hpsearch.store.requests import Request
from hpsearch.trial import Diagnosis, Intervention, Layer

LABEL = 15  # columns before the first number of a row
VALUE = 11  # columns of the number before a curve
TALLEST = 10  # rows of a curve
SOUND = (1e-4, 1e-2)
"""Update/weight ratios that are usual: from a tenth of 1e-3 to ten times it."""

Row = tuple[float, Line]
"""A row with its rank: 0 is the last to be left out."""


@dataclass(frozen=True)
class Shown:
    """What the view knows beside the story of the model.

    Attributes:
        at: the epoch that the model stands at; before the line's last one, it is trained again.
        pace: seconds that an epoch takes.
        waiting: what was asked and is yet to be done.
        answer: to the last key, where it did nothing else.
        said: the newest message, for a while; not where there is an answer.
        tells: of how many entries, the last of the diary, that message tells.
        earlier: messages that the diary does not tell of, the last one last.
        advice: what might help, and the command that does it.
        over: whether the training has ended.
        left: whether nothing trains any more, because it has ended or was interrupted.
    """

    at: int
    pace: float = 0.0
    waiting: Sequence[Request] = ()
    answer: str = ""
    said: str = ""
    tells: int = 0
    earlier: Sequence[str] = ()
    advice: Sequence[Offered] = ()
    over: bool = False
    left: bool = False


def view(
    story: Story, shown: Shown, size: tuple[int, int], unicode: bool, bottom: Line | None = None
) -> list[Line]:
    """The rows of the view.

    Args:
        story: the model.
        shown: what there is besides.
        size: columns and rows of the terminal.
        unicode: whether it shows block characters.
        bottom: the last row: what is typed, or the keys; None for none.
    """
    width, height = size
    height -= bottom is not None
    rest = [*_rows(story, shown, width)]
    curves = _curves(story, (width, height - len(rest)), unicode)
    rows = _fitting([*rest[:1], *curves, *rest[1:]], height)
    if bottom is None:
        return rows
    return [*rows, *[Line(())] * (height - len(rows)), bottom]


def help_rows(size: tuple[int, int]) -> list[Line]:
    """The rows of the help, which is shown instead."""
    width = max(len(keys) for keys, _ in HELP) + 3
    rows = [
        (2.0, Line((("keys", "bold"),))),
        *((1.0, Line(((keys.ljust(width), "cyan"), (text, "")))) for keys, text in HELP),
        (3.0, Line(())),
        (2.5, Line((("Each change holds from the next epoch on.", ""),))),
        (0.0, Line((("Any key goes back to the view.", "dim"),))),
    ]
    return _fitting(rows, size[1])


def bottom_of(prompt: Prompt | None, width: int) -> tuple[Line, int]:
    """The last row, and the column of the cursor in it: a line being typed, or the keys."""
    if prompt is None:
        keys = list(SHORT)
        while len(keys) > 1 and sum(len(key) + len(what) + 3 for key, what in keys) - 2 > width:
            del keys[-2]  # what is asked for most comes first; the help is the last
        pairs = [((f"  {key}", "cyan"), (f" {what}", "")) for key, what in keys]
        (_, *rest) = [stretch for pair in pairs for stretch in pair]
        return Line(((keys[0][0], "cyan"), *rest)), 0
    from rich.cells import cell_len

    asks, text = f"{prompt.asks}: ", printable(prompt.text)
    while text and cell_len(asks) + cell_len(text) >= width:
        text = text[1:]
    return Line(((asks, "bold"), (text, ""))), cell_len(asks) + cell_len(text)


def _fitting(rows: Sequence[Row], height: int) -> list[Line]:
    """The rows of the lowest ranks, in their order."""
    places = sorted(range(len(rows)), key=lambda place: rows[place][0])[: max(0, height)]
    return [rows[place][1] for place in sorted(places)]


def _rows(story: Story, shown: Shown, width: int) -> Iterator[Row]:
    """All rows but the curves, which stand below the first one."""
    yield 0, _heading(story, shown, width)
    yield 6, _rate(story)
    yield 7, _best(story)
    yield 10, _branch(story)
    yield from _settings(story, width)
    yield from _layers(story)
    yield from _interventions(story, shown.tells)
    for place, advice in enumerate(shown.advice):
        for rank, text in _wrapped(advice.message, (9 + 10 * place, 16 + place), width):
            yield rank, _labelled("" if place or rank > 9 else "advice", text, "yellow")
        if advice.command:
            yield 9.5 + 10 * place, _labelled("", advice.command, "yellow")
    yield from _said(shown, width)


def _labelled(label: str, text: str, style: str = "") -> Line:
    return Line(((label.ljust(LABEL), "dim"), (printable(text), style)))


def _heading(story: Story, shown: Shown, width: int) -> Line:
    epoch, epochs = story.epoch, story.epochs
    state, style = "training", "green"
    if shown.over or epoch >= epochs:
        state, style = "ended", "bold"
    elif shown.left:
        state, style = "interrupted", "bold"
    elif any(request.action == "stop" for request in shown.waiting):
        state, style = "stops after this epoch", "yellow"
    elif shown.at < epoch:
        state, style = f"trains epoch {shown.at + 1} again, up to {epoch}", "yellow"
    elif story.lines.paused:
        state, style = f"paused: {_paused(story)}", "bold yellow"
    left = (epochs - epoch) * shown.pace
    pace = f"{rough(shown.pace)} s an epoch" if shown.pace else ""
    if pace and state == "training":
        pace += f", {duration(left)} left"
    where = f"epoch {epoch}/{epochs}  "
    name = cut(story.run.name, max(8, min(width // 4, width - len(where) - len(state) - 2)))
    stretches = [(f"{name}  ", "bold"), (where, "bold"), (state, style)]
    used = sum(len(text) for text, _ in stretches)
    if used + len(pace) + 2 <= width:
        stretches += [(" " * (width - used - len(pace)), ""), (pace, "dim")]
    return Line(tuple(stretches))


def _paused(story: Story) -> str:
    """Why the model is paused, where the user did not ask for it, and what to do."""
    for done in reversed(story.diary):
        if done.action == "pause" and done.by == "rescue":
            if nudge.rate_name(story.config, story.lines.active.params) is None:
                return "it diverged; change it (c), then p"
            return "diverged twice; lower the rate (down), then p"
        if done.action != "set" or done.set:
            break  # since then the user has done something about it
    return "p goes on"


def _metrics(story: Story) -> dict[str, Floats]:
    """What has a curve: the metric that counts and both losses, or what is reported besides."""
    curve = story.curve(story.number)
    names = dict.fromkeys((story.criterion.name, "val_loss", "train_loss", *curve))
    chosen = [name for name in names if curve.get(name) and name != "epoch"][:3]
    return {name: np.array(curve[name], np.float64) for name in chosen}  # NaN for None


def _curves(story: Story, room: tuple[int, int], unicode: bool) -> Iterator[Row]:
    """The curves, one below the other, and the epochs that they are drawn over.

    Args:
        story: the model.
        room: columns, and the rows that nothing else needs.
        unicode: whether the terminal shows block characters.
    """
    shapes, (width, rows) = _metrics(story), room
    tall = min(TALLEST, max(1, (rows - 1) // max(1, len(shapes))))
    ends = {name: _ends(values, tall) for name, values in shapes.items()}
    side = 1 + max((len(end) for each in ends.values() for end in each), default=0)
    if width < (60 if tall > 1 else 100):
        side = 0
    room_of_plot = max(0, width - LABEL - VALUE - side)
    for name, values in shapes.items():
        drawn = plot(values, room_of_plot, tall, unicode)
        last = "undefined" if not np.isfinite(values[-1]) else number(float(values[-1]))
        for place, (row, end) in enumerate(zip(drawn, ends[name], strict=True)):
            head = ("", "") if place else (cut(name, LABEL - 1), last)
            stretches = (
                (head[0].ljust(LABEL), "dim"),
                (head[1].ljust(VALUE), "bold"),
                (row.ljust(room_of_plot), "cyan" if name == story.criterion.name else "blue"),
                (end.rjust(side) if side else "", "dim"),
            )
            yield 3 + place / 100, Line(stretches)
    if shapes and room_of_plot > 2 * len(f"{story.epoch}") and story.epoch > 1:
        axis = "1" + f"{story.epoch}".rjust(room_of_plot - 1)
        yield 13, Line((("epoch".ljust(LABEL + VALUE), "dim"), (axis, "dim")))


def _ends(values: Floats, tall: int) -> list[str]:
    """What is written beside each row of a curve: where it is highest and lowest."""
    known = values[np.isfinite(values)]
    if not known.size:
        return [""] * tall
    low, high = (number(float(end)) for end in (known.min(), known.max()))
    return [high, *[""] * (tall - 2), low] if tall > 1 else [f"{low} .. {high}"]


def _rate(story: Story) -> Line:
    settings = story.settings(story.number)
    name = nudge.rate_name(story.config, settings)
    if name is None:
        return _labelled("learning rate", "there is none")
    value = nudge.current(story.config, settings, name)
    now = rate_now(story)
    stretches = [(cut(name, LABEL - 1).ljust(LABEL), "dim"), (number(value), "bold")]
    if now is not None and now != value:
        stretches.append((f"  now {number(now)}", "bold"))
        schedule, decay = (
            number(nudge.current(story.config, settings, each))
            for each in ("schedule", "learning_rate_decay")
        )
        stretches.append((f" ({schedule}, decay {decay})", "dim"))
    return Line(tuple(stretches))


def _best(story: Story) -> Line:
    best = story.best
    if best is None:
        return _labelled("best", "none yet")
    of = f" of branch {best.trial}" if len(story.lines.all) > 1 else ""
    ago = story.epoch - best.epoch
    since = f", {ago} {'epoch' if ago == 1 else 'epochs'} ago" if ago > 0 and not of else ""
    return Line(
        (
            ("best".ljust(LABEL), "dim"),
            (number(story.value(best)), "bold green"),
            (f" after epoch {best.epoch}{of}{since}", ""),
        )
    )


def _branch(story: Story) -> Line:
    line, begun = story.lines.active, story.info.babysit
    if line.origin is not None:
        text = f"{line.number}, from epoch {line.origin.epoch} of branch {line.origin.trial}"
    elif begun is not None and begun.run is not None:
        text = f"{line.number}, begun as trial {begun.trial} of {printable(begun.run)}"
        text += f", up to epoch {begun.epoch}" if begun.epoch else ""
    else:
        text = f"{line.number}, the first"
    return _labelled("branch", text)


def _settings(story: Story, width: int) -> Iterator[Row]:
    """What the rows above do not show, what is fixed last."""
    params = story.lines.active.params
    rate = nudge.rate_name(story.config, params)
    settings = {**params, **story.settings(story.number)}
    text = setting({n: v for n, v in settings.items() if n not in (rate, "epochs")})
    for rank, row in _wrapped(text, (20, 21), width):
        yield rank, _labelled("settings" if rank == 20 else "", row, "dim")


_COLUMNS = ("weights", "gradient", "update", "update/weights", "dead", "shift")
_WIDTHS = (9, 10, 10, 18, 7, 8)


def _layers(story: Story) -> Iterator[Row]:
    """How each layer trains, as it was measured last, of this branch or of that it came from."""
    line, until = story.lines.active, story.epoch
    last = _measured(story, line.number, until)
    while last is None and line.origin is not None:
        until = min(until, line.began)
        line = story.lines.all[line.origin.trial]
        last = _measured(story, line.number, until)
    if last is None:
        return
    heads = zip(_COLUMNS, _WIDTHS, strict=True)
    head = "".join(name.rjust(width) for name, width in heads)
    yield 11, Line(((f"epoch {last.epoch}".ljust(LABEL), "dim"), (head, "dim")))
    if line.number != story.number:
        text = f"of branch {line.number}; branch {story.number} is not measured yet"
        yield 11.5, _labelled("", text, "dim")
    for place, layer in enumerate(last.layers):
        yield 12 + place / 1000, _layer(layer)


def _measured(story: Story, number: int, until: int) -> Diagnosis | None:
    """How the layers of a branch did last, up to an epoch."""
    found = (each for each in reversed(story.diagnostics) if each.number == number)
    return next((each for each in found if each.epoch <= until), None)


def _layer(layer: Layer) -> Line:
    ratio = layer.ratio
    low, high = SOUND
    word, style = "", "green"
    if ratio is not None and not low <= ratio <= high:
        word, style = ("low " if ratio < low else "high "), "yellow"
        if not low / 10 <= ratio <= high * 10:
            style = "red"
    dead = layer.dead
    texts = (
        (_of(layer.weight), ""),
        (_of(layer.gradient), ""),
        (_of(layer.update), ""),
        (word + ("-" if ratio is None else f"{ratio:.1e}"), "" if ratio is None else style),
        ("-" if dead is None else f"{100 * dead:.0f} %", _warned(dead, 0.2, 0.5)),
        (_of(layer.shift), _warned(layer.shift, 0.5, 1.0)),
    )
    columns = zip(texts, _WIDTHS, strict=True)
    cells = [(text.rjust(width), style) for (text, style), width in columns]
    return Line(((cut(layer.name, LABEL - 1).ljust(LABEL), ""), *cells))


def _of(value: float | None) -> str:
    return "-" if value is None else number(float(value), 3)


def _warned(value: float | None, high: float, higher: float) -> str:
    if value is None or value < high:
        return ""
    return "yellow" if value < higher else "red"


def _interventions(story: Story, told: int) -> Iterator[Row]:
    """What was done last, the newest first, but for what a message tells now."""
    diary = story.diary[: len(story.diary) - told]
    for place, done in enumerate(reversed(diary[-12:])):
        rank = (8, 14, 21)[place] if place < 3 else 40 + place
        yield rank, _intervention("" if place else "done", done)


def _intervention(label: str, done: Intervention) -> Line:
    words = {"set": "", "rescue": "rescued "}.get(done.action, f"{done.action} ")
    changes = ", ".join(f"{n} {number(a)} -> {number(b)}" for n, (a, b) in done.set.items())
    by = f" ({done.by})" if done.by in ("steer", "python") else ""
    if done.action == "pause" and done.by == "rescue":
        by = " (by the rescue)"
    stretches = [
        (label.ljust(LABEL), "dim"),
        (f"epoch {done.epoch}: ", "dim"),
        (printable(f"{words}{changes}".strip() or ("note" if done.note else "nothing")), ""),
        (by, "dim"),
    ]
    if done.note:
        stretches.append((f"  # {printable(done.note)}", "italic"))
    return Line(tuple(stretches))


def _said(shown: Shown, width: int) -> Iterator[Row]:
    """The answer to a key, or the newest message; what waits; and what was said before."""
    if shown.waiting:
        asked = "; ".join(_asked(request) for request in shown.waiting)
        yield 1.5, _labelled("next epoch", asked, "yellow")
    news = _wrapped(shown.answer or shown.said, (1, 2), width, most=2)
    for place, (rank, text) in enumerate(news):
        label = "key" if shown.answer else "said"
        yield rank, _labelled("" if place else label, text, "yellow" if shown.answer else "")
    for place, text in enumerate(reversed(shown.earlier[-5:])):
        yield 50 + place, _labelled("" if place else "said before", text, "dim")


def _wrapped(
    text: str, ranks: tuple[float, float], width: int, most: int = 4
) -> list[tuple[float, str]]:
    """A text in a few rows: the rank of the first one, and those of the others from a second on.

    What is left goes into the last row, which the screen cuts.
    """
    rows = [
        row
        for line in text.splitlines()
        for row in wrap(printable(line), max(20, width - LABEL)) or [""]
    ]
    rows = [*rows[: most - 1], *[" ".join(rows[most - 1 :])][: len(rows) >= most]]
    first, later = ranks
    return [(later + place if place else first, row) for place, row in enumerate(rows)]


def _asked(request: Request) -> str:
    values = ", ".join(f"{name} {number(value)}" for name, value in request.set.items())
    epoch = "" if request.epoch is None else f" at epoch {request.epoch}"
    if request.action == "set":
        return values or f"note {printable(request.note or '')}"
    return f"{request.action}{epoch}{' with ' if values else ''}{values}"
