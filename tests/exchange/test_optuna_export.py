"""A run as a study of Optuna, read back by Optuna and by its dashboard."""

import json
import math
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from hpsearch.errors import ExchangeError
from hpsearch.exchange.formats import export_run
from hpsearch.exchange.optuna_export import distribution
from hpsearch.space import LOG, ONE_MINUS_POWER, Choice, Continuous, Discrete, Fixed
from hpsearch.trial import Status

KINDS = ("sqlite", "journal")


@pytest.fixture
def url(out):
    """A target of either kind."""
    return lambda kind: f"sqlite:///{out / 'study.db'}" if kind == "sqlite" else str(out / "s.log")


@pytest.fixture
def study():
    """Read a study as Optuna's users do."""

    def read(target, name="made"):
        storage = target
        if "://" not in target:
            backend = optuna.storages.journal.JournalFileBackend(target)
            storage = optuna.storages.JournalStorage(backend)
        return optuna.load_study(study_name=name, storage=storage)

    return read


@pytest.mark.parametrize("kind", KINDS)
def test_optuna_reads_the_trials_back(made, url, study, kind):
    assert export_run(made(), "optuna", url(kind)).what == "5 trials of made"
    read = study(url(kind))
    assert read.direction.name == "MINIMIZE"
    assert read.metric_names == ["loss"]
    assert read.user_attrs == {
        "run": "made", "status": "finished", "metric": "loss", "goal": "minimize", "seed": 0,
    }  # fmt: skip
    assert [trial.state for trial in read.trials] == [
        TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL,
        TrialState.FAIL,
    ]  # fmt: skip
    assert [trial.value for trial in read.trials] == [0.5, 0.25, 0.75, None, None]
    assert read.best_trial.number == 1
    assert read.best_trial.user_attrs["winner"] is True


@pytest.mark.parametrize("kind", KINDS)
def test_optuna_knows_settings_curves_times_and_errors(made, url, study, kind):
    export_run(made(), "optuna", url(kind))
    first, adam, _, diverged, failed = study(url(kind)).trials
    assert first.params == {
        "rate": 0.01, "share": 0.5, "layers": 2, "units_0": 8, "units_1": 32, "batch": 48,
        "width": 0.75, "optimizer": "momentum", "momentum": 0.99, "shape": "[16]",
        "batch_norm": True, "seeds": 3,
    }  # fmt: skip
    assert not {"momentum", "units_0"} & set(adam.params)
    assert sorted(first.intermediate_values) == list(range(1, 10))
    assert math.isclose(first.intermediate_values[1], 1.3)
    assert sorted(diverged.intermediate_values) == [1, 2, 3]
    start = datetime(2026, 1, 2, 3, 4, 1, tzinfo=UTC).astimezone().replace(tzinfo=None)
    assert adam.datetime_start == start
    assert adam.duration.total_seconds() == 1.5
    assert failed.user_attrs["error"] == "ValueError: no such layer"
    assert diverged.user_attrs["status"] == "diverged"
    assert first.user_attrs["metrics.other"] == 1.0
    assert first.user_attrs["epochs"] == 9


def test_alternatives_are_one_parameter_of_a_range_that_spans_them(made, config, url, study):
    momentum, adam = ({"optimizer": name} for name in ("momentum", "adam"))
    log, units = {"scale": "log"}, {"type": "int", "per": "layers"}
    space = config["space"] | {
        "rate": [
            {**log, "min": 1e-3, "max": 1, "when": momentum},
            {**log, "min": 1e-4, "max": 0.1, "when": adam},
        ],
        "units": [
            {**units, "min": 8, "max": 32, "step": 8, "when": momentum},
            {**units, "min": 16, "max": 64, "step": 16, "when": adam},
        ],
    }
    export_run(made(config=config | {"space": space}), "optuna", url("sqlite"))
    read = study(url("sqlite"))
    assert {str(trial.distributions["rate"]) for trial in read.trials} == {
        str(FloatDistribution(1e-4, 1, log=True))
    }
    first = read.trials[0]
    assert first.distributions["units_0"] == IntDistribution(8, 64, step=8)
    assert (first.params["units_0"], first.params["units_1"]) == (8, 32)


DISTRIBUTIONS = {
    "linear": (Continuous(0, 1), [0.5], FloatDistribution(0, 1)),
    "log": (Continuous(1e-4, 1, LOG), [0.1], FloatDistribution(1e-4, 1, log=True)),
    "1-10^r": (Continuous(0.9, 0.999, ONE_MINUS_POWER), [0.9], FloatDistribution(0.9, 0.999)),
    "int": (Discrete(1, 3), [2], IntDistribution(1, 3)),
    "int, log": (Discrete(8, 64, scale=LOG), [8], IntDistribution(8, 64, log=True)),
    "int, step": (Discrete(16, 65, 16), [48], IntDistribution(16, 64, step=16)),
    "int, log, step": (Discrete(8, 64, 8, LOG), [8], IntDistribution(8, 64, step=8)),
    "step": (
        Discrete(0.1, 0.5, 0.1, integer=False), [0.3], FloatDistribution(0.1, 0.5, step=0.1),
    ),
    "step, log": (
        Discrete(0.1, 0.5, 0.1, LOG, integer=False), [0.3], FloatDistribution(0.1, 0.5, log=True),
    ),
    "choice": (Choice(("a", 1, None)), ["a"], CategoricalDistribution(("a", 1, None))),
    "lists": (Choice(([1], [2])), [[1]], CategoricalDistribution(("[1]", "[2]"))),
    "true and 1": (Choice((1, True)), [True], CategoricalDistribution(("1", "true"))),
    "fixed": (Fixed(3), [3], CategoricalDistribution((3,))),
    "unknown": (None, [2, "b", 2], CategoricalDistribution((2, "b"))),
    "by hand, beyond": (Continuous(0, 1), [-2, 3], FloatDistribution(-2, 3)),
    "by hand, not above 0": (Continuous(1e-4, 1, LOG), [0], FloatDistribution(0, 1)),
    "by hand, off the grid": (Discrete(16, 64, 16), [50], IntDistribution(16, 64)),
    "by hand, no whole number": (Discrete(1, 3), [1.5], FloatDistribution(1, 3)),
    "by hand, text": (
        Continuous(0, 1), [0.5, "auto"], CategoricalDistribution((0.5, "auto")),
    ),
    "by hand, another choice": (Choice(("a", "b")), ["c"], CategoricalDistribution("abc")),
}  # fmt: skip


@pytest.mark.parametrize(("domain", "seen", "expected"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_a_domain_becomes_the_distribution_that_comes_nearest(domain, seen, expected):
    found = distribution(domain, seen)
    assert found.optuna == expected
    for value in seen:
        internal = expected.to_internal_repr(found.held(value))
        assert expected._contains(internal)


def test_the_dashboard_opens_the_study(made, url, library):
    dashboard = library("optuna_dashboard")
    export_run(made(), "optuna", url("sqlite"))
    storage = optuna.storages.RDBStorage(url("sqlite"))
    answer = ask(dashboard.wsgi(storage), "/api/studies")
    assert [each["study_name"] for each in answer["study_summaries"]] == ["made"]
    number = answer["study_summaries"][0]["study_id"]
    detail = ask(dashboard.wsgi(storage), f"/api/studies/{number}")
    assert [trial["state"] for trial in detail["trials"]] == [
        "Complete", "Complete", "Pruned", "Fail", "Fail",
    ]  # fmt: skip
    assert len(detail["trials"][0]["intermediate_values"]) == 9
    assert {"rate", "units_1", "momentum"} <= {
        param["name"] for param in detail["union_search_space"]
    }
    storage.engine.dispose()


def ask(application, path):
    """What a WSGI application answers to a GET, as JSON."""
    environment, started = {"PATH_INFO": path, "QUERY_STRING": ""}, []
    setup_testing_defaults(environment)
    body = b"".join(application(environment, lambda status, _, *__: started.append(status)))
    assert started == ["200 OK"], body
    return json.loads(body)


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_of_the_name_is_refused_and_another_name_stands_beside_it(made, url, study, kind):
    export_run(made(), "optuna", url(kind))
    with pytest.raises(ExchangeError, match="has a study 'made' already"):
        export_run(made("second"), "optuna", url(kind), name="made")
    export_run(made("third"), "optuna", url(kind))
    assert len(study(url(kind)).trials) == len(study(url(kind), "third").trials) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_that_fails_half_way_leaves_no_file(made, url, out, kind, monkeypatch):
    break_after(monkeypatch, trials=2)
    with pytest.raises(ExchangeError, match="disk is full"):
        export_run(made(), "optuna", url(kind))
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_that_fails_half_way_leaves_other_studies_alone(
    made, url, study, kind, monkeypatch
):
    export_run(made(), "optuna", url(kind))
    break_after(monkeypatch, trials=2)
    with pytest.raises(ExchangeError, match="disk is full"):
        export_run(made("second"), "optuna", url(kind))
    assert len(study(url(kind)).trials) == 5
    with pytest.raises(KeyError):
        study(url(kind), "second")


KILLED = """
import os, sys
from pathlib import Path
import optuna
from hpsearch.exchange.formats import export_run
from hpsearch.store import RunDirectory
add, done = optuna.Study.add_trial, []
def killed(self, trial):
    done.append(trial)
    if len(done) > 2:
        os.kill(os.getpid(), 9)
    add(self, trial)
optuna.Study.add_trial = killed
export_run(RunDirectory(Path(sys.argv[1])), "optuna", sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_export_that_is_killed_half_way_leaves_nothing_in_a_storage_that_is_there(
    made, url, study, kind
):
    export_run(made(), "optuna", url(kind))
    second = made("second")
    done = subprocess.run([sys.executable, "-c", KILLED, str(second.path), url(kind)])
    assert done.returncode == -signal.SIGKILL
    assert len(study(url(kind)).trials) == 5
    with pytest.raises(KeyError):
        study(url(kind), "second")
    export_run(second, "optuna", url(kind))
    assert len(study(url(kind), "second").trials) == 5


def test_a_journal_that_another_program_writes_to_meanwhile_is_left_to_it(
    made, url, out, study, monkeypatch
):
    export_run(made(), "optuna", url("journal"))
    add = optuna.Study.add_trial

    def meanwhile(self, trial):
        if self.study_name == "second":
            monkeypatch.setattr(optuna.Study, "add_trial", add)
            optuna.load_study(study_name="made", storage=storage).set_user_attr("theirs", 1)
        add(self, trial)

    backend = optuna.storages.journal.JournalFileBackend(url("journal"))
    storage = optuna.storages.JournalStorage(backend)
    monkeypatch.setattr(optuna.Study, "add_trial", meanwhile)
    with pytest.raises(ExchangeError, match="another program wrote to it meanwhile; export again"):
        export_run(made("second"), "optuna", url("journal"))
    assert study(url("journal")).user_attrs["theirs"] == 1
    export_run(made("third"), "optuna", url("journal"))
    assert len(study(url("journal"), "third").trials) == 5


def test_a_torn_last_line_of_a_journal_does_not_spoil_what_is_added(made, url, study):
    export_run(made(), "optuna", url("journal"))
    with Path(url("journal")).open("a") as file:
        file.write('{"op_code": 4')
    export_run(made("second"), "optuna", url("journal"))
    assert len(study(url("journal"), "second").trials) == 5


def test_a_journal_that_is_added_to_keeps_its_mode(made, url, study):
    export_run(made(), "optuna", url("journal"))
    Path(url("journal")).chmod(0o640)
    export_run(made("second"), "optuna", url("journal"))
    assert stat.S_IMODE(Path(url("journal")).stat().st_mode) == 0o640
    assert len(study(url("journal"), "second").trials) == 5


@pytest.mark.parametrize("leads_to", ["real", "nowhere", "s.log"])
def test_a_link_is_not_written_through(made, url, out, leads_to):
    export_run(made(), "optuna", str(out / "real"))
    before = (out / "real").read_bytes()
    Path(url("journal")).symlink_to(leads_to)
    message = f"must be a file, found a link, .* name what it leads to, {out / leads_to}"
    with pytest.raises(ExchangeError, match=message):
        export_run(made("second"), "optuna", url("journal"))
    assert Path(url("journal")).is_symlink()
    assert (out / "real").read_bytes() == before
    assert not (out / "nowhere").exists()


def break_after(monkeypatch, trials):
    """Let the storage fail after so many trials."""
    add, done = optuna.Study.add_trial, []

    def fails(self, trial):
        done.append(trial)
        if len(done) > trials:
            raise OSError(28, "the disk is full")
        add(self, trial)

    monkeypatch.setattr(optuna.Study, "add_trial", fails)


def test_another_programs_database_gets_no_tables(made, url, out):
    path = out / "study.db"
    with sqlite3.connect(path) as other:
        other.execute("create table mine (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(ExchangeError, match="cannot be written to as a storage of Optuna"):
        export_run(made(), "optuna", url("sqlite"))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("study.db", "for an SQLite database write sqlite:///study.db"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///missing/study.db", "must be in a folder that exists"),
        ("nosuch://me:secret@host/db", r"^nosuch://host/db: .*NoSuchModuleError"),
    ],
)
def test_a_target_that_cannot_be_is_told(made, target, message):
    with pytest.raises(ExchangeError, match=message) as caught:
        export_run(made(), "optuna", target)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["dear diary\nmore\n", "mine\n", "mine", "\n", "[1]\n", '{"a": 1}\n', '{"op_code": 0']
)
def test_a_file_that_is_no_journal_is_told_and_left_alone(made, out, text):
    (out / "notes.log").write_text(text)
    message = "must be a journal file of Optuna's, found a file that begins with"
    with pytest.raises(ExchangeError, match=rf"notes\.log: {message}"):
        export_run(made(), "optuna", str(out / "notes.log"))
    assert (out / "notes.log").read_text() == text


def test_a_folder_is_no_journal(made, out):
    (out / "folder").mkdir()
    with pytest.raises(ExchangeError, match="must be a journal file of Optuna's, found no plain"):
        export_run(made(), "optuna", str(out / "folder"))
    assert list((out / "folder").iterdir()) == []


def test_an_empty_file_as_optuna_makes_it_is_a_journal(made, url, study):
    Path(url("journal")).touch()
    export_run(made(), "optuna", url("journal"))
    assert len(study(url("journal")).trials) == 5


def test_a_run_without_trials_is_a_study_without_trials(made, url, study):
    export_run(made(trials=[], pieces=[], winner=None), "optuna", url("journal"))
    assert study(url("journal")).trials == []


def test_a_refined_run_exports_its_own_trials_and_names_its_parent(made, url, study, result):
    run = made("child", trials=[result(40), result(41)], pieces=[], winner=None, parent="made")
    export_run(run, "optuna", url("journal"))
    read = study(url("journal"), "child")
    assert [trial.user_attrs["number"] for trial in read.trials] == [40, 41]
    assert read.user_attrs["parent"] == "made"


def test_an_unfinished_run_is_exported_as_far_as_it_is(made, url, study, result):
    trials = [result(0), result(2), result(5)]
    run = made(trials=trials, pieces=[], winner=None, status="running")
    export_run(run, "optuna", url("journal"))
    read = study(url("journal"))
    assert read.user_attrs["status"] == "interrupted"
    assert [trial.user_attrs["number"] for trial in read.trials] == [0, 2, 5]


def test_optunas_logs_and_its_level_are_left_alone(made, url, capfd):
    before = optuna.logging.get_verbosity()
    export_run(made(), "optuna", url("sqlite"))
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_several_metrics_are_a_study_of_several_objectives_with_its_front(
    made, result, url, study
):
    metric = [
        {"name": "loss", "goal": "minimize"},
        {"name": "other", "goal": "maximize"},
        {"name": "size", "at_most": 10},
    ]
    values = [(0.5, 1.0, 4.0), (0.25, 0.5, 4.0), (0.6, 0.9, 4.0), (0.1, 3.0, 20.0)]
    trials = [
        result(n, value=loss, metrics={"loss": loss, "other": other, "size": size})
        for n, (loss, other, size) in enumerate(values)
    ]
    trials.append(result(4, Status.FAILED, value=None, epochs=0, error="ValueError: no"))
    run = made(trials=trials, pieces=[], winner=1, metric=metric)
    export_run(run, "optuna", url("journal"))
    read = study(url("journal"))
    assert [each.name for each in read.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert read.metric_names == ["loss", "other"]
    assert [trial.values for trial in read.trials] == [
        [0.5, 1.0], [0.25, 0.5], [0.6, 0.9], [0.1, 3.0], None,
    ]  # fmt: skip
    assert read.trials[3].system_attrs["constraints"] == [1.0]
    assert sorted(trial.number for trial in read.best_trials) == [0, 1]  # as those that keep it
