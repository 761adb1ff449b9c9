"""The network of a run's winner as an ONNX model: from raw values to labels, in any runtime.

It computes as `Model.probabilities` does, in float64 but for the standardised values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.config import from_run
from hpsearch.data.encoding import Encoding
from hpsearch.data.numerals import parse
from hpsearch.errors import ExchangeError
from hpsearch.exchange.csv_and_parquet import INT64
from hpsearch.exchange.target import Target, needs
from hpsearch.nn.activations import CUBIC, LEAK, ROOT
from hpsearch.nn.types import Array
from hpsearch.searching.models import winning_model
from hpsearch.store import RunDirectory
from hpsearch.trainers.kinds import kind_of
from hpsearch.trainers.network.kind import NETWORK_FILE
from hpsearch.trainers.network.model import Model, open_network

IR_VERSION = 7  # that and these of ONNX 1.8, which runtimes have been able to read since 2021
OPSETS = {"": 13, "ai.onnx.ml": 2}


@dataclass(frozen=True)
class ExportedNetwork:
    """A trained network and how it wants its rows.

    Attributes:
        what: it is, for messages.
        model: the network.
        encoding: of its rows.
        labels: the run and the trial that it comes from, where that is known.
    """

    what: str
    model: Model
    encoding: Encoding
    labels: dict[str, str] = field(default_factory=dict)


def read_network(run: RunDirectory | Path) -> ExportedNetwork:
    """Read the network of a run's winner, or of a model.npz.

    Raises:
        ExchangeError: the winner is a model of the user's own.
        RunError: there is no winner, or it has no model; or the file is missing or damaged.
    """
    if isinstance(run, Path):
        return ExportedNetwork(f"the model of {run}", *open_network(run))
    info = run.info
    winner, kind = run.winner(info), kind_of(from_run(info.config, run.path).trainer)
    if winner is not None and kind.model is not None and kind.model.load != NETWORK_FILE.load:
        raise ExchangeError(
            f"{run.path}: onnx takes the network that hpsearch builds, and the winner is another "
            f"model; convert {run.best / kind.model.name} with the library that wrote it (Keras: "
            "load_model(FILE).export('model.onnx', format='onnx'))"
        )
    model, encoding = winning_model(run)
    assert isinstance(model, Model)
    labels = {"run": run.name}
    if winner is not None:
        labels["trial"] = str(winner.number)
    return ExportedNetwork(f"the winner of {run.name}", model, encoding, labels)


def to_onnx(network: ExportedNetwork, target: Target) -> str:
    """Write an ONNX model; returns how to open it. The same network gives the same bytes.

    Where all columns are numbers, the input is `x`, float64 (rows, columns). Otherwise each column
    is an input of its own name, (rows, 1): float64 or text.

    The outputs are `label`, (rows,), int64 where all labels are whole numbers and otherwise text
    as the data write it, and `probabilities`, float32 (rows, classes).

    Raises:
        ExchangeError: ONNX is missing, or the network is too large for it.
        OutputError: the file exists already or cannot be written.
    """
    with needs("ONNX", "onnx"):
        import onnx

    with target.explained("written as an ONNX model"):
        content = _as_onnx(network, onnx).SerializeToString(deterministic=True)
    with target.output.binary() as file:
        file.write(content)
    return f"onnxruntime.InferenceSession({str(target.path)!r})"


@dataclass
class _Graph:
    """Nodes and constants as they are added, under names that no column has."""

    onnx: Any
    taken: set[str]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def free(self, name: str) -> str:
        """The name, with underscores behind it where it is taken; it then is."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def node(
        self,
        operator: str,
        *inputs: str | Array | float,
        out: str | None = None,
        **attributes: Any,
    ) -> str:
        """Add a node that has one output.

        Args:
            operator: of ONNX.
            inputs: outputs of other nodes by name, and constants as arrays or numbers.
            out: a name that was asked for with `free`; None for one made of the operator's.
            attributes: of the operator.

        Returns:
            The name of its output.
        """
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        out = out or self.free(operator.lower())
        self.nodes.append(self.onnx.helper.make_node(operator, names, [out], **attributes))
        return out

    def cast(self, value: str | Array, to: str, out: str | None = None) -> str:
        """Add a node that converts to one of ONNX's types: FLOAT or DOUBLE."""
        return self.node("Cast", value, out=out, to=getattr(self.onnx.TensorProto, to))

    def _constant(self, value: Array | float) -> str:
        name = self.free("constant")
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name


def _as_onnx(network: ExportedNetwork, onnx: Any) -> Any:
    """The model as ONNX's message."""
    encoding, make, types = network.encoding, onnx.helper.make_tensor_value_info, onnx.TensorProto
    if encoding.categories:
        inputs = [
            *(make(name, types.DOUBLE, ["rows", 1]) for name in encoding.numbers),
            *(make(name, types.STRING, ["rows", 1]) for name in encoding.categories),
        ]
    else:
        inputs = [make("x", types.DOUBLE, ["rows", encoding.features])]
    graph = _Graph(onnx, {each.name for each in inputs})
    label, probabilities = graph.free("label"), graph.free("probabilities")
    whole = all(type(each) is int and each in INT64 for each in encoding.classes)
    names = np.array(encoding.classes, np.int64) if whole else np.array(encoding.written, object)

    Z = _logits(graph, network.model, _standardised(graph, network))
    graph.node("Gather", names, graph.node("ArgMax", Z, axis=1, keepdims=0), out=label)
    graph.cast(graph.node("Softmax", Z, axis=1), "FLOAT", out=probabilities)

    outputs = [
        make(label, types.INT64 if whole else types.STRING, ["rows"]),
        make(probabilities, types.FLOAT, ["rows", len(encoding.classes)]),
    ]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "hpsearch", inputs, outputs, graph.constants),
        opset_imports=[onnx.helper.make_opsetid(*each) for each in OPSETS.items()],
        ir_version=IR_VERSION,
        producer_name="hpsearch",
        producer_version=version("hpsearch"),
    )
    texts = {"class_names": json.dumps(encoding.written)}
    if encoding.target is not None:  # otherwise columns have no names
        texts["columns"] = json.dumps([*encoding.numbers, *encoding.categories])
    onnx.helper.set_model_props(model, texts | network.labels)
    return model


def _standardised(graph: _Graph, network: ExportedNetwork) -> str:
    """The rows as the network takes them: float32 (rows, features), computed in float64."""
    model, encoding, parts = network.model, network.encoding, []
    if encoding.numbers:
        numbers = graph.node("Concat", *encoding.numbers, axis=1) if encoding.categories else "x"
        parts.append(_filled(graph, encoding, numbers))
    for name, texts in encoding.categories.items():
        if texts:
            hot = graph.node(
                "OneHotEncoder", name, domain="ai.onnx.ml", cats_strings=texts, zeros=1
            )  # (rows, 1, categories)
            hot = graph.node("Squeeze", hot, np.array([1], np.int64))
            parts.append(graph.cast(hot, "DOUBLE"))
    features = graph.node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
    centred = graph.node("Sub", features, model.mean)
    return graph.cast(graph.node("Div", centred, model.scale), "FLOAT")


def _filled(graph: _Graph, encoding: Encoding, numbers: str) -> str:
    """The numeric columns with missing values filled: NaN, or where none may be, NaN in turn."""
    marks = [mark for text in encoding.missing_values if (mark := parse(text)) is not None]
    if encoding.fill is None and not marks:
        return numbers
    missing = graph.node("IsNaN", numbers)
    for mark in marks:
        missing = graph.node("Or", missing, graph.node("Equal", numbers, mark))
    none = np.full(len(encoding.numbers), np.nan)
    return graph.node("Where", missing, none if encoding.fill is None else encoding.fill, numbers)


def _logits(graph: _Graph, model: Model, X: str) -> str:
    """The values of the output layer, float64 (rows, classes), for standardised rows.

    Weights are stored in float32, which they are exactly, and take half the space.
    """
    A = graph.cast(X, "DOUBLE")
    for index, (W, b) in enumerate(model.dense):
        if index:
            A = ACTIVATIONS[model.architecture.activation](graph, A)
        A = graph.node("Gemm", A, graph.cast(W[0], "DOUBLE"), graph.cast(b[0, 0], "DOUBLE"))
    return A


def _gelu(graph: _Graph, U: str) -> str:
    """The tanh form, as in `nn.activations`; ONNX has it as one operator only since opset 20."""
    inner = graph.node("Add", graph.node("Mul", graph.node("Mul", U, U), CUBIC), 1.0)
    t = graph.node("Tanh", graph.node("Mul", graph.node("Mul", inner, U), ROOT))
    return graph.node("Mul", graph.node("Mul", graph.node("Add", t, 1.0), U), 0.5)


ACTIVATIONS: Mapping[str, Callable[[_Graph, str], str]] = {
    "relu": lambda graph, U: graph.node("Relu", U),
    "leaky_relu": lambda graph, U: graph.node("Max", U, graph.node("Mul", U, LEAK)),
    "tanh": lambda graph, U: graph.node("Tanh", U),
    "sigmoid": lambda graph, U: graph.node("Sigmoid", U),
    "gelu": _gelu,
}
