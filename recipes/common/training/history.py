"""The record of a training: losses, validations, samples, tokens and time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

TrainingEnd = Literal["epochs", "max_steps", "early_stopping", "paused", "interrupted"]
"""Why a training ended. "epochs": all epochs are trained."""


def rounded_loss(loss: float) -> float:
    """A loss as train.json, the progress lines and the trackers give it: rounded once, so that all print one number."""
    return round(loss, 6)


@dataclass
class History:
    """The numbers that train.json reports. A checkpoint stores them, so that a resumed training reports all of them."""

    loss: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    trained_tokens: int = 0
    seconds: float = 0.0

    def is_validated(self, step: int) -> bool:
        """Whether there was a validation after this step."""
        return any(entry["step"] == step for entry in self.validation)

    @property
    def tokens_per_second(self) -> float:
        """Mean speed so far."""
        return self.tokens / max(self.seconds, 1e-9)

    def seconds_left(self, step: int, steps: int) -> float:
        """Estimated seconds from this step to the last one, at the mean speed so far."""
        return self.seconds / step * (steps - step)

    def add_step(self, step: int, epoch: int, loss: float, learning_rate: float) -> None:
        """Record the loss of an optimiser step."""
        self.loss.append({"step": step, "epoch": epoch, "loss": rounded_loss(loss), "learning_rate": learning_rate})

    def progress(self, step: int, steps: int, loss: float) -> dict[str, Any]:
        """The values of a progress line after an optimiser step, of `steps` in all."""
        return {
            "done": step,
            "total": steps,
            "unit": "steps",
            "loss": rounded_loss(loss),
            "tokens_per_second": round(self.tokens_per_second, 1),
            "seconds_left": round(self.seconds_left(step, steps), 1),
        }

    def report(
        self,
        *,
        steps: int,
        epochs: float,
        stopped: TrainingEnd,
        kept_step: int,
        kept_by: str,
        parameters: Mapping[Literal["total", "trainable"], int],
        averaged_steps: Sequence[int] | None = None,
    ) -> dict[str, Any]:
        """Content of train.json: the numbers of this history except the seconds, and how the training ended. `steps`
        and `epochs` are those that were trained. `kept_step` is the step of the written weights, and `kept_by` is
        "last", "average" or the value of `keep.best`. `averaged_steps` are the steps whose weights are averaged."""
        report = asdict(self)
        del report["seconds"]
        end = {
            "steps": steps,
            "epochs": epochs,
            "stopped": stopped,
            "kept_step": kept_step,
            "kept_by": kept_by,
            **({} if averaged_steps is None else {"averaged_steps": list(averaged_steps)}),
            "parameters": dict(parameters),
        }
        return report | end


def validation_progress(step: int, steps: int, loss: float) -> dict[str, Any]:
    """The values of a progress line after a validation at this step of `steps` in all."""
    return {"done": step, "total": steps, "unit": "steps", "validation_loss": rounded_loss(loss)}


class Clock:
    """Adds elapsed time to a history."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def tick(self, history: History) -> None:
        """Add the time since the last call."""
        now = time.perf_counter()
        history.seconds += now - self._last
        self._last = now

    def restart(self) -> None:
        """Ignore the time since the last call."""
        self._last = time.perf_counter()


def evidence(
    report: Mapping[str, Any], *, precision: str, device: str, processes: int, nodes: int, seconds: float
) -> dict[str, Any]:
    """The part of a training step's evidence that all backends have. `report` is train.json, `seconds` the time of the
    training without start-up."""
    return {
        "device": device,
        "processes": processes,
        **({"nodes": nodes} if nodes > 1 else {}),
        "precision": precision,
        "seconds_training": round(seconds, 3),
        "tokens_per_second": round(report["tokens"] / max(seconds, 1e-9), 1),
        "tokens": report["tokens"],
        "trained_tokens": report["trained_tokens"],
    }
