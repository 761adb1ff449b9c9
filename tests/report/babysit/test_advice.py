"""What is offered to somebody who babysits a model, and that it does not flicker."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
import pytest
from click.testing import CliRunner

from hpsearch.cli import cli
from hpsearch.report.babysit.advice import advise
from hpsearch.report.babysit.status import as_json, status_text
from hpsearch.searching.babysit.lines import lines_of
from hpsearch.searching.babysit.story import read
from hpsearch.store import find
from hpsearch.trial import Diagnosis, Intervention, Layer

EPOCHS = 60


def falling(epochs=EPOCHS, to=0.05, speed=0.1):
    return [to + 2.3 * exp(-speed * epoch) for epoch in range(epochs)]


def noisy(values, share, seed=0):
    """The values, each times 1 plus noise of this deviation."""
    noise = np.random.default_rng(seed).normal(0, share, len(values))
    return [float(v * (1 + e)) for v, e in zip(values, noise, strict=True)]


def accuracy(losses):
    return [1 - loss / 3 for loss in losses]


def curves(train, val):
    return {"train_loss": [*train], "val_loss": [*val], "val_accuracy": accuracy(val)}


def codes(offered):
    return [each.code for each in offered]


def every_epoch(story):
    """The advice after each epoch."""
    own = story.own[0]
    return [
        codes(advise(replace(story, own={0: {n: v[:end] for n, v in own.items()}})))
        for end in range(1, len(own["epoch"]) + 1)
    ]


def looked(epoch, weight=1.0, **layer):
    values = {"gradient": 1.0, "update": 1e-3, **layer}
    layers = [Layer("hidden 1", weight, **values), Layer("output", weight, **values)]
    return Diagnosis(number=0, epoch=epoch, seconds=1.0, layers=layers)


def test_nothing_is_said_of_a_model_that_learns_well(story_of):
    train = noisy(falling(), 0.03)
    val = noisy(falling(to=0.08), 0.01, seed=1)

    said = every_epoch(story_of(curves(train[:40], val[:40])))

    assert said == [[]] * 40


def test_the_first_epochs_say_nothing(story_of):
    rising = [2.0 * 1.3**epoch for epoch in range(30)]

    said = every_epoch(story_of(curves(rising, rising)))

    assert said[:5] == [[]] * 5
    assert said[-1]


def test_a_model_that_blew_up_shall_begin_again_with_a_tenth_of_its_rate(story_of):
    story = story_of(curves([30.0, *[2.4] * 20], [400.0, *[50.0] * 20]))

    (offered,) = advise(story)

    assert offered.code == "blown-up"
    assert "val_loss 50 is no better than a guess (2.303)" in offered.message
    assert (
        offered.command == f"hpsearch steer {story.run.path} --branch 0 --set learning_rate=0.001"
    )


def test_a_model_that_has_hardly_moved_shall_have_a_higher_rate(story_of):
    flat = noisy([2.8] * 20, 0.005)

    (offered,) = advise(story_of(curves(flat, noisy(flat, 0.005))))

    assert offered.code == "not-begun"
    assert offered.command is not None
    assert offered.command.endswith("m --set learning_rate=0.1")


def test_a_training_loss_that_rises_asks_for_a_lower_rate(story_of):
    train = [*falling(20, to=0.3), *(0.6 + 0.08 * k for k in range(10))]

    offered = advise(story_of(curves(train, [v + 0.1 for v in train])))

    assert offered[0].code == "rising"
    assert "five epochs ago" in offered[0].message
    assert offered[0].parameter == "learning_rate"
    assert "learning_rate=0.0033" in str(offered[0].command)


def test_a_training_loss_that_swings_asks_for_a_lower_rate(story_of):
    train = [*falling(15, to=0.6), *(0.6 + 0.25 * (k % 2) for k in range(20))]

    offered = advise(story_of(curves(train, [0.7] * 35)))

    assert offered[0].code == "oscillates"
    assert "turned 8 times in ten epochs" in offered[0].message


def test_noise_about_a_loss_that_is_nearly_zero_is_no_oscillation(story_of):
    train = [*falling(40, to=0.0), *noisy([0.01] * 20, 0.5)]

    said = every_epoch(
        story_of(curves(train, noisy([*falling(40, to=0.012), *[0.02] * 20], 0.02)))
    )

    assert not {"oscillates", "rising"} & {code for each in said for code in each}


def test_validation_that_worsens_while_training_improves_asks_to_stop(story_of):
    train = falling(50, to=0.01)
    val = [*falling(25, to=0.2), *(0.4 + 0.02 * k for k in range(25))]

    story = story_of(curves(train, val))
    offered = advise(story)

    assert codes(offered) == ["overfits", "gap"]
    assert "stop: epoch 26, the best one, is kept" in offered[0].message
    assert offered[0].command == f"hpsearch steer {story.run.path} --stop"
    assert offered[1].command == f"hpsearch steer {story.run.path} --set dropout=0.2"


def test_at_the_end_a_change_begins_a_branch_at_the_best_epoch(story_of):
    train = falling(50, to=0.01)
    val = [*falling(25, to=0.2), *(0.4 + 0.02 * k for k in range(25))]
    story = story_of(curves(train, val))
    settings = ((0, {**story.lines.active.params, "epochs": 50}),)

    offered = advise(replace(story, lines=lines_of(settings, [])))

    assert [each.command for each in offered] == [
        None,
        f"hpsearch steer {story.run.path} --branch 26 --set dropout=0.2",
    ]
    assert "stop" not in offered[0].message


def test_a_rate_that_has_decayed_to_nothing_is_named_with_what_is_left(story_of):
    train = [*falling(30, to=0.8), *noisy([0.8] * 30, 0.005)]

    (offered,) = [o for o in advise(story_of(curves(train, [v + 0.1 for v in train])))
                  if o.code == "faded"]  # fmt: skip

    assert "decay has left 0.00033 of the learning rate 0.01" in offered.message
    assert "--set learning_rate_decay=0.05" in str(offered.command)


def test_updates_by_layer_are_held_against_a_thousandth(story_of):
    flat = [*falling(20, to=1.0), *[1.0] * 20]
    small = [looked(epoch, update=2e-5) for epoch in range(30, 41)]
    large = [looked(epoch, update=0.05) for epoch in range(30, 41)]

    low, high = (advise(story_of(curves(flat, flat), seen))[0] for seen in (small, large))

    assert low.code == "small-updates"
    assert "is 2e-5, usual is about 0.001" in low.message
    assert "learning_rate=0.03" in str(low.command)
    assert high.code == "large-updates"
    assert "learning_rate=0.0033" in str(high.command)


def test_dead_units_and_a_large_shift_are_named_with_their_layer(story_of):
    train = falling(40, to=0.3)
    seen = [looked(epoch, dead=0.7, shift=1.5) for epoch in range(30, 41)]

    offered = {each.code: each for each in advise(story_of(curves(train, train), seen))}

    assert "70% of the units of hidden 1 are dead" in offered["dead"].message
    assert "1.5 deviations" in offered["shift"].message


def test_what_a_look_at_the_layers_said_long_ago_does_not_count(story_of):
    train = falling(40, to=0.3)

    offered = advise(story_of(curves(train, train), [looked(3, dead=0.9)]))

    assert "dead" not in codes(offered)


def test_after_a_change_five_epochs_pass_before_anything_is_said(story_of):
    train = [30.0, *[2.4] * 20]
    story = story_of(curves(train, [50.0] * 21))
    done = Intervention(
        time="2026-01-01T00:00:00+00:00",
        trial=0,
        epoch=18,
        action="set",
        set={"learning_rate": (0.01, 0.001)},
        note=None,
        by="steer",
    )
    lines = lines_of(story.lines.active.settings, [done])

    assert codes(advise(story)) == ["blown-up"]
    assert advise(replace(story, lines=lines, diary=[done])) == []


def test_one_odd_epoch_changes_nothing(story_of):
    train = [*falling(20, to=0.6), *(0.6 + 0.25 * (k % 2) for k in range(20))]
    odd = [*train[:30], 0.01, *train[31:]]
    val = [0.7] * 40

    said = every_epoch(story_of(curves(odd, val)))

    assert all("oscillates" in each for each in said[-12:])


def test_undefined_epochs_do_no_harm(story_of):
    train = [*falling(20)]
    story = story_of({"train_loss": [*train[:-1], None], "val_accuracy": [None] * 20})

    assert advise(story) == []
    assert advise(story_of({"val_accuracy": [0.1] * 20, "train_loss": [None, *train[1:]]})) != []


def test_a_metric_alone_says_when_it_has_been_stuck_for_long(story_of):
    (offered,) = advise(story_of({"val_accuracy": [*accuracy(falling(20)), *[0.9] * 20]}))

    assert offered.code == "stuck"
    assert "val_accuracy has not been better than" in offered.message


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs of digits with a far too large, a far too small, and a good learning rate."""
    runs = tmp_path_factory.mktemp("runs")
    for name, rate in (("large", 10), ("small", 1e-5), ("good", 0.003)):
        options = ["--set", f"learning_rate={rate}", "--epochs", "20", "-q", "--name", name]
        where = ["configs/digits.yaml", "--runs-dir", str(runs)]
        assert CliRunner().invoke(cli, ["babysit", *where, *options]).exit_code == 0
    return runs


@pytest.mark.slow
def test_real_runs_are_told_apart(trained):
    said = {name: codes(advise(read(find(name, trained)))) for name in ("large", "small", "good")}

    assert said["large"] == ["blown-up"]
    assert said["small"] == ["not-begun"]
    assert not {"blown-up", "not-begun", "rising", "oscillates"} & {*said["good"]}


@pytest.mark.slow
def test_the_command_that_is_offered_can_be_followed(trained):
    story = read(find("large", trained))
    (offered,) = advise(story)

    done = CliRunner().invoke(cli, str(offered.command).split()[1:])

    assert done.exit_code == 0, done.output
    assert read(story.run).lines.active.params["learning_rate"] == 1


def test_the_status_tells_advice_and_command(trained):
    told = as_json(read(find("small", trained)))

    assert told["advice"][0]["code"] == "not-begun"
    assert f"    {told['advice'][0]['command']}" in status_text(told).splitlines()
