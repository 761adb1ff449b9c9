"""Files of other tools, each with every feature that the tool's documentation names.

The files under `files/` are made up. What a tool means by its keys comes from its documentation,
whose address stands in its module.
"""

import json
import math
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import hpsearch
from hpsearch.config import yaml_text
from hpsearch.config.foreign import tool_of
from hpsearch.config.loading import from_file, space_from_tree
from hpsearch.errors import ConfigError, ExchangeError
from hpsearch.exchange.moving.draft import call, words
from hpsearch.exchange.moving.recognise import configuration
from hpsearch.trainers.command.reports import STANDINS

FILES = Path(__file__).parent / "files"
ALL = sorted(path.relative_to(FILES).as_posix() for path in FILES.rglob("*.*"))


def converted(name):
    tree, _, problems = yaml_text.read(configuration(FILES / name).encode(), name)
    assert problems == []
    return tree


DETERMINED = """
hyperparameters: {{lr: {{type: log, base: {}}}}}
searcher: {{name: random, metric: loss}}
entrypoint: python train.py
"""
KATIB = """
apiVersion: kubeflow.org/v1beta1
kind: Experiment
spec:
  parameters: [{name: lr, parameterType: discrete, feasibleSpace: {list: 3}}]
"""


def written(tmp_path, text, name="given.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ALL)
def test_the_space_of_each_file_is_sound(name):
    space_from_tree(converted(name)["space"])


@pytest.mark.parametrize("name", ALL)
def test_each_configuration_passes_the_checks_but_for_its_program(name, tmp_path):
    text = configuration(FILES / name)
    for program in ("train.py", "src/train model.py", "mnist.py", "run.sh", "train.sh"):
        (tmp_path / program).parent.mkdir(exist_ok=True)
        (tmp_path / program).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    (tmp_path / "code").mkdir()
    from_file(written(tmp_path, text, "search.yaml"), (), {})


@pytest.mark.parametrize("name", ALL)
def test_each_file_is_recognised_by_what_is_in_it(name, tmp_path):
    data = (FILES / name).read_text(encoding="utf-8")
    beside = FILES / name
    for other in beside.parent.iterdir():
        (tmp_path / other.name).write_bytes(other.read_bytes())
    text = configuration(written(tmp_path, data, "unnamed"))
    assert text.startswith("# Made of unnamed, a")


def test_a_tool_has_at_least_four_files():
    tools = [name.split("/")[0] for name in ALL]
    assert {tool: tools.count(tool) >= 4 for tool in tools} == dict.fromkeys(
        ("determined", "guild", "hydra", "katib", "nni", "orion", "wandb"), True
    )


def test_every_distribution_of_a_sweep():
    space = converted("wandb/every_law.yaml")["space"]
    bell = {"mean": 50, "deviation": 10}
    assert space == {
        "fixed": {"value": 5},
        "one": {"value": "adam"},
        "kind": {"values": ["a", "b", "c"]},
        "named": {"values": [1, 2, 4]},
        "weighted": {"values": ["x", "y"]},
        "whole": {"type": "int", "min": 1, "max": 9},
        "whole_too": {"type": "int", "min": 2, "max": 4},
        "real": {"min": 0.0, "max": 0.5},
        "real_too": {"min": 0, "max": 1},
        "stepped": {"type": "int", "min": 8, "max": 64, "step": 8},
        "exponents": {"scale": "log", "min": 1e-4, "max": 0.1},
        "log_values": {"scale": "log", "min": 1e-5, "max": 0.1},
        "q_exponents": {"scale": "log", "type": "int", "min": 1, "max": 100},
        "q_log_values": {"scale": "log", "type": "int", "min": 16, "max": 256, "step": 16},
        "inverse": {"scale": "log", "min": 0.01, "max": 1.0},
        "inverse_values": {"scale": "log", "min": 0.01, "max": 1},
        "bell": {"normal": {"mean": 0, "deviation": 2}},
        "q_bell": {"normal": bell, "type": "int", "min": 10, "max": 90, "step": 5},
        "log_bell": {
            "scale": "log",
            "normal": {"mean": 0.01, "deviation": pytest.approx(1 / math.log(10), rel=1e-5)},
        },
        "q_log_bell": {
            "scale": "log",
            "normal": {
                "mean": pytest.approx(math.exp(3), rel=1e-5),
                "deviation": pytest.approx(0.5 / math.log(10), rel=1e-5),
            },
            "type": "int",
            "min": 3,
            "max": 148,
        },
        "share": {"min": 0.0, "max": 1.0},
    }


def test_the_rest_of_a_sweep():
    tree = converted("wandb/every_law.yaml")
    assert tree["trainer"] == {
        "kind": "command",
        "command": "{python} train.py {args}",
        "args": {"style": "equals", "booleans": "python"},
        "tracker": "wandb",
        "epochs": 1,
    }
    assert tree["metric"] == {"name": "val/loss", "goal": "minimize", "target": 0.1}
    assert tree["search"] == {"sampler": "zoom", "trials": 40, "halving": False}


@pytest.mark.parametrize(
    ("macro", "word", "args"),
    [
        ("${args}", "{args}", {"style": "equals", "booleans": "python"}),
        ("${args_no_boolean_flags}", "{args}", {"style": "equals", "booleans": "flag"}),
        ("${args_no_hyphens}", "{args}", {"style": "hydra", "booleans": "python"}),
        ("${args_json}", "{args}", {"style": "json"}),
        ("${args_json_file}", "{params_file}", None),
    ],
)
def test_a_macro_of_a_sweep_is_a_place_and_a_style(tmp_path, macro, word, args):
    sweep = "method: random\nprogram: my.py\nparameters: {lr: {values: [1, 2]}}\n"
    command = f'command: ["${{env}}", "A=b c", "${{interpreter}}", "${{program}}", "{macro}"]\n'
    text = configuration(written(tmp_path, sweep + command))
    trainer = yaml_text.read(text.encode(), "")[0]["trainer"]
    assert trainer["command"] == f"{{python}} my.py {word}"
    assert trainer.get("args") == args
    assert trainer["env"] == {"A": "b c"}


def test_hyperband_of_a_sweep_is_halving():
    tree = converted("wandb/hyperband.yaml")
    assert tree["search"]["halving"] == {"min_epochs": 3, "factor": 3}
    assert tree["trainer"]["epochs"] == 27
    assert tree["space"]["bn"] == {"values": [True, False]}
    assert "# strict: true has no counterpart" in configuration(FILES / "wandb/hyperband.yaml")


def test_a_constant_number_of_epochs_is_that_of_a_full_training():
    tree = converted("wandb/nested_grid.yaml")
    assert "epochs" not in tree["space"]
    assert tree["trainer"]["epochs"] == 20
    command = "python3 -m pkg.train {args} trainer.tags=[a] epochs={full_epochs}"
    assert tree["trainer"]["command"] == command
    assert tree["space"]["optimizer.lr"] == {"values": [1e-4, 1e-3]}


def test_every_type_of_a_search_space_of_nni():
    space = converted("nni/search_space.json")["space"]
    assert space["fixed"] == {"value": "only"}
    assert space["whole"] == {"type": "int", "min": 2, "max": 6}
    assert space["stepped"] == {"type": "int", "min": 4, "max": 20, "step": 4}
    assert space["log"] == {"scale": "log", "min": 1e-4, "max": 0.1}
    assert space["q_log"] == {"scale": "log", "type": "int", "min": 1, "max": 100}
    assert space["bell"] == {"normal": {"mean": 0, "deviation": 1}}
    assert space["q_bell"]["normal"] == {"mean": 10, "deviation": 2}
    assert space["log_bell"]["normal"]["mean"] == 1


def test_nested_choices_of_nni_are_groups():
    layer = converted("nni/nested.yaml")["space"]["layer"]["choice"]
    assert layer["Empty"] == {}
    assert layer["Conv"]["layer.size"] == {"values": [2, 3, 5]}
    inner = layer["Conv"]["layer.inner"]["choice"]
    assert inner == {"A": {"layer.inner.rate": {"min": 0, "max": 1}}, "B": {}}


def test_a_script_of_nni_gets_nested_choices_as_it_knows_them():
    env = converted("nni/nested.yaml")["trainer"]["env"]
    params = {"lr": 0.1, "layer": "Conv", "layer.size": 3, "layer.inner": "A",
              "layer.inner.rate": 0.5, "a.b": 1}  # fmt: skip
    script = "import nni, json; print(json.dumps(nni.get_next_parameter()))"
    variables = {**os.environ, **env, "HPSEARCH_PARAMS": json.dumps(params)}
    variables["PYTHONPATH"] = str(STANDINS)
    printed = subprocess.check_output([sys.executable, "-c", script], env=variables, text=True)
    assert json.loads(printed) == {
        "lr": 0.1,
        "a.b": 1,
        "a": {"b": 1},
        "layer": {"_name": "Conv", "size": 3, "inner": {"_name": "A", "rate": 0.5}},
    }


def test_an_experiment_of_nni_and_the_file_of_its_space():
    tree = converted("nni/version_2.yml")
    assert tree["trainer"] == {
        "kind": "command",
        "env": {"CUDA_LAUNCH_BLOCKING": "1"},
        "command": "python3 mnist.py --data '[x]'",
        "folder": "code",
        "tracker": "nni",
        "epochs": 27,
    }
    assert tree["metric"] == {"name": "default", "goal": "maximize"}
    assert tree["search"]["halving"] == {"min_epochs": 3}
    limits = {key: tree["search"][key] for key in ("trials", "timeout", "trial_timeout")}
    assert limits == {"trials": 50, "timeout": "2h", "trial_timeout": "10m"}
    assert tree["parallel"] == {"jobs": 4}
    assert len(tree["space"]) == 11


def test_an_old_experiment_of_nni_whose_command_needs_a_shell():
    tree = converted("nni/version_1.yml")
    assert tree["trainer"]["command"] == "sh -c 'cd src && python3 train.py'"
    assert tree["metric"]["goal"] == "minimize"
    assert tree["trainer"]["epochs"] == 60


def test_an_experiment_of_katib():
    tree = converted("katib/random.yaml")
    command = "python3 /opt/mnist/train.py --batch-size=64 --lr={lr} --layers {num-layers}"
    assert tree["trainer"]["command"] == f"{command} --out={{trial}}"
    assert tree["trainer"]["env"] == {"MODE": "quick"}
    metric = {"name": "Validation-accuracy", "goal": "maximize", "target": 0.99, "at": "best"}
    assert tree["metric"] == metric
    assert tree["search"]["trials"] == 12
    assert tree["search"]["max_failures"] == 3


def test_every_distribution_of_katib():
    space = converted("katib/laws.yaml")["space"]
    assert space["log"] == {"scale": "log", "min": 1e-4, "max": 0.1}
    assert space["bell"] == {"min": 0, "max": 6, "normal": {"mean": 3.0, "deviation": 1.0}}
    assert space["log_bell"]["normal"]["mean"] == 0.1
    assert space["stepped"] == {"type": "int", "min": 16, "max": 64, "step": 16}
    assert space["real_steps"] == {"min": 0.1, "max": 0.5, "step": 0.1}
    assert space["several"] == {"values": [8, 16, 32]}
    assert space["optimizer"] == {"values": ["sgd", "adam"]}


def test_where_katib_finds_a_metric():
    found = {name: converted(f"katib/{name}.yaml")["trainer"]["result"]
             for name in ("hyperband", "grid_json")}  # fmt: skip
    tensorboard = {"tensorboard": {"dir": "/train", "tags": ["acc"]}}
    assert found == {"hyperband": tensorboard, "grid_json": {"file": "metrics.jsonl"}}


def test_the_override_grammar_of_hydra():
    tree = converted("hydra/optuna.yaml")
    assert tree["space"] == {
        "model.lr": {"scale": "log", "min": 1e-4, "max": 0.1},
        "model.dropout": {"min": 0.0, "max": 0.5},
        "model.units": {"type": "int", "min": 8, "max": 64},
        "model.layers": {"type": "int", "min": 1, "max": 4},
        "model.width": {"type": "int", "min": 16, "max": 128, "step": 16},
        "model.kind": {"values": ["cnn", "mlp big", None, 3]},
        "extra": {"values": [True, False]},
        "seed": {"value": 3},
    }
    assert tree["metric"]["goal"] == "maximize"
    assert tree["search"]["trials"] == 30
    remark = "# custom_search_space: package.spaces.configure is code; write its parameters here"
    assert remark in configuration(FILES / "hydra/optuna.yaml")


def test_mappings_of_the_sweepers_of_hydra():
    optuna = converted("hydra/optuna_search_space.yaml")["space"]
    assert optuna["x"] == {"min": -5.5, "max": 5.5, "step": 0.5}
    assert optuna["y"] == {"values": [-5, 0, 5]}
    ax = converted("hydra/ax.yaml")
    assert ax["space"]["x"] == {"type": "int", "min": -5, "max": 5}
    assert ax["space"]["lr"] == {"scale": "log", "min": 1e-4, "max": 0.1}
    assert ax["metric"]["goal"] == "maximize"
    assert "parameter_constraints: x + y <= 2.0" in configuration(FILES / "hydra/ax.yaml")
    nevergrad = converted("hydra/nevergrad.yaml")["space"]
    assert nevergrad["lr"] == {"scale": "log", "min": 0.00125, "max": 0.32}
    assert nevergrad["batch_size"] == {"type": "int", "min": 4, "max": 16}
    assert converted("hydra/basic.yaml")["search"]["sampler"] == "grid"


def test_an_experiment_of_determined():
    tree = converted("determined/adaptive.yaml")
    assert tree["space"]["rate"] == {"scale": "log", "min": 1e-4, "max": 0.1}
    assert tree["space"]["twos"] == {"scale": "log", "min": 16.0, "max": 256.0}
    assert tree["space"]["optimizer.momentum"] == {"min": 0.0, "max": 0.9}
    assert tree["space"]["decay"] == {"value": 1e-4}
    assert tree["trainer"]["env"] == {"A": "1", "B": "x y"}
    assert tree["search"]["halving"] == {"factor": 4}
    assert tree["trainer"]["epochs"] == 16
    assert tree["search"]["retries"] == 2
    assert tree["parallel"]["jobs"] == 8


def test_constants_that_hpsearch_gives_itself_are_words_of_the_command():
    tree = converted("determined/asha_seed.yaml")
    assert set(tree["space"]) == {"lr"}
    words_of = tree["trainer"]["command"].split()
    assert words_of[:2] == ["./run.sh", "{args}"]
    assert sorted(words_of[2:]) == ["--epochs={full_epochs}", "--seed=3"]


def test_a_command_line_of_orion():
    tree = converted("orion/hunt.sh")
    assert tree["trainer"]["command"] == (
        "python3 ./train.py --data {{x}} --fixed 3 --lr {lr} -m {m} --units {units} --bell {bell} "
        "--kind {kind} --weighted {weighted} --sizes {sizes} --whole {whole} --old {old} {rate}"
    )
    space = tree["space"]
    assert space["lr"] == {"scale": "log", "min": 1e-5, "max": 1.0}
    assert space["units"] == {"type": "int", "min": 8, "max": 64, "guess": 16}
    assert space["sizes"] == {"type": "int", "min": 1, "max": 4, "per": "sizes_length"}
    assert space["whole"] == {"type": "int", "min": 1, "max": 4}
    assert space["weighted"] == {"values": ["a", "b"]}
    assert space["rate"] == {"values": [0.1, 0.2]}
    assert tree["search"]["trials"] == 50
    assert tree["parallel"]["jobs"] == 2


def test_a_fidelity_of_orion_is_the_length_of_a_training():
    tree = converted("orion/fidelity.sh")
    assert tree["trainer"]["command"] == "./train.sh --epochs {epochs} -x {x}"
    assert tree["trainer"]["epochs"] == 27
    assert tree["search"]["halving"] == {"min_epochs": 1, "factor": 3}
    assert tree["search"]["trials"] == 30


def test_a_script_s_own_file_with_priors_of_orion():
    tree = converted("orion/script.yaml")
    assert tree["trainer"]["command"] == "{python} train.py --config {params_file}"
    assert tree["trainer"]["params_file"] == "script.yaml"
    assert tree["space"]["model.layers"] == {"type": "int", "min": 1, "max": 4}
    assert set(tree["space"]) == {"model.lr", "model.layers", "rate"}


def test_a_fidelity_in_a_script_s_own_file_of_orion_is_to_be_a_place(tmp_path):
    priors = "train: {epochs: 'orion~fidelity(1, 9, base=3)', lr: 'orion~uniform(0, 1)'}\n"
    text = configuration(written(tmp_path, priors))
    assert "# its train.epochs is the fidelity: write {epochs} there for orion~fidelity" in text
    assert "  epochs: 9\n" in text


def test_an_operation_of_guild():
    tree = converted("guild/models.yml")
    assert tree["name"] == "train"
    assert tree["trainer"]["command"] == "{python} -m train --quick {args}"
    assert tree["space"]["lr"] == {"scale": "log", "min": 1e-4, "max": 0.1, "guess": 0.01}
    assert tree["space"]["dropout"] == {"min": 0.1, "max": 0.5, "guess": 0.2}
    assert tree["space"]["optimizer"] == {"values": ["adam", "sgd"], "guess": "sgd"}
    assert "skipped" not in tree["space"]
    assert tree["space"]["bn"] == {"value": True}
    assert tree["trainer"]["args"] == {"style": "spaced", "booleans": "flag"}
    assert tree["trainer"]["result"]["pattern"].startswith("accuracy: (")
    assert tree["search"]["trial_timeout"] == "10m"


def test_the_functions_of_guild():
    tree = converted("guild/plain.yml")
    assert tree["trainer"]["command"] == "bash run.sh --lr {lr} {args}"
    space = tree["space"]
    assert space["depth"] == {"values": [1, 3, 5, 7]}
    assert space["even"] == {"values": [0.0, 0.25, 0.5, 0.75, 1.0]}
    assert space["tens"] == {"values": [0.001, 0.01, 0.1]}
    assert space["twos"] == {"values": [2.0, 4.0, 8.0]}
    assert space["geom"] == {"values": [1.0, 10.0, 100.0]}
    assert converted("guild/grid.yml")["space"]["bn"] == {"values": ["yes", "no"]}
    assert converted("guild/grid.yml")["metric"] == {"name": "score", "goal": "maximize"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n", "must be one of: a sweep of W&B"),
        ("method: x\nparameters: {lr: {max: 1}}\n", "lr.min: must be a number, found null"),
        ("method: x\nparameters: {lr: {min: 2, max: 1}}\n", "smallest value below its largest"),
        ("method: x\nparameters: {lr: {distribution: odd, min: 2, max: 3}}\n", "none of W&B's"),
        ("method: x\nparameters: {lr: {distribution: log_uniform, min: 1, max: 999}}\n",
         "too large for a number; was the value itself meant"),
        ("searchSpace: {a: {_type: odd, _value: [1, 2]}}\n", "odd is none that is known"),
        ("searchSpaceFile: nowhere.json\n", "nowhere.json: cannot be read"),
        ("trialCommand: x\nuseAnnotation: true\n", "write down its space first"),
        ("a: &a [*a]\n", "10,000 values"),
        ("a: !odd 1\n", "cannot be read as YAML or JSON"),
        ("orion hunt train.py --x~'odd(1, 2)'\n", "no prior that is known here"),
        (f"orion hunt train.py --x~'uniform(1, {'9' * 5000})'\n", "must be a number, found"),
        ("method: x\nparameters: {lr: {min: 1, max: 2}}\nearly_terminate: {max_iter: 9, eta: 0}\n",
         "must have eta of 2 or more"),
        ("searchSpace: {a: {_type: randint, _value: []}}\n", "randint has other values"),
        ("hydra: {sweeper: {params: {a: tag()}}}\n", "none of the functions that are known"),
        ("hydra: {sweeper: {params: {a: range()}}}\n", "range needs an end"),
        (DETERMINED.format("10, minval: -4, maxval: 99999999999"), "too large for a number"),
        (DETERMINED.format("0, minval: -4, maxval: 1"), "a base must be above 0, found 0"),
        (KATIB, "must be a list, found 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_said(tmp_path, text, message):
    with pytest.raises(ExchangeError) as caught:
        configuration(written(tmp_path, text))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ALL)
def test_run_and_check_name_the_command_that_converts(name):
    with pytest.raises(ConfigError, match=r"make a configuration of it: hpsearch init --from "):
        from_file(FILES / name, (), {})


def test_what_is_no_yaml_and_no_other_tool_s_is_refused_as_it_was(tmp_path):
    for text, message in (("a: [\n", "not valid YAML"), ("a: &a [*a]\n", "itself")):
        with pytest.raises(ConfigError, match=message):
            from_file(written(tmp_path, text), (), {})


def test_no_configuration_of_hpsearch_is_taken_for_another_tool_s():
    folder = Path(__file__).parents[3] / "configs"
    found = {path.name: tool_of(yaml_text.read(path.read_bytes(), "")[0])
             for path in folder.glob("*.yaml")}  # fmt: skip
    assert found
    assert set(found.values()) == {None}


def test_a_configuration_elsewhere_finds_the_script(tmp_path):
    path = written(tmp_path, "method: random\nparameters: {lr: {min: 0.1, max: 1}}\n")
    text = configuration(path, tmp_path / "configs")
    assert yaml_text.read(text.encode(), "")[0]["trainer"]["folder"] == ".."


def test_each_file_in_the_docs_is_one_that_is_converted(tmp_path):
    page = (Path(__file__).parents[3] / "docs/from_other_tools.md").read_text(encoding="utf-8")
    files = re.findall(r"```(?:yaml|sh)\n# (\S+?)[;,]?(?: .*)?\n((?s:.+?))```", page)
    made = {name: configuration(written(tmp_path, text, name)) for name, text in files}
    assert sorted(made) == ["config.yaml", "config.yml", "experiment.yaml", "guild.yml",
                            "hunt.sh", "sweep.yaml"]  # fmt: skip
    assert len(files) == 7  # two of them are called experiment.yaml
    for name, text in made.items():
        space_from_tree(yaml_text.read(text.encode(), name)[0]["space"])
    (shown,) = re.findall(r"```yaml\n(trainer:\n(?s:.+?))```", page)
    expected, given = (yaml_text.read(each.encode(), "")[0]
                       for each in (shown, made["sweep.yaml"]))  # fmt: skip
    assert given == {**expected, "parallel": {"jobs": 1}}


def test_words_and_calls_are_cut_as_the_tools_cut_them():
    assert words(["a", "b c", "{x y}"]) == "a 'b c' {x y}"
    assert call("uniform(0, 1, shape=(2, 3))") == ("uniform", ["0", "1"], {"shape": "(2, 3)"})
    assert call("plain") is None


SCRIPT = """#!/usr/bin/env python3
# Trains as each of the tools has it: it prints, logs and writes, and leaves its words in a file.
import json, os, sys
from pathlib import Path

with Path(os.environ["SEEN"]).open("a") as seen:
    seen.write(" ".join(sys.argv[1:]) + chr(10))
wandb = nni = None
if "wandb" in os.environ["TRACKER"]:
    import wandb
    wandb.init(project="moved")
if "nni" in os.environ["TRACKER"]:
    import nni
    nni.get_next_parameter()
if "events" in os.environ["TRACKER"]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    sys.modules["tensorboard.compat.notf"] = sys  # without TensorFlow, which is slow to import
    events = EventFileWriter(os.environ["EVENTS"])
where = os.environ.get("HPSEARCH_TRIAL_DIR") or os.environ["HPSEARCH_CHECKPOINT_DIR"]
for epoch in range(1, 41):
    loss = sum(map(ord, "".join(sys.argv[1:]))) % 97 / 97 + 1 / epoch
    names = ("loss", "validation_loss", "objective", "value", "accuracy", "acc", "val/loss")
    values = dict.fromkeys(names, loss)
    if wandb:
        wandb.log(values)
    elif nni:
        nni.report_intermediate_result(loss)
    elif "events" in os.environ["TRACKER"]:
        summary = Summary(value=[Summary.Value(tag="acc", simple_value=loss)])
        events.add_event(Event(step=epoch, wall_time=epoch, summary=summary))
        events.flush()
    elif "file" in os.environ["TRACKER"]:
        with Path(where, "metrics.jsonl").open("a") as file:
            print(json.dumps({"epoch": str(epoch), "loss": str(loss), "trial": "0"}), file=file)
    else:
        print(json.dumps(values))
        print(f"loss: {loss}", f"score: {loss}", f"accuracy: {loss}", sep=chr(10))
        print(f"Validation-accuracy={loss}", flush=True)
if nni:
    nni.report_final_result(loss)
"""
LAUNCH = "import subprocess, sys\nsys.exit(subprocess.call(sys.argv[1:]))\n"
SHELL_SCRIPT = '#!/bin/sh\nexec python3 train.py "$@"\n'
SEEN = {
    "determined/random.yaml": r"--lr=[\d.]+",
    "guild/grid.yml": r"--lr 0\.0?1 --bn (yes|no)",
    "hydra/nevergrad.yaml":
        r"db=\w+ lr=[\d.]+ shift=[\d.-]+ dropout=[\d.]+ batch_size=\d+",
    "orion/fidelity.sh": r"--epochs (1|3|9|27) -x [\d.-]+",
    "orion/orion.yaml": r"--lr [\d.]+",
    "orion/script.yaml": r"--config .*params\.yaml",
    "wandb/hyperband.yaml": r"--root \$DATA .*( --bn)?",
}  # fmt: skip
"""The words that some scripts get, as their tools gave them."""


def needs_tensorboard():
    if find_spec("tensorboard") is None:
        unable = pytest.fail if os.environ.get("REQUIRE_TOOLS") else pytest.skip
        unable("needs tensorboard: pip install tensorboard")


@pytest.mark.parametrize("name", ALL)
def test_each_file_is_converted_checked_and_run(name, tmp_path, monkeypatch, command):
    for script in ("train.py", "fit.py", "mnist.py", "src/train.py", "src/train model.py",
                   "pkg/train.py", "code/mnist.py", "train/__main__.py"):  # fmt: skip
        (tmp_path / script).parent.mkdir(exist_ok=True)
        (tmp_path / script).write_text(SCRIPT, encoding="utf-8")
    for script in ("run.sh", "train.sh"):
        (tmp_path / script).write_text(SHELL_SCRIPT, encoding="utf-8")
        (tmp_path / script).chmod(0o755)
    (tmp_path / "determined/launch").mkdir(parents=True)
    (tmp_path / "determined/launch/torch_distributed.py").write_text(LAUNCH, encoding="utf-8")
    for file in (FILES / name).parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    made = command(tmp_path, "init", "--from", Path(name).name, "-o", "search.yaml")
    assert made.returncode == 0, made.stderr
    path = tmp_path / "search.yaml"
    text = re.sub("/opt/mnist(?=/)|/opt", str(tmp_path), path.read_text(encoding="utf-8"))
    events = re.search(r"^  result: \{tensorboard: ", text, re.MULTILINE)
    if events:
        needs_tensorboard()
        text = text.replace("python3 ", "{python} ").replace(
            "dir: /train", f"dir: {tmp_path}/train"
        )
        monkeypatch.setenv("EVENTS", str(tmp_path / "train"))
    path.write_text(text, encoding="utf-8")
    tracker = re.search(r"^  tracker: (\w+)$", text, re.MULTILINE)
    monkeypatch.setenv("TRACKER", tracker[1] if tracker else "")
    if events:
        monkeypatch.setenv("TRACKER", "events")
    if "{file: metrics.jsonl}" in text:
        monkeypatch.setenv("TRACKER", "file")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.txt"))
    checked = command(tmp_path, "check", "search.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    few = ("--trials", 3, "--set", "parallel.backend=serial", "--name", "moved")
    done = command(tmp_path, "run", "search.yaml", *few)
    assert done.returncode == 0, done.stdout + done.stderr
    trials = hpsearch.load("moved", tmp_path / "runs").trials
    assert {trial.status for trial in trials} <= {"completed", "stopped"}
    seen = (tmp_path / "seen.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(SEEN.get(name, ".*"), line) for line in seen), seen
