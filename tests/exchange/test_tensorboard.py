"""A run as event files, read back by TensorBoard's own readers."""

import pytest

from hpsearch.errors import ExchangeError
from hpsearch.exchange.formats import export_run

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorBoard's own, of what it imports


@pytest.fixture
def events(library):
    """The scalars and the hyperparameter messages of one folder, as TensorBoard reads them."""
    accumulator = library("tensorboard.backend.event_processing.event_accumulator")
    metadata = library("tensorboard.plugins.hparams.metadata")

    def read(folder):
        found = accumulator.EventAccumulator(str(folder))
        found.Reload()
        scalars = {
            tag: [(each.step, pytest.approx(each.value)) for each in found.Scalars(tag)]
            for tag in found.Tags()["scalars"]
        }
        contents = found.summary_metadata
        plugin = {
            tag: about.plugin_data.content
            for tag, about in contents.items()
            if about.plugin_data.plugin_name == metadata.PLUGIN_NAME
        }
        return scalars, plugin, metadata

    return read


def test_tensorboard_reads_scalars_epoch_by_epoch(made, out, events):
    assert export_run(made(), "tensorboard", str(out / "tb")).what.startswith("5 trials of ")
    scalars, _, _ = events(out / "tb" / "trial-00000")
    assert set(scalars) == {"loss", "other", "hpsearch/value"}
    assert [step for step, _ in scalars["loss"]] == list(range(1, 10))
    assert scalars["loss"][0] == (1, 1.3)
    assert scalars["hpsearch/value"] == [(9, 0.5)]
    diverged, _, _ = events(out / "tb" / "trial-00003")
    assert [step for step, _ in diverged["loss"]] == [1, 2, 3]
    assert "hpsearch/value" not in diverged


def test_tensorboard_reads_hyperparameters_and_fates(made, out, events):
    export_run(made(), "tensorboard", str(out / "tb"))
    _, plugin, metadata = events(out / "tb" / "trial-00000")
    start = metadata.parse_session_start_info_plugin_data(plugin[metadata.SESSION_START_INFO_TAG])
    values = {name: value.WhichOneof("kind") for name, value in start.hparams.items()}
    assert values["rate"] == values["units_1"] == "number_value"
    assert values["optimizer"] == values["shape"] == "string_value"
    assert values["batch_norm"] == "bool_value"
    assert start.hparams["units_1"].number_value == 32
    assert start.hparams["shape"].string_value == "[16]"
    ends = []
    for number in range(5):
        _, plugin, _ = events(out / "tb" / f"trial-{number:05d}")
        end = metadata.parse_session_end_info_plugin_data(plugin[metadata.SESSION_END_INFO_TAG])
        ends.append(end.status)
    assert ends == [1, 1, 1, 2, 2]  # STATUS_SUCCESS, STATUS_FAILURE


def test_the_hparams_page_lists_every_trial_with_its_metrics(made, out, groups):
    export_run(made(), "tensorboard", str(out / "tb"))
    found = groups(out / "tb")
    assert [group.name for group in found] == ["0", "1", "2", "3", "4"]
    assert found[1].hparams["optimizer"].string_value == "adam"
    values = {metric.name.tag: metric.value for metric in found[1].metric_values}
    assert values == {"loss": 0.25, "other": 0.5, "hpsearch/value": 0.25}
    assert [metric.name.tag for metric in found[4].metric_values] == []


@pytest.fixture
def groups(library):
    """What TensorBoard's HParams page is told of a folder, by the code that tells it."""
    events = "tensorboard.backend.event_processing"
    multiplexer = library(f"{events}.plugin_event_multiplexer")
    provider = library(f"{events}.data_provider")
    base = library("tensorboard.plugins.base_plugin")
    requests = library("tensorboard.context")
    hparams = "tensorboard.plugins.hparams"
    backend, api = library(f"{hparams}.backend_context"), library(f"{hparams}.api_pb2")
    sessions = library(f"{hparams}.list_session_groups")

    def ask(folder):
        runs = multiplexer.EventMultiplexer()
        runs.AddRunsFromDirectory(str(folder))
        runs.Reload()
        context = base.TBContext(
            data_provider=provider.MultiplexerDataProvider(runs, str(folder)), logdir=str(folder)
        )
        request = api.ListSessionGroupsRequest(
            allowed_statuses=[api.STATUS_SUCCESS, api.STATUS_FAILURE],
            start_index=0, slice_size=100, aggregation_type=api.AGGREGATION_AVG,
        )  # fmt: skip
        handler = sessions.Handler(
            requests.RequestContext(), backend.Context(context), "experiment", request
        )
        return sorted(handler.run().session_groups, key=lambda group: int(group.name))

    return ask


def test_a_parameter_of_several_types_is_text(made, out, groups, config, result):
    space = {"kind": {"values": [1, "one", None, True]}}
    trials = [
        result(number, params={"kind": value}, epochs=1)
        for number, value in enumerate(space["kind"]["values"])
    ]
    run = made(config=config | {"space": space}, trials=trials, pieces=[], winner=0)
    export_run(run, "tensorboard", str(out / "tb"))
    texts = [group.hparams["kind"].string_value for group in groups(out / "tb")]
    assert texts == ["1", "one", "null", "true"]


def test_a_run_without_trials_is_an_experiment_without_sessions(made, out, groups):
    export_run(made(trials=[], pieces=[], winner=None), "tensorboard", str(out / "tb"))
    assert groups(out / "tb") == []


def test_a_folder_with_something_in_it_is_refused_and_left_alone(made, out, library):
    library("tensorboard")
    (out / "mine").touch()
    with pytest.raises(ExchangeError, match="exists already"):
        export_run(made(), "tensorboard", str(out))
    assert [each.name for each in out.iterdir()] == ["mine"]
