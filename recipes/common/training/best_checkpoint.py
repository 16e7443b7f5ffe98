"""Selection of the best weights of a training, by its validations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

_UNSELECTED = ("last", "average")
"""Values of `by` with which no validation selects the weights."""

_BY_LOSS = ("loss", *_UNSELECTED)
"""Values of `by` that compare losses. A training without a selection also stops early by the loss."""


def is_selected(by: str) -> bool:
    """Whether validations select the weights that a training keeps by `by`."""
    return by not in _UNSELECTED


@dataclass
class BestCheckpoint:
    """The best weights so far: those of the lowest loss, or of the highest score of generated answers. Equal scores are
    common in the first epochs; then the lower loss wins."""

    by: str
    score: tuple[float, float] | None = None
    step: int = 0
    validations_since: int = 0
    """Number of validations since the best one."""
    weights: dict[str, Tensor] | None = None

    def consider(
        self,
        step: int,
        loss: float,
        scores: Mapping[str, float],
        weights: Callable[[], dict[str, Tensor]] | None = None,
    ) -> bool:
        """Take the result of a validation; returns whether it is the best one. `weights` returns a copy of the current
        weights; without it, none are kept."""
        score = (0.0 if self.by in _BY_LOSS else scores[self.by], -loss)
        if self.score is not None and score <= self.score:
            self.validations_since += 1
            return False
        self.score, self.step, self.validations_since = score, step, 0
        self.weights = weights() if weights is not None else None
        return True

    def state(self) -> dict[str, Any]:
        """The selection as plain values and tensors, for a checkpoint. The weights are not copied."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return values | {"score": list(self.score) if self.score else None}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> BestCheckpoint:
        """The selection that `state` returned."""
        score = state["score"]
        return BestCheckpoint(**{**state, "score": (score[0], score[1]) if score else None})
