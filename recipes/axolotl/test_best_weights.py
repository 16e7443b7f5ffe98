"""The trained weights of a model: their mean over epochs, and their number."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit

from recipes.axolotl.best_weights import count_parameters, load_average, save_epoch
from recipes.common.training.epoch_average import EpochAverage


def test_the_mean_of_epochs_replaces_the_trained_weights_alone(tmp_path: Path) -> None:
    base, trained = torch.nn.Linear(2, 2).requires_grad_(False), torch.nn.Linear(2, 1, bias=False)
    model, frozen = torch.nn.Sequential(base, trained), base.weight.clone()
    average = EpochAverage(tmp_path, "0" * 64, 2, 3)
    for step, value in ((3, 1.0), (6, 2.0), (8, 5.0)):
        torch.nn.init.constant_(trained.weight, value)
        save_epoch(model, average, step, [3])
    load_average(model, average, 8)
    assert trained.weight.tolist() == [[3.5, 3.5]] and torch.equal(base.weight, frozen)


@pytest.mark.parametrize("storage", [torch.uint8, torch.bfloat16, torch.float32])
def test_4_bit_weights_count_whatever_type_stores_them(storage: torch.dtype) -> None:
    layer = Linear4bit(64, 32, bias=False, quant_type="nf4", quant_storage=storage).to("cpu")  # type: ignore[no-untyped-call]
    layer.weight.requires_grad = False
    model = torch.nn.Sequential(layer, torch.nn.Linear(32, 8))
    assert layer.weight.numel() < 64 * 32
    assert count_parameters(model) == {"total": 64 * 32 + 33 * 8, "trainable": 33 * 8}
