"""Noise on the embeddings of training rows. No test starts a training."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from recipes.axolotl.noise import add_noise, embedding_noise


def test_the_noise_of_a_row_has_the_size_of_its_own_tokens() -> None:
    lengths = [3, 50, 200]
    mask = torch.tensor([[1] * length + [0] * (200 - length) for length in lengths])
    torch.manual_seed(0)
    noise = embedding_noise(torch.zeros(3, 200, 64), mask, 5.0)
    for row, length in zip(noise, lengths, strict=True):
        most = 5.0 / (length * 64) ** 0.5
        assert not row[length:].any()
        assert 0.95 * most < float(row.abs().max()) <= most * 1.0001
        assert float(row[:length].var()) == pytest.approx(most**2 / 3, rel=0.2)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embedding

    def forward(self, ids: Tensor) -> Tensor:
        embeddings: Tensor = self.embedding(ids)
        return embeddings


def test_only_training_steps_have_noise() -> None:
    """A validation between two steps has none, whether the model is in training mode or not."""
    model, ids = Model().train(), torch.tensor([[1, 2, 3], [4, 1, 0]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    trainer: Any = SimpleNamespace(training_step=lambda trained, inputs, _count: trained(inputs["input_ids"]))
    bare = model(ids)
    add_noise(trainer, model, 5.0)
    noisy = trainer.training_step(model, {"input_ids": ids, "attention_mask": mask}, 4)
    changed = (noisy != bare).all(2)
    assert torch.equal(changed, mask.bool())
    assert torch.equal(model(ids), bare)
