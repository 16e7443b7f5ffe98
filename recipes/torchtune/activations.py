"""Recomputing activations in the backward pass where main memory is short, on a CPU. It takes a second forward pass and
changes no result."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torchtune import modules, training

from recipes.common.machine import available_memory
from recipes.torchtune.data import Batches

_MARGIN = 1.3
"""Memory of a step as a multiple of its saved activations: gradients, workspaces, and gaps in the heap."""


def recompute_if_short(
    model: nn.Module, batches: Batches, epochs: int, loss: Callable[[dict[str, Tensor]], Tensor]
) -> str | None:
    """Let a model of torchtune recompute its activations if those of the largest batch might not fit into the available
    memory. Returns a line for the user if it does. The saved bytes of a token are measured on one row."""
    largest, row = batches.largest(epochs), batches.longest_row()
    needed = _MARGIN * saved_bytes(model, lambda: loss(row)) * largest / row["tokens"].numel()
    available = available_memory()
    if needed <= available:
        return None
    recompute(model)
    return (
        f"activations of up to {largest} tokens need {needed / 1e9:.1f} GB and {available / 1e9:.1f} GB are free: "
        "they are recomputed in the backward pass"
    )


def recompute(model: nn.Module) -> None:
    """Keep only the input of each block for the backward pass."""
    training.set_activation_checkpointing(model, auto_wrap_policy={modules.TransformerSelfAttentionLayer})


def saved_bytes(model: nn.Module, run: Callable[[], Tensor]) -> int:
    """Bytes that autograd saves for the backward pass of `run`, without weights. Random states are unchanged."""
    weights = {_storage(each) for each in (*model.parameters(), *model.buffers())}
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        place = _storage(tensor)
        if place is not None and place not in weights:
            saved[place] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.random.fork_rng(devices=[]), saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = run()
    del loss
    return sum(saved.values())


def _storage(tensor: Tensor) -> int | None:
    """The address of a tensor's values. None for a 4-bit weight, which consists of several tensors."""
    return tensor.untyped_storage().data_ptr() if type(tensor) in (Tensor, nn.Parameter) else None
