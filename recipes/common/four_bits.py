"""4-bit weights that give the same numbers on every CPU."""

from __future__ import annotations

from typing import Any

from torch import nn


def keep_layout(model: nn.Module) -> None:
    """Has bitsandbytes leave its 4-bit weights as they are packed. On a CPU with bf16 instructions it would pack them
    anew at the first product without a gradient (0.50), which rounds what is multiplied to bf16 whatever was asked
    for, gives no gradients to a training that goes on after a validation, and hides the weights from whoever unpacks
    them, as DoRA does for its norms."""
    module: Any
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
