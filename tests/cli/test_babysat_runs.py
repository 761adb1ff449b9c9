"""What the other commands make of a babysat model's run: from one model to a search and back."""

import json
import shutil
from pathlib import Path

import pytest

from hpsearch.config import from_run
from hpsearch.exchange.exported_run import read_run
from hpsearch.searching.babysit.story import read
from hpsearch.store import RunDirectory

CONFIG = """
name: panda
data: {source: digits}
trainer: {kind: network, epochs: 8, hidden_layers: 1, hidden_units: [16]}
metric: {name: val_loss}
space:
  learning_rate: {scale: log, min: 1e-4, max: 1}
  batch_size: {values: [64, 128, 256, 512]}
  optimizer: {values: [momentum, adam]}
search: {trials: 4, confirm: false}
parallel: {backend: serial}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the runs are kept once they are made."""
    return tmp_path_factory.mktemp("kept") / "made"


@pytest.fixture
def run(hpsearch, kept):
    """Runs a command beside a babysat run of three branches, `panda`, and a search, `caviar`."""

    def run(words):
        return hpsearch(*words.split())

    if kept.exists():
        shutil.copytree(kept, Path.cwd(), dirs_exist_ok=True)
        return run
    Path("c.yaml").write_text(CONFIG)
    for words in (
        "babysit c.yaml --name panda -q",
        "steer panda --branch 5 --set learning_rate=0.03 --note faster",
        "resume panda -q",
        "steer panda --branch 6 --set l2=0.001 --set batch_size=100",
        "resume panda --epochs 10 -q",
        "run c.yaml --name caviar -q",
    ):
        assert run(words).status == 0, words
    shutil.copytree(Path.cwd(), kept)
    return run


def run_of(name):
    return RunDirectory(Path("runs", name))


def story_of(name):
    return read(run_of(name))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_branch_is_trained_again_bit_for_bit(run, number):
    done = run(f"retrain panda --trial {number}")
    assert done.status == 0
    assert "the same as recorded, bit for bit, in every epoch" in done.out


def test_the_winner_trained_again_is_the_model_in_best(run, tmp_path):
    done = run(f"retrain panda --output {tmp_path / 'again.npz'}")
    assert "the same as recorded, bit for bit" in done.out
    labels = [run(f"predict {model} digits -p").out for model in ("panda", tmp_path / "again.npz")]
    assert labels[0] == labels[1] != ""
    best = story_of("panda").best
    assert f"after epoch {best.epoch}" in done.out


def test_a_branch_is_trained_with_new_seeds_and_on_all_rows_but_not_longer(run, tmp_path):
    seeds = run("retrain panda --seeds 2")
    assert "mean of 2" in seeds.out
    refit = run(f"retrain panda --trial 1 --refit --output {tmp_path / 'all.npz'}")
    assert refit.status == 0
    longer = run("retrain panda --epochs 30")
    assert longer.status == 2
    assert "hpsearch resume runs/panda --epochs N" in longer.err


def test_what_cannot_be_trained_again_is_said(run):
    assert "has no branch 7; there are 0 to 2" in run("retrain panda --trial 7").err


def test_refine_searches_around_the_best_setting_and_trains_it_first(run):
    best = story_of("panda").result(story_of("panda").best)
    done = run("refine panda --name closer --trials 4 -q")
    assert done.status == 0
    closer = run_of("closer")
    config = from_run(closer.info.config, closer.path)
    first = next(result for result in closer.results if result.number == closer.info.plan[0].first)
    in_space = {name: value for name, value in best.params.items() if name in config.space}
    assert first.params == in_space
    assert closer.history == []
    for name, value in best.params.items():
        if name not in config.space:
            assert config.trainer.settings[name] == value
    rate = config.space["learning_rate"].domain
    assert 1e-4 < rate.low < best.params["learning_rate"] < rate.high < 1


def test_refine_takes_no_top_and_no_widening_of_a_babysat_model(run):
    for option in ("--top 3", "--widen"):
        done = run(f"refine panda {option}")
        assert done.status == 1
        assert f"leave out {option.split()[0]}" in done.err


def test_a_refined_configuration_that_is_written_is_sound(run, tmp_path):
    assert run(f"refine panda --write {tmp_path / 'r.yaml'}").status == 0
    assert (tmp_path / "r.yaml").read_text().startswith("# panda, narrowed around branch ")
    assert "sound" in run(f"check {tmp_path / 'r.yaml'}").out


def test_a_search_begins_with_a_babysat_models_best_setting(run):
    assert "none of its best settings" in run("run c.yaml --set search.start=panda").err
    wider = "--set search.start=panda --set space.batch_size.values=[64,100,128]"
    assert run(f"run c.yaml {wider} --name begun -q").status == 0
    best = story_of("panda").result(story_of("panda").best)
    first = run_of("begun").results[0]
    assert first.params["learning_rate"] == best.params["learning_rate"]
    assert {"l2", "epochs"}.isdisjoint(first.params)


def test_the_test_rows_are_looked_at_once_for_each_winner_that_is_asked(run):

    def looks():
        return run_of("panda").info.test_looks

    assert looks() == 0
    first, again = run("evaluate panda"), run("evaluate panda")
    assert first.out == again.out
    assert "of this run were looked at once" in first.out
    assert looks() == 1
    run("steer panda --branch 9 --set learning_rate=0.02")
    assert run("resume panda --epochs 14 -q").status == 0
    assert run("evaluate panda --json").status == 0
    after = json.loads(run("evaluate panda --json").out)
    assert after["looks"] == looks() == 2
    assert after["rows"] == 359


def test_exported_curves_are_whole_and_the_branch_of_the_best_epoch_is_the_winner(run):
    found, panda = read_run(run_of("panda")), story_of("panda")
    assert found.what == "3 branches of panda"
    assert read_run(run_of("caviar")).what == "4 trials of caviar"
    assert [trial.result.number for trial in found.trials] == [0, 1, 2]
    for trial in found.trials:
        assert trial.curve == panda.curve(trial.result.number)
        assert trial.curve["epoch"] == list(range(1, trial.result.epochs + 1))
    assert [t.result.number for t in found.trials if t.is_winner] == [panda.best.trial]


def test_a_babysat_run_is_a_study_of_optuna_with_whole_curves(run, tmp_path):
    optuna = pytest.importorskip("optuna")
    assert run(f"export panda --to optuna sqlite:///{tmp_path / 's.db'}").status == 0
    study = optuna.load_study(study_name="panda", storage=f"sqlite:///{tmp_path / 's.db'}")
    panda = story_of("panda")
    for number, trial in enumerate(study.trials):
        assert [*trial.intermediate_values] == panda.curve(number)["epoch"]
        assert trial.params == panda.lines.all[number].params


def test_a_searchs_trial_is_babysat_to_an_epoch_bit_for_bit(run):
    caviar = run_of("caviar")
    number = max(caviar.results, key=lambda result: result.epochs).number
    words = f"babysit caviar --trial {number} --from-epoch 3 --set learning_rate=0.5 --name on -q"
    assert run(words).status == 0
    searched = {}
    for piece in caviar.pieces:
        if piece.number == number:
            for name, values in piece.curve.items():
                searched.setdefault(name, []).extend(values)
    curve = story_of("on").curve(0)
    assert {name: values[:3] for name, values in curve.items()} == {
        name: values[:3] for name, values in searched.items()
    }
    assert curve["train_loss"][3:] != searched["train_loss"][3:]


def test_an_unsteered_model_from_a_trial_equals_the_trial_and_its_retraining(run):
    assert run("babysit caviar --name same -q").status == 0
    winner = run_of("caviar").winner(run_of("caviar").info)
    found = story_of("same")
    assert {n: v[-1] for n, v in found.curve(0).items() if n != "epoch"} == winner.metrics
    for words in ("retrain caviar", "retrain same --trial 0"):
        assert "the same as recorded, bit for bit, in every epoch" in run(words).out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("resume panda --trials 9", 2, "--trials goes with a search"),
        ("resume caviar --epochs 9", 2, "--epochs goes with a babysat model"),
        ("steer panda --undo --timeout nan", 2, "must be a number of seconds above 0, found nan"),
        ("steer panda --undo --timeout inf", 2, "must be a number of seconds above 0, found inf"),
        ("steer panda --undo --timeout -1", 2, "must be a number of seconds above 0, found -1"),
        ("steer panda --undo --timeout 0", 2, "must be a number of seconds above 0, found 0"),
        ("steer panda --note=", 1, "note: must say something, found ''"),
        ("steer caviar --undo", 1, "is a search, which cannot be steered"),
        ("babysit --replay caviar", 1, "must be a babysat model's run, found a search's"),
        ("babysit panda", 1, "is a babysat model already"),
        ("check panda", 1, "panda: "),
        ("list", 0, "panda"),
        ("report panda caviar", 0, "panda"),
        ("export panda --to csv -", 0, "params.learning_rate"),
    ],
)
def test_every_command_works_or_has_one_clear_message(run, words, status, said):
    done = run(words)
    assert done.status == status
    assert said in done.out + done.err
    assert "Traceback" not in done.err


def test_a_model_without_a_best_epoch_says_what_to_do(run):
    shutil.rmtree("runs/panda/best")
    run_of("panda").update(status="interrupted")
    for words in ("evaluate panda", "predict panda digits", "export panda --to onnx x.onnx"):
        done = run(words)
        assert done.status == 1
        assert "finish it with: hpsearch resume runs/panda" in done.err
