"""What a source of results is: where a command's metrics are, read while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hpsearch.errors import TrainerError


@dataclass(frozen=True)
class Reported:
    """What a command reported of one epoch; it has the metric that counts.

    Attributes:
        values: names with what should be numbers.
        epoch: what it says of its number, counted from 1; None where it counts as the next.
        key: what else tells which epoch it is of, such as a logged step: a report with the key of
            an earlier one stands in that one's place. None where each is an epoch by itself.
    """

    values: Mapping[str, Any]
    epoch: Any = None
    key: object = None


class Source(Protocol):
    """Where a command's metrics are. What it gives depends on what was reported alone.

    So the same reports are the same results however often, and when, somebody looks.
    """

    def look(self, ended: bool) -> list[Reported]:
        """What was reported since the last look, in order.

        Args:
            ended: the command has ended, so what seemed incomplete until now counts.

        Raises:
            TrainerError: what the command left is no result; never before it has ended.
        """
        ...

    def nothing(self) -> TrainerError:
        """What to say where nothing was reported, once the command has ended."""
        ...
