"""Who follows a training: the monitor that may stop it, the hook into torchtune's loop, the record of what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from omegaconf import DictConfig
from torchtune.training.metric_logging import MetricLoggerInterface


class Monitor(Protocol):
    """Who follows the training and may ask it to stop."""

    def step(self, done: int, total: int, loss: float, tokens_per_second: float, seconds_left: float) -> None:
        """Called after each optimiser step."""

    def stopping(self) -> bool:
        """Whether the training should save its state and stop."""


class Silent:
    """A monitor for `tune run`, where torchtune's own logger speaks."""

    def step(self, done: int, total: int, loss: float, tokens_per_second: float, seconds_left: float) -> None:
        """Says nothing."""

    def stopping(self) -> bool:
        """Never."""
        return False


class Stopped(Exception):
    """The monitor asked to stop; the state is saved."""


@dataclass
class History:
    """What train.json reports, and what a resume must not forget. train.json leaves `seconds` out."""

    loss: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    tokens: int = 0
    trained_tokens: int = 0
    seconds: float = 0.0


class EachStep(MetricLoggerInterface):  # type: ignore[misc]
    """Calls back after each optimiser step: the one place where torchtune's loop lets others in."""

    def __init__(self, inner: Any, after: Callable[[float], None]) -> None:
        self._inner = inner
        self._after = after

    def log_dict(self, payload: Any, step: int) -> None:
        """Log, then hand over the step's loss."""
        self._inner.log_dict(payload, step)
        self._after(float(payload["loss"]))

    def log(self, name: str, data: Any, step: int) -> None:
        """Log one value."""
        self._inner.log(name, data, step)

    def log_config(self, config: DictConfig) -> None:
        """Log the config."""
        self._inner.log_config(config)

    def close(self) -> None:
        """Close the log."""
        self._inner.close()
