"""Noise on the embeddings of training rows (NEFTune, Jain et al. 2023)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def add_noise(trainer: Any, model: Any, alpha: float) -> None:
    """Make each training step of a trainer add noise to the embeddings of its rows; validation and generation get none.

    transformers' own key `neftune_noise_alpha` counts the padding of a batch as tokens, so that the noise of a row
    would depend on the other rows of its batch. The noise comes from torch's default generator, whose state is in each
    checkpoint.
    """
    masks: list[Tensor] = []
    inner = trainer.training_step

    def step(trained: Any, inputs: Any, *args: Any, **more: Any) -> Any:
        masks.append(inputs["attention_mask"])
        try:
            return inner(trained, inputs, *args, **more)
        finally:
            masks.clear()

    def hook(_module: Any, _args: Any, embeddings: Tensor) -> Tensor:
        return embeddings + embedding_noise(embeddings, masks[0], alpha) if masks else embeddings

    trainer.training_step = step
    model.get_input_embeddings().register_forward_hook(hook)


def embedding_noise(embeddings: Tensor, mask: Tensor, alpha: float) -> Tensor:
    """Noise [rows, tokens, dim] like `embeddings`: uniform in -1 to 1, times alpha / sqrt(length * dim) with the number
    of tokens of the row. `mask` [rows, tokens] is 0 for padding, whose noise is 0."""
    kept = mask.to(embeddings.device, torch.float32)
    scale = alpha * (kept.sum(1) * embeddings.shape[2]).clamp(min=1).rsqrt()
    noise = torch.rand(embeddings.shape, device=embeddings.device).mul_(2).sub_(1)
    return (noise * (kept * scale[:, None])[:, :, None]).to(embeddings.dtype)
