"""A study of Optuna as a run: what is taken, what is left out, and refining it."""

import json
import re
import warnings
from datetime import UTC, datetime

import optuna
import pytest
import yaml
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from hpsearch.config import from_mapping
from hpsearch.errors import ExchangeError, RunError, install
from hpsearch.exchange.formats import export_run
from hpsearch.exchange.optuna_import import import_study
from hpsearch.exchange.optuna_study import (
    OptunaStudy,
    plain_trial,
    read_study,
    study_config,
    study_space,
)
from hpsearch.report.html.page import page
from hpsearch.report.summary import summarise
from hpsearch.searching.resume import reopen
from hpsearch.store import runs

X = {"x": FloatDistribution(0, 1)}
STARTED = datetime(2026, 1, 2, 3, 4, 5)  # as Optuna keeps times


def frozen(x, reports=(), value=None, state=TrialState.COMPLETE, first=0, params=None, dists=X):
    """A trial of a study; its value is the last that it reports."""
    finished = state.is_finished()
    known = value if value is not None or not reports else reports[-1]
    return optuna.trial.FrozenTrial(
        number=-1, trial_id=-1, state=state,
        value=known if state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
        datetime_start=STARTED, datetime_complete=STARTED if finished else None,
        params={"x": x} if params is None else params, distributions=dists,
        user_attrs={}, system_attrs={},
        intermediate_values={first + step: value for step, value in enumerate(reports)},
    )  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """Make a study of these trials in a journal, and give its path."""
    path = tmp_path / "study.log"

    def make(*trials, name="theirs", direction="minimize", metric=None):
        backend = optuna.storages.journal.JournalFileBackend(str(path))
        storage = optuna.storages.JournalStorage(backend)
        directions = [direction] if isinstance(direction, str) else direction
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = optuna.create_study(storage=storage, study_name=name, directions=directions)
            if metric is not None:
                made.set_metric_names([metric])
            made.add_trials(trials)
        return str(path)

    return make


@pytest.fixture
def configured(tmp_path):
    """A configuration of the parameter x."""

    def make(epochs=3, at="last", **space):
        return from_mapping(
            {
                "trainer": {"kind": "function", "function": "own.py:train", "epochs": epochs},
                "metric": {"name": "loss", "goal": "minimize", "at": at},
                "space": space or {"x": {"min": 0, "max": 1}},
            },
            tmp_path,
        )

    return make


@pytest.fixture
def imported(tmp_path, configured):
    """Import a study for a configuration; the run, and what was taken."""

    def make(storage, config=None, **options):
        study = read_study(storage, **options)
        return import_study(study, config or configured(), tmp_path / "runs", "made")

    return make


def test_states_become_statuses_and_unfinished_trials_are_counted(study, imported):
    storage = study(
        frozen(0.1, [3.0, 2.0, 1.0]),
        frozen(0.2, [4.0], state=TrialState.PRUNED),
        frozen(0.3, [5.0], state=TrialState.FAIL),
        frozen(0.4, [3.0, 2.0, float("inf")]),
        frozen(0.5, state=TrialState.RUNNING),
        frozen(0.6, state=TrialState.WAITING),
    )
    made = imported(storage)
    results = made.run.results
    assert [each.status.value for each in results] == [
        "completed", "stopped", "failed", "diverged",
    ]  # fmt: skip
    assert [each.value for each in results] == [1.0, 4.0, None, None]
    assert [each.epochs for each in results] == [3, 1, 1, 3]
    assert "the study does not say why" in results[2].error
    assert made.trials.left_out == {"still running": 1, "still waiting": 1}
    assert made.run.pieces[0].curve == {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0]}
    assert made.run.pieces[3].curve["loss"] == [3.0, 2.0, None]


def test_the_run_is_finished_and_says_where_it_is_from_without_an_address(study, imported):
    run = imported(study(frozen(0.1, [3.0, 2.0, 1.0]))).run
    info = run.info
    assert info.status == "finished"
    assert info.imported == {
        "from": "optuna", "study": "theirs", "storage": "journal", "trials": 1, "left_out": {},
    }  # fmt: skip
    assert info.began == STARTED.timestamp()
    assert run.results[0].started == STARTED.astimezone(UTC).isoformat(timespec="milliseconds")
    assert run.winner(run.info).number == 0
    assert yaml.safe_load((run.best / "params.yaml").read_text()) == {"x": 0.1}


def test_reports_may_count_from_one(study, imported):
    made = imported(study(frozen(0.1, [3.0, 2.0, 1.0], first=1)))
    assert made.run.pieces[0].curve["loss"] == [3.0, 2.0, 1.0]
    assert made.trials.by_value == 0


BY_VALUE = {
    "every third step": [frozen(0.1, [3.0, 2.0, 1.0], first=3)],
    "fewer than the epochs": [frozen(0.1, [3.0, 1.0])],
    "more than the epochs": [frozen(0.1, [4.0, 3.0, 2.0, 1.0])],
    "another value": [frozen(0.1, [3.0, 2.0, 1.5], value=1.0)],
}


@pytest.mark.parametrize("trials", BY_VALUE.values(), ids=BY_VALUE)
def test_reports_that_are_no_learning_curve_leave_the_value(study, imported, trials):
    made = imported(study(*trials))
    assert made.trials.by_value == 1
    assert made.run.results[0].value == 1.0
    assert made.run.pieces[0].curve == {"epoch": [1], "loss": [1.0]}


def test_a_training_that_ended_early_is_a_learning_curve_beside_a_full_one(study, imported):
    made = imported(study(frozen(0.1, [3.0, 2.0, 1.0]), frozen(0.2, [2.0, 0.5])))
    assert [each.epochs for each in made.run.results] == [3, 2]
    assert made.trials.by_value == 0


def test_the_best_report_counts_where_the_configuration_says_so(study, imported, configured):
    storage = study(frozen(0.1, [3.0, 1.0, 2.0], value=1.0))
    made = imported(storage, configured(at="best"))
    assert made.run.results[0].value == 1.0
    assert made.run.results[0].epochs == 3


def test_trials_that_do_not_fit_the_space_are_counted_by_reason(study, imported, configured):
    both = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    storage = study(
        frozen(0.1, value=1.0),
        frozen(0.9, value=1.0),
        frozen(0, value=1.0, params={"x": 0.2, "y": 0.3}, dists=both),
        frozen(0, value=1.0, params={}, dists={}),
    )
    made = imported(storage, configured(x={"min": 0, "max": 0.5}))
    assert [each.number for each in made.run.results] == [0]
    assert made.trials.left_out == {
        "outside the range of x": 1, "with another parameter, y": 1, "with other parameters": 1,
    }  # fmt: skip


def test_numbers_stay_the_studys_own(study, imported):
    storage = study(
        frozen(0.1, state=TrialState.RUNNING), frozen(0.2, value=2.0), frozen(0.3, value=1.0)
    )
    run = imported(storage).run
    assert [each.number for each in run.results] == [1, 2]
    assert run.info.plan[0].trials == 3


def test_no_trial_that_fits_is_refused_and_makes_no_run(study, configured, imported, tmp_path):
    storage = study(frozen(0.1, value=1.0))
    with pytest.raises(
        ExchangeError, match=r"no trial can be taken \(1 with another parameter, x\)"
    ):
        imported(storage, configured(z={"min": 0, "max": 1}))
    assert runs(tmp_path / "runs") == []


def test_another_goal_is_refused(study, imported):
    storage = study(frozen(0.1, value=1.0), direction="maximize")
    with pytest.raises(ExchangeError, match=r"direction is maximize.*goal is minimize"):
        imported(storage)


def test_several_objectives_are_refused(study):
    storage = study(direction=["minimize", "maximize"])
    with pytest.raises(ExchangeError, match="has 2 objectives"):
        read_study(storage)


def test_of_several_studies_one_must_be_named(study):
    storage = study(frozen(0.1, value=1.0), name="one")
    study(frozen(0.1, value=1.0), name="other")
    with pytest.raises(ExchangeError, match="several studies; choose with --study: 'one', 'oth"):
        read_study(storage)
    assert read_study(storage, "other").name == "other"
    with pytest.raises(ExchangeError, match="no study 'third'; there are: 'one', 'other'"):
        read_study(storage, "third")


def test_a_storage_without_studies_is_told(tmp_path):
    (tmp_path / "empty.log").touch()
    with pytest.raises(ExchangeError, match="holds no studies"):
        read_study(str(tmp_path / "empty.log"))


def test_reading_leaves_an_sqlite_file_as_it_is(tmp_path, made):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    export_run(made(), "optuna", url)
    before = (tmp_path / "study.db").read_bytes()
    assert len(read_study(url).trials) == 5
    assert (tmp_path / "study.db").read_bytes() == before
    assert read_study(url).storage == "sqlite"


DAMAGED = {
    "text": b"dear diary\nmore\n",
    "binary": bytes(range(256)) * 4 + b"\n\n",
    "JSON, but no journal": b'[1]\n{"op_code": 99}\n',
    "an operation that lacks its study": b'{"op_code": 4, "worker_id": "a", "study_id": 7}\n',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_journal_is_one_message(tmp_path, content):
    (tmp_path / "study.log").write_bytes(content)
    message = r"must be a journal file of Optuna's, found a file|cannot be read|no studies"
    with pytest.raises(ExchangeError, match=message):
        read_study(str(tmp_path / "study.log"))
    assert (tmp_path / "study.log").read_bytes() == content


def test_a_database_that_is_none_or_no_storage_is_one_message(tmp_path):
    (tmp_path / "a.db").write_bytes(b"no database")
    (tmp_path / "b.db").touch()
    for name in ("a.db", "b.db"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(ExchangeError, match="cannot be read as a storage of Optuna"):
            read_study(f"sqlite:///{tmp_path / name}")
        assert (tmp_path / name).read_bytes() == before


def test_what_was_exported_comes_back(made, config, tmp_path):
    run = made()
    export_run(run, "optuna", str(tmp_path / "made.log"))
    loaded = from_mapping(config, tmp_path)
    back = import_study(read_study(str(tmp_path / "made.log")), loaded, tmp_path / "runs", "back")
    before, after = run.results, back.run.results
    assert [each.params for each in after] == [each.params for each in before]
    assert [each.value for each in after] == [each.value for each in before]
    assert [each.started for each in after] == [each.started for each in before]
    assert [each.seconds for each in after] == [each.seconds for each in before]
    assert [each.status.value for each in after] == [
        "completed", "completed", "stopped", "failed", "failed",
    ]  # fmt: skip
    assert after[4].error == before[4].error
    assert back.run.winner(back.run.info).number == 1
    assert back.trials.left_out == {}
    assert back.run.pieces[0].curve["loss"] == run.pieces[0].curve["loss"]


def test_the_report_shows_an_imported_run(study, imported):
    run = imported(study(*(frozen(x / 20, [3.0, 2.0, 1.0 + x]) for x in range(12)))).run
    summary = summarise(run)
    assert summary.best.number == 0
    assert summary.counts["completed"] == 12
    assert page(summary).lower().startswith("<!doctype html>")


def test_an_imported_run_cannot_be_resumed(study, imported):
    run = imported(study(frozen(0.1, value=1.0))).run
    with pytest.raises(RunError, match=r"was imported.*hpsearch refine"):
        reopen(run, trials=10)


def spaces(*trials):
    """What is derived of the space of these settings, each with its distributions."""
    plain = [plain_trial(frozen(0, value=1.0, params=p, dists=d)) for p, d in trials]
    return study_space(OptunaStudy("theirs", "journal", "minimize", None, tuple(plain), {}))


DISTRIBUTIONS = {
    "float": (FloatDistribution(0, 1), 0.5, {"min": 0.0, "max": 1.0}),
    "log": (FloatDistribution(1e-4, 1, log=True), 0.5, {"scale": "log", "min": 1e-4, "max": 1.0}),
    "step": (FloatDistribution(0, 1, step=0.25), 0.5, {"min": 0.0, "max": 1.0, "step": 0.25}),
    "int": (IntDistribution(1, 9), 5, {"type": "int", "min": 1, "max": 9}),
    "int, step": (
        IntDistribution(2, 8, step=2), 4, {"type": "int", "min": 2, "max": 8, "step": 2},
    ),
    "int, log": (
        IntDistribution(1, 9, log=True), 5, {"type": "int", "scale": "log", "min": 1, "max": 9},
    ),
    "choice": (CategoricalDistribution(["a", None, 2]), "a", {"values": ["a", None, 2]}),
    "one choice": (CategoricalDistribution(["a"]), "a", {"value": "a"}),
    "one value": (IntDistribution(3, 3), 3, {"value": 3}),
}  # fmt: skip


@pytest.mark.parametrize(("given", "value", "expected"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_a_distribution_becomes_a_parameter(given, value, expected):
    found = spaces(({"x": value}, {"x": given}))
    assert found == {"x": expected}
    from_mapping({"trainer": {"kind": "function", "function": "a.py:f"}, "space": found,
                  "metric": {"goal": "minimize"}})  # fmt: skip


def test_numbers_that_are_mere_names_have_no_order():
    seeds, sizes = CategoricalDistribution([1, 2, 3]), CategoricalDistribution([16, 32])
    found = spaces(({"seed": 1, "size": 16}, {"seed": seeds, "size": sizes}))
    assert found["seed"] == {"values": [1, 2, 3], "ordered": False}
    assert found["size"] == {"values": [16, 32]}


def test_a_range_that_moved_is_the_widest_without_its_steps():
    found = spaces(
        ({"x": 2}, {"x": IntDistribution(0, 4, step=2)}),
        ({"x": 3}, {"x": IntDistribution(1, 7, step=2)}),
    )
    assert found == {"x": {"type": "int", "min": 0, "max": 7}}


def test_a_parameter_of_some_trials_gets_the_condition_that_tells_them():
    opt, rate = CategoricalDistribution(["sgd", "adam"]), FloatDistribution(0, 1)
    found = spaces(
        ({"opt": "sgd", "m": 0.5}, {"opt": opt, "m": rate}),
        ({"opt": "adam", "b": 0.5}, {"opt": opt, "b": rate}),
    )
    assert found["m"]["when"] == {"opt": "sgd"}
    assert found["b"]["when"] == {"opt": "adam"}


def test_layers_that_were_never_drawn_have_the_parameters_of_their_neighbours():
    layers, units = IntDistribution(1, 4), IntDistribution(8, 64)
    found = spaces(
        ({"layers": 1}, {"layers": layers}),
        ({"layers": 2, "units_1": 8}, {"layers": layers, "units_1": units}),
        ({"layers": 3, "units_1": 8}, {"layers": layers, "units_1": units}),
    )
    assert found["units_1"]["when"] == {"layers": [2, 3, 4]}


def test_trials_that_failed_before_they_had_all_parameters_make_no_condition(
    study, imported, configured
):
    both = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    whole = [frozen(0, value=x, params={"x": x, "y": 0.5}, dists=both) for x in (0.1, 0.2)]
    early = frozen(0.3, state=TrialState.FAIL)
    pruned = frozen(0.4, state=TrialState.PRUNED)
    late = frozen(0, state=TrialState.FAIL, params={"x": 0.6, "y": 0.7}, dists=both)
    path = study(*whole, early, pruned, late)
    assert study_space(read_study(path)) == {
        "x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0},
    }  # fmt: skip
    found = imported(path, configured(x={"min": 0, "max": 1}, y={"min": 0, "max": 1}))
    assert [result.number for result in found.trials.results] == [0, 1, 4]
    assert found.trials.left_out == {
        "that failed before they had all parameters": 1,
        "that were pruned before they had all parameters": 1,
    }


def test_a_step_made_by_arithmetic_is_taken(study, imported, configured):
    steps = {"x": FloatDistribution(0, 1, step=0.1)}
    path = study(*[frozen(0, value=1.0, params={"x": i * 0.1}, dists=steps) for i in range(11)])
    found = imported(path, configured(x={"min": 0, "max": 1, "step": 0.1}))
    assert [r.params["x"] for r in found.trials.results] == [
        float(f"0.{i}") for i in range(10)
    ] + [1.0]


def test_a_parameter_of_some_trials_without_a_condition_is_refused():
    rate = FloatDistribution(0, 1)
    with pytest.raises(ExchangeError, match="'y' is in 1 of its trials, and no other parameter"):
        spaces(({"x": 0.1}, {"x": rate}), ({"x": 0.1, "y": 0.5}, {"x": rate, "y": rate}))


def test_a_parameter_of_two_kinds_is_refused():
    with pytest.raises(ExchangeError, match="'x' is of several kinds"):
        spaces(
            ({"x": 0.1}, {"x": FloatDistribution(0, 1)}), ({"x": 1}, {"x": IntDistribution(0, 1)})
        )


def test_a_derived_configuration_knows_metric_epochs_and_the_epoch_that_counts(study):
    storage = study(frozen(0.1, [3.0, 1.0, 2.0], value=1.0), metric="val_loss", name="Théirs/x")
    tree = study_config(read_study(storage), {"kind": "function", "function": "own.py:train"})
    assert tree["name"] == "Th-irs-x"
    assert tree["trainer"]["epochs"] == 3
    assert tree["metric"] == {"name": "val_loss", "goal": "minimize", "at": "best"}


def test_without_optuna_the_extra_is_named(tmp_path, blocked):
    blocked("optuna")
    with pytest.raises(ExchangeError, match=re.escape(install("optuna"))):
        read_study(str(tmp_path / "study.log"))


def test_values_that_are_not_finite_are_null_in_the_files(study, imported):
    storage = study(
        frozen(0.1, [1.0, float("nan"), 2.0]), frozen(0.2, [1.0, 2.0], value=float("inf"))
    )
    run = imported(storage).run
    lines = {
        name: [json.loads(line) for line in (run.path / name).read_text().splitlines()]
        for name in ("curves.jsonl", "trials.jsonl")
    }
    assert [each["curve"]["loss"] for each in lines["curves.jsonl"]] == [[1.0, None, 2.0], [None]]
    assert [each["value"] for each in lines["trials.jsonl"]] == [2.0, None]
