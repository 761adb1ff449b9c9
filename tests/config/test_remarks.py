"""Remarks on what a valid configuration may not have meant."""

import pytest

from hpsearch.config import from_mapping, load, remarks_on


def test_the_digits_configuration_leaves_nothing_to_remark(digits):
    assert remarks_on(load(digits)) == []


@pytest.mark.parametrize(
    "override",
    ["search.sampler=random", "search.folds=3", "search.repeats=3", "search.trial_timeout=90"],
)
def test_what_needs_no_remark_gets_none(digits, override):
    assert remarks_on(load(digits, [override])) == []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["space.momentum.when=null"], "% of the draws ignore it: only optimizer momentum uses"),
        (
            ["space.optimizer={values: [momentum, sgd]}", "space.beta1.when=null"],
            "space.beta1: no trial uses it: only optimizers adam and adamw use it",
        ),
        (
            ["trainer.momentum=0.8", "space.momentum=null", "space.optimizer={value: adam}"],
            "trainer.momentum: no trial uses it: only optimizer momentum uses it, not adam",
        ),
        (["metric={name: train_loss}"], "metric.name: train_loss rewards overfitting"),
        (["search.sampler=random", "search.rounds=3"], "search.rounds: sampler random"),
        (["search.sampler=random", "search.screen=true"], "search.screen: sampler random"),
        (["search.timeout=10m"], "search.timeout: results then depend on the machine's speed"),
        (["parallel.backend=serial", "parallel.memory=1G"], "parallel.memory: backend serial"),
        (["parallel.devices=[0]"], "parallel.devices: the network trains on the processor"),
    ],
)
def test_what_is_likely_not_meant_is_remarked(digits, overrides, message):
    assert any(message in line for line in remarks_on(load(digits, overrides)))


def test_a_parameter_whose_conditions_exclude_each_other_is_remarked(digits):
    nested = [
        "space.activation={values: [relu, tanh], when: {optimizer: adam}}",
        "space.momentum.when={optimizer: momentum, activation: relu}",
    ]
    found = remarks_on(load(digits, nested))
    assert any("space.momentum: its conditions hold in no trial" in line for line in found)


def test_ordered_numbers_that_are_names_are_remarked_on():
    tree = {
        "trainer": {"kind": "command", "command": "echo {data_seed} {size} {fold}"},
        "metric": {"name": "loss"},
        "space": {
            "data_seed": {"values": [1, 2, 3]},
            "size": {"values": [1, 2, 3]},
            "fold": {"values": [1, 2, 3], "ordered": False},
        },
    }
    (remark,) = remarks_on(from_mapping(tree))
    assert remark.startswith("space.data_seed: its values count as neighbours")
    assert remark.endswith("add ordered: false")
