"""What a script logs beside numbers: tables, pictures, files. None of it is kept."""

from __future__ import annotations

import os
from typing import Any

from wandb._harmless import Harmless
from wandb._run import _temporary

__all__ = [
    "Artifact", "Audio", "Bokeh", "Graph", "Histogram", "Html", "Image", "JoinedTable", "Molecule",
    "Object3D", "Plotly", "Table", "Video", "plot_table",
]  # fmt: skip


class Audio(Harmless):
    """A sound."""


class Bokeh(Harmless):
    """A plot of Bokeh's."""


class Graph(Harmless):
    """A graph of a model."""


class Histogram(Harmless):
    """A histogram."""


class Html(Harmless):
    """A page."""


class Image(Harmless):
    """A picture."""


class JoinedTable(Harmless):
    """Two tables."""


class Molecule(Harmless):
    """A molecule."""


class Object3D(Harmless):
    """A point cloud."""


class Plotly(Harmless):
    """A plot of Plotly's."""


class Video(Harmless):
    """A film."""


class Table(Harmless):
    """Rows under names of columns."""

    def __init__(
        self, columns: Any = None, data: Any = None, rows: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        frame = kwargs.get("dataframe")
        if frame is not None:
            columns, data = list(frame.columns), frame.values.tolist()
        self.columns = list(columns if columns is not None else ["Input", "Output", "Expected"])
        given = data if data is not None else rows if rows is not None else []
        self.data = [list(row) for row in given]

    def add_data(self, *data: Any) -> None:
        self.data.append(list(data))

    def add_row(self, *row: Any) -> None:
        self.add_data(*row)

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        self.columns.append(name)
        self.data = self.data or [[] for _ in data]
        for row, value in zip(self.data, data):  # noqa: B905 (Python 3.8)
            row.append(value)

    def get_column(self, name: str, convert_to: Any = None) -> Any:
        at = self.columns.index(name)
        return [row[at] for row in self.data]

    def iterrows(self) -> Any:
        return enumerate(self.data)


class Artifact(Harmless):
    """Files for the server, which there is none of."""

    def __init__(self, name: str = "", type: Any = None, *args: Any, **kwargs: Any) -> None:
        self.name = name
        self.type = type
        self.description = kwargs.get("description")
        self.metadata = dict(kwargs.get("metadata") or {})
        self.aliases: list[str] = []
        self.version = "v0"
        self._folder: str | None = None

    def wait(self, *args: Any, **kwargs: Any) -> Artifact:
        return self

    def download(self, root: Any = None, *args: Any, **kwargs: Any) -> str:
        """A folder, with the files that the script wrote into this artifact."""
        if root is not None:
            os.makedirs(root, exist_ok=True)
            return str(root)
        if self._folder is None:
            self._folder = _temporary()
        return self._folder

    def new_file(self, name: str, mode: str = "w", encoding: Any = None) -> Any:
        path = os.path.join(self.download(), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, mode, encoding=encoding)


def plot_table(*args: Any, **kwargs: Any) -> Any:
    return Harmless()
