"""What a CPU with bf16 instructions would do to 4-bit weights; on others these hold anyway."""

from __future__ import annotations

from typing import Any

import bitsandbytes
import torch
from bitsandbytes.functional import dequantize_4bit
from torch import nn

from recipes.common.four_bits import keep_layout


def test_weights_stay_as_they_were_packed_and_give_gradients_after_a_look_without() -> None:
    torch.manual_seed(1)
    bnb: Any = bitsandbytes.nn
    layer = bnb.LinearNF4(256, 128, bias=False, compute_dtype=torch.float32)
    layer.weight.data = torch.randn(128, 256)
    model = nn.Sequential(layer).to("cpu")
    layer.weight = layer.weight.to("cpu")
    keep_layout(model)
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
