"""The selection of the best weights, and its state in a checkpoint."""

from __future__ import annotations

import torch

from recipes.common.training.best_checkpoint import BestCheckpoint


def test_the_state_restores_the_selection_without_copies_of_the_weights() -> None:
    weights = {"a": torch.ones(3)}
    best = BestCheckpoint("loss")
    assert best.consider(4, 0.5, {}, lambda: weights) and not best.consider(8, 0.6, {})
    state = best.state()
    assert state["weights"]["a"] is weights["a"]
    assert BestCheckpoint.from_state(state) == best
    assert BestCheckpoint.from_state(BestCheckpoint("last").state()) == BestCheckpoint("last")
