"""Runs a base, the base with its adapter apart, and the merged model over the same rows in one pass, layer by layer
from the disk: no more than a piece of one weight is in memory at a time, so that 8B is compared in a small machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from recipes.common.adapters.weights import Delta
from recipes.common.models.tensors import Stored, read_headers

_KEPT = 8
"""Positions at a row's end whose logits are compared: those that predict its answer."""

_BLOCK = 64
"""Weights that share a scale in a 4-bit base."""


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
    """Logits [rows, up to 8, vocabulary] at the end of each row, in fp32, of the "base", the base with the "adapter",
    the "merged" weights, and with `four_bit` the adapter on the base in NF4, which it was trained on. Rows are token
    ids, each longer than 8. `chunk` is the bytes of weight in memory at a time; `on_weight` is called after each."""
    names = ["base", "adapter", "merged", *(["four_bit"] if four_bit else [])]
    stored, changed = read_headers(base), read_headers(merged)
    model = _skeleton(base)

    def linear(name: str, x: Tensor) -> Tensor:
        ours, theirs, delta = stored[f"{name}.weight"], changed[f"{name}.weight"], deltas.get(f"{name}.weight")
        inputs = dict(zip(names, x.chunk(len(names)), strict=True))
        parts: dict[str, list[Tensor]] = {variant: [] for variant in names}
        with ours.file.open("rb") as file, theirs.file.open("rb") as other:
            for start, stop in ours.chunks(chunk):
                weight = ours.tensor(ours.rows(file, start, stop)).float()
                parts["base"].append(inputs["base"] @ weight.T)
                parts["adapter"].append(_adapted(inputs["adapter"], weight, delta, start, stop))
                if four_bit:
                    rounded = weight if delta is None else _as_nf4(weight)
                    parts["four_bit"].append(_adapted(inputs["four_bit"], rounded, delta, start, stop))
                del weight
                weight = theirs.tensor(theirs.rows(other, start, stop)).float()
                parts["merged"].append(inputs["merged"] @ weight.T)
        out = torch.cat([torch.cat(parts[variant], -1) for variant in names])
        bias = stored.get(f"{name}.bias")
        on_weight()
        return out if bias is None else out + bias.read().float()

    def embedding(name: str, ids: Tensor) -> Tensor:
        source = changed[f"{name}.weight"]
        found, where = torch.unique(ids, return_inverse=True)
        with source.file.open("rb") as file:
            table = torch.cat([source.tensor(source.rows(file, at, at + 1)).float() for at in found.tolist()])
        return table[where]

    if "lm_head.weight" not in stored:
        tied = stored["model.embed_tokens.weight"]
        stored["lm_head.weight"], changed["lm_head.weight"] = tied, changed[tied.name]
    _stream(model, linear, embedding, changed)

    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[row[-1]] * (width - len(row))] for row in rows]).repeat(len(names), 1)
    # Padding stands on the right, where causal attention keeps it from what is looked at.
    states = model.model(input_ids=ids, use_cache=False).last_hidden_state
    ends = torch.tensor([len(row) for row in rows]).repeat(len(names))
    places = ends[:, None] - torch.arange(_KEPT + 1, 1, -1)[None]
    kept = states[torch.arange(len(ids))[:, None], places]
    return dict(zip(names, model.lm_head(kept).chunk(len(names)), strict=True))


def compare(left: Tensor, right: Tensor) -> dict[str, float]:
    """How far logits [rows, places, vocabulary] are apart: the root of the mean square difference against the spread of
    the right ones, the largest difference, and the share of places with the same likeliest token."""
    spread = (right - right.mean(-1, keepdim=True)).square().mean().sqrt()
    return {
        "relative": round(float((left - right).square().mean().sqrt() / spread), 8),
        "largest": round(float((left - right).abs().max()), 6),
        "same_token": round(float((left.argmax(-1) == right.argmax(-1)).float().mean()), 4),
    }


def _adapted(x: Tensor, weight: Tensor, delta: Delta | None, start: int, stop: int) -> Tensor:
    return x @ weight.T if delta is None else delta.multiply(x, weight, start, stop)


def _as_nf4(weight: Tensor) -> Tensor:
    """A weight [rows, in] rounded as a 4-bit base holds it."""
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    if weight.shape[1] % _BLOCK:
        return weight
    packed, state = quantize_4bit(weight.contiguous(), blocksize=_BLOCK, quant_type="nf4")
    return dequantize_4bit(packed, state).float()


def _skeleton(folder: Path) -> Any:
    """The model without weights, but for what is computed from its config."""
    config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    for name, module in list(model.named_modules()):
        if name.endswith("rotary_emb"):
            model.set_submodule(name, type(module)(config=config))
    return model.eval()


def _stream(
    model: nn.Module,
    linear: Callable[[str, Tensor], Tensor],
    embedding: Callable[[str, Tensor], Tensor],
    stored: Mapping[str, Stored],
) -> None:
    """Give each layer a way to compute from the disk; what is small (norms) is loaded."""

    def forward(how: Callable[[str, Tensor], Tensor], name: str) -> Callable[[Tensor], Tensor]:
        return lambda x: how(name, x)

    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            module.forward = forward(linear, name)  # type: ignore[method-assign,assignment]
        elif isinstance(module, nn.Embedding):
            module.forward = forward(embedding, name)  # type: ignore[method-assign,assignment]
        else:
            for key, _ in list(module.named_parameters(recurse=False)):
                value = stored[f"{name}.{key}"].read().float()
                setattr(module, key, nn.Parameter(value, requires_grad=False))
