"""The number of parameters that train.json reports."""

from __future__ import annotations

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit

from recipes.axolotl.best_weights import count_parameters


@pytest.mark.parametrize("storage", [torch.uint8, torch.bfloat16, torch.float32])
def test_4_bit_weights_count_whatever_type_stores_them(storage: torch.dtype) -> None:
    layer = Linear4bit(64, 32, bias=False, quant_type="nf4", quant_storage=storage).to("cpu")  # type: ignore[no-untyped-call]
    layer.weight.requires_grad = False
    model = torch.nn.Sequential(layer, torch.nn.Linear(32, 8))
    assert layer.weight.numel() < 64 * 32
    assert count_parameters(model) == {"total": 64 * 32 + 33 * 8, "trainable": 33 * 8}
