"""Who follows a training: the monitor that may stop it, and the hook into torchtune's loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from omegaconf import DictConfig
from torch import Tensor
from torchtune.training.metric_logging import MetricLoggerInterface

from recipes.torchtune.ranks import whole


class Monitor(Protocol):
    """Who follows the training and may ask it to stop."""

    def step(self, done: int, total: int, loss: float, tokens_per_second: float, seconds_left: float) -> None:
        """Called after each optimiser step."""

    def say(self, message: str) -> None:
        """Called with a line worth showing: a sample answer, the result of a validation."""

    def stopping(self) -> bool:
        """Whether the training should save its state and stop."""


class Silent:
    """A monitor for `tune run`, where torchtune's own logger speaks."""

    def step(self, done: int, total: int, loss: float, tokens_per_second: float, seconds_left: float) -> None:
        """Says nothing."""

    def say(self, message: str) -> None:
        """Prints it."""
        print(message)

    def stopping(self) -> bool:
        """Never."""
        return False


class Stopped(Exception):
    """The monitor asked to stop; the state is saved."""


class EachStep(MetricLoggerInterface):  # type: ignore[misc]
    """Calls back after each optimiser step: the one place where torchtune's loop lets others in."""

    def __init__(self, inner: Any, after: Callable[[float], None]) -> None:
        self._inner = inner
        self._after = after
        self._step = 0

    def log_dict(self, payload: Any, step: int) -> None:
        """Log, then hand over the step's loss."""
        values = {name: float(whole(value) if isinstance(value, Tensor) else value) for name, value in payload.items()}
        self._step = step
        self._inner.log_dict(values, step)
        self._after(values["loss"])

    def log_dict_only(self, payload: dict[str, float]) -> None:
        """Log values of the last step."""
        self._inner.log_dict(payload, self._step)

    def log(self, name: str, data: Any, step: int) -> None:
        """Log one value."""
        self._inner.log(name, data, step)

    def log_config(self, config: DictConfig) -> None:
        """Log the config."""
        self._inner.log_config(config)

    def close(self) -> None:
        """Close the log."""
        self._inner.close()
