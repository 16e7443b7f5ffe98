"""Comparison of a base, the base with an unmerged adapter, and the merged model on the same rows.

All variants run in one pass, layer by layer from disk. Only a piece of one weight is in memory at a time, so that an 8B
model can be compared on a small machine. A mixture of experts needs memory for the experts of one layer in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from recipes.common.adapters.weights import Delta
from recipes.common.models.tensors import Stored, read_headers
from recipes.common.models.text_decoder import NESTED, module_name
from recipes.common.protocol import StepFailed

_POSITIONS = 8
"""Number of positions at the end of a row whose logits are compared: those that predict its answer."""

_BLOCK = 64
"""Number of weights that share a scale in a 4-bit base."""

_OUTPUT = "lm_head"
"""The one linear layer that a 4-bit base keeps in 16 bit."""


@torch.inference_mode()
def logits_of(
    base: Path,
    merged: Path,
    deltas: Mapping[str, Delta],
    rows: Sequence[Sequence[int]],
    *,
    four_bit: bool,
    chunk: int,
    on_weight: Callable[[], None],
) -> dict[str, Tensor]:
    """Variant -> fp32 logits [rows, 8, vocabulary] at the end of each row. The variants are the "base", the base with
    the "adapter", the "merged" weights and, with `four_bit`, the adapter on the base in NF4, which QLoRA trains on.
    Rows are token ids, each longer than 8. `chunk` is the number of weight bytes in memory at a time. `on_weight` is
    called after each weight."""
    variants = ["base", "adapter", "merged", *(["four_bit"] if four_bit else [])]
    model = _skeleton(base)
    decoder = model.get_decoder()
    is_alone = not any(f"{name}.".startswith(NESTED) for name, _ in model.named_modules())
    base_weights, merged_weights = (
        {module_name(name, is_alone=is_alone): one for name, one in read_headers(folder).items()}
        for folder in (base, merged)
    )
    deltas = {module_name(name, is_alone=is_alone): delta for name, delta in deltas.items()}

    def linear(name: str, x: Tensor) -> Tensor:
        stored, merged_stored = base_weights[f"{name}.weight"], merged_weights[f"{name}.weight"]
        delta = deltas.get(f"{name}.weight")
        inputs = dict(zip(variants, x.chunk(len(variants)), strict=True))
        parts: dict[str, list[Tensor]] = {variant: [] for variant in variants}
        with stored.file.open("rb") as file, merged_stored.file.open("rb") as merged_file:
            for start, stop in stored.chunks(chunk):
                weight = stored.tensor(stored.rows(file, start, stop)).float()
                parts["base"].append(inputs["base"] @ weight.T)
                parts["adapter"].append(_adapted(inputs["adapter"], weight, delta, start, stop))
                if four_bit:
                    rounded = weight if name == _OUTPUT else _as_nf4(weight)
                    parts["four_bit"].append(_adapted(inputs["four_bit"], rounded, delta, start, stop))
                del weight
                weight = merged_stored.tensor(merged_stored.rows(merged_file, start, stop)).float()
                parts["merged"].append(inputs["merged"] @ weight.T)
        out = torch.cat([torch.cat(parts[variant], -1) for variant in variants])
        bias = base_weights.get(f"{name}.bias")
        on_weight()
        return out if bias is None else out + bias.read().float()

    def embedding(name: str, ids: Tensor) -> tuple[Tensor, Tensor]:
        source = merged_weights[f"{name}.weight"]
        found, where = torch.unique(ids, return_inverse=True)
        with source.file.open("rb") as file:
            table = torch.cat([source.tensor(source.rows(file, at, at + 1)).float() for at in found.tolist()])
        return table, where

    names = {module: name for name, module in model.named_modules()}
    if "lm_head.weight" not in base_weights:
        tied = f"{names[model.get_input_embeddings()]}.weight"
        for weights in (base_weights, merged_weights):
            weights["lm_head.weight"] = weights[tied]
    for module in (*decoder.modules(), model.lm_head):
        _stream(module, names[module], linear, embedding, merged_weights)

    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[row[-1]] * (width - len(row))] for row in rows]).repeat(len(variants), 1)
    # Padding is on the right, where causal attention hides it from the compared positions.
    states = decoder(input_ids=ids, use_cache=False).last_hidden_state
    ends = torch.tensor([len(row) for row in rows]).repeat(len(variants))
    positions = ends[:, None] - torch.arange(_POSITIONS + 1, 1, -1)[None]
    kept = states[torch.arange(len(ids))[:, None], positions]
    return dict(zip(variants, model.lm_head(kept).chunk(len(variants)), strict=True))


def compare(left: Tensor, right: Tensor) -> dict[str, float]:
    """Difference of logits [rows, positions, vocabulary]: the root mean square difference relative to the standard
    deviation of `right` ("relative"), the largest difference, and the share of positions with the same top token."""
    spread = (right - right.mean(-1, keepdim=True)).square().mean().sqrt()
    return {
        "relative": round(float((left - right).square().mean().sqrt() / spread), 8),
        "largest": round(float((left - right).abs().max()), 6),
        "same_token": round(float((left.argmax(-1) == right.argmax(-1)).float().mean()), 4),
    }


def _adapted(x: Tensor, weight: Tensor, delta: Delta | None, start: int, stop: int) -> Tensor:
    return x @ weight.T if delta is None else delta.multiply(x, weight, start, stop)


def _as_nf4(weight: Tensor) -> Tensor:
    """A weight [rows, in], quantised to NF4 and dequantised."""
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    if weight.shape[1] % _BLOCK:
        return weight
    packed, state = quantize_4bit(weight.contiguous(), blocksize=_BLOCK, quant_type="nf4", compress_statistics=True)
    return dequantize_4bit(packed, state).float()


def _skeleton(folder: Path) -> Any:
    """The model without weights, but with the tensors that its decoder computes from its config, such as the
    frequencies of a rotary embedding."""
    config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    for module in model.get_decoder().modules():
        buffers = dict(module.named_buffers(recurse=False))
        for name, buffer in buffers.items():
            setattr(module, name, torch.empty_like(buffer, device="cpu"))
        if buffers:
            model._init_weights(module)
    return model.eval()


def _stream(
    module: nn.Module,
    name: str,
    linear: Callable[[str, Tensor], Tensor],
    embedding: Callable[[str, Tensor], tuple[Tensor, Tensor]],
    stored: Mapping[str, Stored],
) -> None:
    """Let a linear layer, an embedding or the experts of a layer read weights from disk. Load the weights of a norm,
    which are small. Fails with `merge-unsupported` for a weight that is stored under another name."""
    if isinstance(module, nn.Linear):
        module.forward = lambda x: linear(name, x)  # type: ignore[method-assign,assignment]
    elif isinstance(module, nn.Embedding):
        look_up = module.forward
        module.padding_idx = None

        def forward(ids: Tensor) -> Tensor:
            table, where = embedding(name, ids)
            module.weight = nn.Parameter(table, requires_grad=False)
            return look_up(where)

        module.forward = forward  # type: ignore[method-assign,assignment]
    elif f"{name}.0.gate_proj.weight" in stored:
        compute, count = module.forward, int(module.gate_up_proj.shape[0])  # type: ignore[index]

        def experts(*args: Any, **kwargs: Any) -> Any:
            gate, up, down = (
                torch.stack([stored[f"{name}.{at}.{part}_proj.weight"].read().float() for at in range(count)])
                for part in ("gate", "up", "down")
            )
            _set(module, {"gate_up_proj": torch.cat([gate, up], 1), "down_proj": down})
            try:
                return compute(*args, **kwargs)
            finally:
                _set(module, {"gate_up_proj": gate.to("meta"), "down_proj": down.to("meta")})

        module.forward = experts
    else:
        keys = [key for key, _ in module.named_parameters(recurse=False)]
        for key in keys:
            if f"{name}.{key}" not in stored:
                raise StepFailed(
                    "merge-unsupported",
                    f"the model's files have no weight {name}.{key}, so that the merge cannot be checked",
                    "Generate and upload with the adapter: remove train.merge, and set upload.content: adapter.",
                )
        _set(module, {key: stored[f"{name}.{key}"].read().float() for key in keys})


def _set(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    for key, weight in weights.items():
        setattr(module, key, nn.Parameter(weight, requires_grad=False))
