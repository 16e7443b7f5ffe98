"""The trained weights of a model: the best ones so far, in a file next to the checkpoints that refer to it, and the
mean of the last epochs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file

from recipes.common.training.epoch_average import EpochAverage


def best_name(step: int) -> str:
    """Name of the file with the trained weights of a step."""
    return f"best-{step}.safetensors"


def save_best(model: Any, out: Path, step: int) -> None:
    """Write the trained weights of a step. The file is never partial: it is renamed into place."""
    weights = {name: p.detach().cpu().contiguous().clone() for name, p in _trained(model).items()}
    partial = out / "best.partial"
    save_file(weights, partial)
    partial.replace(out / best_name(step))


@torch.no_grad()
def load_best(model: Any, out: Path, step: int) -> None:
    """Load the trained weights of a step into the model."""
    weights = load_file(out / best_name(step))
    for name, parameter in _trained(model).items():
        parameter.copy_(weights[name])


def save_epoch(model: Any, average: EpochAverage, step: int, checkpoints: Iterable[int]) -> None:
    """Write the trained weights after an epoch."""
    average.save(step, _trained(model), checkpoints)


@torch.no_grad()
def load_average(model: Any, average: EpochAverage, step: int) -> None:
    """Load the mean of the trained weights of the last epochs into the model, for a training that ends at `step`."""
    for name, parameter in _trained(model).items():
        parameter.copy_(average.mean(name, step))


def count_parameters(model: Any) -> dict[Literal["total", "trainable"], int]:
    """Number of values in the model ("total") and in the trained weights ("trainable"). An element that stores 4-bit
    weights holds two values for each of its bytes; `bnb_4bit_quant_storage` sets its type."""
    packed = {id(each) for module in model.modules() for each in _packed(module)}
    sizes = (each.numel() * (2 * each.element_size() if id(each) in packed else 1) for each in model.parameters())
    return {"total": sum(sizes), "trainable": sum(each.numel() for each in _trained(model).values())}


def _packed(module: torch.nn.Module) -> list[torch.Tensor]:
    """The packed 4-bit weights of a module itself."""
    return [each for each in module.parameters(recurse=False) if hasattr(each, "bnb_quantized")]


def _trained(model: Any) -> dict[str, torch.nn.Parameter]:
    """Name -> trained parameter."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
