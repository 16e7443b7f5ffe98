"""Learning-rate schedules that torchtune 0.6.1 lacks. They have the signature of its cosine schedule."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def constant(optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, last_epoch: int = -1) -> LambdaLR:
    """Linear warm-up, then the full learning rate."""
    return LambdaLR(
        optimizer, lambda step: min(1.0, step / max(1, num_warmup_steps)) if num_warmup_steps else 1.0, last_epoch
    )


def linear(optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, last_epoch: int = -1) -> LambdaLR:
    """Linear warm-up, then linear decay to zero after the last step."""

    def factor(step: int) -> float:
        if step < num_warmup_steps:
            return step / max(1, num_warmup_steps)
        return max(0.0, (num_training_steps - step) / max(1, num_training_steps - num_warmup_steps))

    return LambdaLR(optimizer, factor, last_epoch)
