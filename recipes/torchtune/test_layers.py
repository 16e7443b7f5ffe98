"""Hand-written gradients are correct, and adapter layers equal torchtune's where those are correct."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torchtune.modules.peft import DoRALinear, LoRALinear

from recipes.common.protocol import StepFailed
from recipes.torchtune.attention import _Attend, attend, rotate
from recipes.torchtune.lora_layers import DoRA, Frozen, LoRA, dense, low_rank, quantise


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    torch.manual_seed(0)
    yield


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def test_rotation_gradient() -> None:
    angle = torch.randn(1, 3, 1, 4, dtype=torch.float64)
    for size in (8, 11):
        assert gradcheck(lambda x: rotate(x, 1.2 * angle.cos(), 1.2 * angle.sin()), random(1, 3, 2, size))


def test_attention_gradient() -> None:
    hidden = torch.ones(3, 5, dtype=torch.bool).triu(3)
    inputs = (random(2, 4, 3, 8), random(2, 2, 5, 8), random(2, 2, 5, 8))
    assert gradcheck(lambda q, k, v: _Attend.apply(q, k, v, hidden, 0.3), inputs)  # type: ignore[no-untyped-call]


def test_attention_in_bf16_equals_the_fused_kernel() -> None:
    q, k, v = torch.randn(2, 4, 30, 16), torch.randn(2, 2, 50, 16), torch.randn(2, 2, 50, 16)
    hidden = torch.ones(30, 50, dtype=torch.bool).triu(21)
    exact = attend(q, k, v, hidden, scale=0.25, is_causal=True)
    half = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), hidden, scale=0.25, is_causal=True)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), exact, atol=0.03, rtol=0.03)


@pytest.mark.parametrize("apart", [False, True], ids=["plain", "dropout"])
def test_low_rank_gradient(apart: bool) -> None:
    x, a, b = random(2, 3, 5), random(2, 5), random(4, 2)
    weight, bias = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    assert gradcheck(lambda x, a, b: low_rank(x, x * 0.5 if apart else x, weight, bias, a, b, 1.7), (x, a, b))


@pytest.mark.parametrize(("mine", "stock"), [(LoRA, LoRALinear), (DoRA, DoRALinear)], ids=["lora", "dora"])
def test_outputs_and_gradients_equal_torchtune_s(mine: type, stock: type) -> None:
    ours, theirs = (kind(12, 10, rank=3, alpha=7.0) for kind in (mine, stock))
    for module in (ours, theirs):
        module.weight.requires_grad_(False)
    theirs.load_state_dict(ours.state_dict())
    for module in (ours, theirs):
        if hasattr(module, "initialize_dora_magnitude"):
            with torch.no_grad():
                module.initialize_dora_magnitude()
    change = {name: torch.randn_like(p) * 0.3 for name, p in ours.named_parameters() if p.requires_grad}
    x = torch.randn(4, 12)
    for module in (ours, theirs):
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if name in change:
                    parameter.add_(change[name])
        module(x).square().sum().backward()
    torch.testing.assert_close(ours(x), theirs(x))
    for (name, mine_), (_, stock_) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        if name in change:
            torch.testing.assert_close(mine_.grad, stock_.grad, atol=1e-4, rtol=1e-4)


def test_adapters_of_a_16_bit_base_have_fp32_gradients() -> None:
    layer = LoRA(8, 8, rank=2, alpha=4.0)
    layer.weight.requires_grad_(False)
    layer.weight.data = layer.weight.data.bfloat16()
    out = layer(torch.randn(3, 8).bfloat16())
    out.sum().backward()
    assert out.dtype == torch.bfloat16
    assert layer.lora_b.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("kind", [LoRA, DoRA, Frozen])
def test_a_4_bit_base_equals_its_dequantised_weights(kind: type) -> None:
    more = {} if kind is Frozen else {"rank": 3, "alpha": 7.0}
    quantised, plain = (kind(64, 128, **more) for _ in range(2))
    plain.load_state_dict(quantised.state_dict())
    four_bit = quantise(quantised.weight.detach())
    quantised.weight = nn.Parameter(four_bit, requires_grad=False)
    plain.weight = nn.Parameter(dense(four_bit, torch.float32), requires_grad=False)
    assert (plain.weight - dense(quantised.weight, torch.float32)).abs().max() == 0
    for module in (quantised, plain):
        if isinstance(module, DoRA):
            module.initialize_dora_magnitude()
    x = torch.randn(2, 5, 64)
    grads = []
    for module in (quantised, plain):
        rows = x.clone().requires_grad_()
        out = module(rows)
        out.square().sum().backward()
        grads.append([out, rows.grad, *(each.grad for each in module.parameters() if each.grad is not None)])
    for mine, other in zip(*grads, strict=True):
        torch.testing.assert_close(mine, other)


def test_a_weight_with_a_partial_nf4_block_is_an_error() -> None:
    with pytest.raises(StepFailed, match="NF4"):
        quantise(torch.zeros(3, 5))


def test_the_cached_norm_follows_changes_of_the_adapter() -> None:
    layer = DoRA(8, 8, rank=2, alpha=4.0)
    layer.initialize_dora_magnitude()
    x = torch.randn(3, 8)
    layer.eval()
    layer(x)
    with torch.no_grad():
        layer.lora_b.weight.add_(1.0)
    kept = layer(x)
    layer.train()
    torch.testing.assert_close(kept, layer(x))
