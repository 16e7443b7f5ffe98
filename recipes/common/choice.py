"""Which weights of a training are the best so far, by its validations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

_BY_LOSS = ("loss", "last")
"""What is kept where the loss decides, which also says when a training that keeps its last weights learns no more."""


@dataclass
class Choice:
    """The best by the lowest loss, or by the highest score of generated answers; scores tie easily in the first epochs,
    and then the loss decides."""

    by: str
    score: tuple[float, float] | None = None
    step: int = 0
    worse: int = 0
    """Validations since the best one."""
    weights: dict[str, Tensor] | None = None

    def consider(
        self,
        step: int,
        loss: float,
        scores: Mapping[str, float],
        weights: Callable[[], dict[str, Tensor]] | None = None,
    ) -> bool:
        """Take a validation's result; whether it is the best one. `weights` gives a copy of the live ones, where they
        are wanted."""
        score = (0.0 if self.by in _BY_LOSS else scores[self.by], -loss)
        if self.score is not None and score <= self.score:
            self.worse += 1
            return False
        self.score, self.step, self.worse = score, step, 0
        self.weights = weights() if weights is not None else None
        return True

    def state(self) -> dict[str, Any]:
        """All of it as plain values and tensors."""
        return asdict(self) | {"weights": self.weights, "score": list(self.score) if self.score else None}

    @staticmethod
    def of(state: Mapping[str, Any]) -> Choice:
        """What `state` gave."""
        score = state["score"]
        return Choice(**{**state, "score": (score[0], score[1]) if score else None})
