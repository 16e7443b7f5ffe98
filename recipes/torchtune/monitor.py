"""The interface through which the recipe reports to its caller, and the hook into torchtune's loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from omegaconf import DictConfig
from torch import Tensor
from torchtune.training.metric_logging import MetricLoggerInterface

from recipes.common.training.history import History
from recipes.torchtune.distributed import whole


class Monitor(Protocol):
    """Receives the progress of a training, and can stop it."""

    def after_step(self, step: int, last: int, loss: float, history: History) -> None:
        """Called after each optimiser step; the training ends after step `last`."""

    def after_validation(self, step: int, last: int, loss: float) -> None:
        """Called with the loss on the validation rows after optimiser step `step`, in nats per trained token."""

    def show(self, message: str) -> None:
        """Called with a line for the user, such as a sample answer."""

    def is_interrupted(self) -> bool:
        """Whether the training should save a checkpoint and stop."""


class Silent:
    """The monitor of `tune run` and of ranks above 0: torchtune's own logger prints the losses."""

    def after_step(self, step: int, last: int, loss: float, history: History) -> None:
        """Do nothing."""

    def after_validation(self, step: int, last: int, loss: float) -> None:
        """Do nothing."""

    def show(self, message: str) -> None:
        """Print the line."""
        print(message)

    def is_interrupted(self) -> bool:
        """Never."""
        return False


class Stopped(Exception):
    """The monitor stopped the training, and a checkpoint is saved."""


class StepHook(MetricLoggerInterface):  # type: ignore[misc]
    """A logger that calls back after each optimiser step. Logging is the only call that torchtune's loop makes
    there."""

    def __init__(self, inner: Any, after: Callable[[float], None]) -> None:
        self._inner = inner
        self._after = after
        self._step = 0

    def log_dict(self, payload: Any, step: int) -> None:
        """Log the values of a step, then call back with its loss."""
        values = {name: float(whole(value) if isinstance(value, Tensor) else value) for name, value in payload.items()}
        self._step = step
        self._inner.log_dict(values, step)
        self._after(values["loss"])

    def log_dict_only(self, payload: dict[str, float]) -> None:
        """Log further values of the last step, without a call back."""
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
