"""4-bit weights with the same numerical results on every CPU."""

from __future__ import annotations

from typing import Any

from torch import nn


def keep_packing(model: nn.Module) -> None:
    """Keep bitsandbytes (0.50) from repacking its 4-bit weights on a CPU with AVX-512 bf16 instructions.

    bitsandbytes repacks them at the first product without a gradient. The repacked weights round every product to bf16
    whatever the compute dtype is. They also yield no gradients when training continues after a validation, and they
    cannot be dequantised, which DoRA needs for its norms.
    """
    module: Any
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
