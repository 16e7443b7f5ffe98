"""4-bit weights keep their packing. On a CPU without bf16 instructions bitsandbytes never repacks them."""

from __future__ import annotations

from typing import Any

import bitsandbytes
import torch
from bitsandbytes.functional import dequantize_4bit
from torch import nn

from recipes.common.models.four_bit import keep_packing


def test_weights_keep_their_packing_and_gradients_after_evaluation() -> None:
    torch.manual_seed(1)
    bnb: Any = bitsandbytes.nn
    layer = bnb.LinearNF4(256, 128, bias=False, compute_dtype=torch.float32)
    layer.weight.data = torch.randn(128, 256)
    model = nn.Sequential(layer).to("cpu")
    layer.weight = layer.weight.to("cpu")
    keep_packing(model)
    packed = layer.weight.data.clone()
    weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    x = torch.randn(3, 256)
    with torch.no_grad():
        seen = model.eval()(x)
    assert torch.equal(layer.weight.data, packed)
    torch.testing.assert_close(seen, x @ weight.T, rtol=1e-5, atol=1e-4)
    trained = x.clone().requires_grad_()
    model.train()(trained).sum().backward()
    assert trained.grad is not None
    torch.testing.assert_close(trained.grad, weight.sum(0).expand(3, -1), rtol=1e-5, atol=1e-4)
