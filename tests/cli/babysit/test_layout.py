"""The rows of the live view: whatever the model is, they fit."""

import dataclasses
from math import nan

import pytest
from rich.cells import cell_len

from hpsearch.cli.babysit.keys import Prompt
from hpsearch.cli.babysit.layout import Shown, bottom_of, help_rows, plot, rate_now, view
from hpsearch.config import from_mapping
from hpsearch.report.babysit.advice import Offered
from hpsearch.searching.babysit.lines import lines_of
from hpsearch.searching.babysit.story import Story
from hpsearch.searching.criterion import criterion_of
from hpsearch.store import RunDirectory
from hpsearch.trial import Diagnosis, Intervention, Layer

LONG = "a reason so long that no terminal shows it whole, but for the last one " * 3


def story_of(tmp_path, layers=5, epochs=40, done=15, **settings):
    """A model with everything: interventions with notes, layers, branches."""
    params = {"learning_rate": 0.01, **settings}
    config = from_mapping(
        {
            "data": {"source": "digits"},
            "trainer": {"kind": "network", "epochs": 100, "hidden_layers": layers},
            "space": {name: {"values": [value]} for name, value in params.items()},
        }
    )
    diary = [
        Intervention(
            time="2026-01-01T00:00:00.000+00:00",
            trial=0,
            epoch=place + 1,
            action="set",
            set={"learning_rate": (0.01 * place, 0.01 * (place + 1))},
            note=LONG,
            by="key",
        )
        for place in range(done)
    ]
    curve = {"epoch": [*map(float, range(1, epochs + 1))]} | {
        name: [1.0 / (1 + epoch) for epoch in range(epochs)]
        for name in ("train_loss", "val_loss", "val_accuracy")
    }
    names = [f"hidden {place}" for place in range(1, layers + 1)] + ["output"]
    found = [
        Layer(name, 12.3, 0.01, 1e-5 * 10**place, 0.3, 0.7) for place, name in enumerate(names)
    ]
    run = RunDirectory(tmp_path / "runs" / "a_name_of_a_run_that_is_long_enough_for_any_terminal")
    return Story(
        run=run,
        info=dataclasses.make_dataclass("Info", ["babysit"])(None),
        config=config,
        criterion=criterion_of(config),
        lines=lines_of(((0, params),), diary),
        own={0: curve},
        diary=diary,
        results={},
        diagnostics=[Diagnosis(number=0, epoch=epochs, seconds=0.1, layers=found)],
    )


def texts(lines):
    return ["".join(text for text, _ in line.stretches) for line in lines]


ADVICE = [Offered("rate", "learning_rate", "the loss oscillates", "hpsearch steer m --undo")]
SHOWN = Shown(at=40, pace=0.1, messages=["first", LONG, LONG], answer=LONG, advice=ADVICE)


@pytest.mark.parametrize(
    "size", [(80, 24), (200, 50), (100, 30), (40, 12), (20, 5), (10, 2), (1, 1)]
)
@pytest.mark.parametrize("layers", [0, 1, 5, 40])
def test_the_view_is_as_high_as_the_terminal_and_its_last_row_the_keys(tmp_path, size, layers):
    bottom, _ = bottom_of(None, size[0])
    rows = view(story_of(tmp_path, layers), SHOWN, size, True, bottom)
    assert len(rows) == size[1]
    assert rows[-1] is bottom


def test_at_80_by_24_five_layers_and_all_that_counts_are_shown(tmp_path):
    bottom, _ = bottom_of(None, 80)
    shown = "\n".join(texts(view(story_of(tmp_path), SHOWN, (80, 24), True, bottom)))
    for text in ("epoch 40/100", "val_accuracy", "val_loss", "train_loss", "learning_rate",
                 "best", "branch", "hidden 1", "hidden 5", "output", "update/weights",
                 "# a reason", "a reason so long", "the loss oscillates", "steer m --undo",
                 "up/down rate", "? help"):  # fmt: skip
        assert text in shown


def test_the_least_important_rows_go_first(tmp_path):
    bottom, _ = bottom_of(None, 60)
    few = texts(
        view(story_of(tmp_path), Shown(at=40, answer="no such key"), (60, 5), True, bottom)
    )
    assert few[0].startswith("a_name")
    assert "no such key" in few[-2]
    assert "val_accuracy" in few[1]


def test_more_room_makes_curves_higher_and_shows_more_of_what_was_done(tmp_path):
    bottom, _ = bottom_of(None, 200)
    shown = texts(view(story_of(tmp_path), SHOWN, (200, 50), True, bottom))
    assert sum("⠀" <= char <= "⣿" for char in "".join(shown)) > 100
    assert sum("# a reason" in row for row in shown) == 12


@pytest.mark.parametrize(("ratio", "word"), [(1e-3, ""), (9e-5, "low "), (2e-2, "high ")])
def test_a_ratio_far_from_1e3_has_a_word_and_not_only_a_colour(tmp_path, ratio, word):
    story = story_of(tmp_path, layers=0)
    layer = Layer("output", 1.0, 1.0, ratio)
    last = dataclasses.replace(story.diagnostics[0], layers=[layer])
    rows = texts(view(dataclasses.replace(story, diagnostics=[last]), SHOWN, (80, 24), True))
    assert any(row.startswith("output") and f" {word}{ratio:.1e}" in row for row in rows)


def test_control_characters_in_notes_and_messages_are_escaped(tmp_path):
    story = story_of(tmp_path)
    bad = dataclasses.replace(story.diary[-1], note="\x1b[2J\nboo\u202e")
    shown = Shown(at=40, messages=["\x1b]0;title\x07"], answer="\x9b1m")
    rows = view(dataclasses.replace(story, diary=[bad]), shown, (80, 24), True)
    assert all(row.isprintable() for row in texts(rows))


def test_the_rate_now_is_that_of_the_schedule(tmp_path):
    fixed = {"learning_rate_decay": 0.1, "schedule": "inverse_time"}
    assert rate_now(story_of(tmp_path, **fixed)) == pytest.approx(0.15 / (1 + 0.1 * 40))
    assert rate_now(story_of(tmp_path, done=0)) == 0.01


def test_a_long_line_that_is_typed_shows_its_end():
    bottom, column = bottom_of(Prompt("n", "x" * 100 + "宽end"), 40)
    (text,) = texts([bottom])
    assert text.endswith("宽end")
    assert cell_len(text) == column < 40


def test_a_small_terminal_shows_the_help_from_its_most_important_row():
    assert texts(help_rows((80, 1))) == ["Any key goes back to the view."]
    assert len(help_rows((80, 10))) == 10


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("height", [1, 4])
@pytest.mark.parametrize(
    "values",
    [[], [nan], [1.0], [1.0, 1.0], [nan, 2.0, nan], [1e308, -1e308, 1e308] * 50, [0.0, 1e-300],
     [float(k) for k in range(999)]],
)  # fmt: skip
def test_any_values_give_rows_no_longer_than_the_width(values, height, unicode):
    rows = plot(values, 30, height, unicode)
    assert len(rows) == height
    assert all(len(row) <= 30 for row in rows)
    assert unicode or "".join(rows).isascii()
