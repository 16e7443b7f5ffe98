"""What happened in a training so far."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from recipes.common.protocol import StepFailed


@dataclass
class History:
    """What train.json reports, and what a resume must not forget."""

    loss: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    trained_tokens: int = 0
    seconds: float = 0.0

    def validated(self, step: int) -> bool:
        """Whether there was a validation after this step."""
        return any(entry["step"] == step for entry in self.validation)

    @property
    def speed(self) -> float:
        """Tokens per second so far."""
        return self.tokens / max(self.seconds, 1e-9)

    def seconds_left(self, step: int, steps: int) -> float:
        """Seconds from this step to the last one, at the speed so far."""
        return self.seconds / step * (steps - step)

    def report(self, **end: Any) -> dict[str, Any]:
        """train.json: all but the seconds, and how the training ended."""
        told = asdict(self)
        del told["seconds"]
        return told | end


class Clock:
    """Adds the time that passes to a history."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def tick(self, history: History) -> None:
        """Count what has passed since the last call."""
        now = time.perf_counter()
        history.seconds += now - self._last
        self._last = now

    def restart(self) -> None:
        """Leave out what has passed since the last call."""
        self._last = time.perf_counter()


def not_finite(what: str, kept: int | None) -> StepFailed:
    """The failure of a training whose loss is no number any more; `kept` is the step of the newest saved state."""
    where = "No earlier state was saved." if kept is None else f"The state of step {kept} is kept."
    return StepFailed("loss-not-finite", f"{what}. {where}", "Lower train.learning_rate, or use precision: fp32.")
