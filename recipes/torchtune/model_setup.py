"""Construction of the model to train: built on the meta device, given the tensors of the weight files without a copy,
with adapters in fp32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from torchtune import config
from torchtune.modules.peft import get_adapter_params, set_trainable_params

from recipes.torchtune import distributed
from recipes.torchtune.activations import recompute
from recipes.torchtune.lora_layers import DoRA, LoRA, quantise
from recipes.torchtune.model import is_quantised
from recipes.torchtune.weights import assign_base


def has_adapter(cfg_model: DictConfig) -> bool:
    """Whether the training changes an adapter, and not all weights."""
    return "lora_rank" in cfg_model


def build_model(
    cfg_model: DictConfig, base: Mapping[str, Tensor], *, seed: int, device: torch.device, checkpointing: bool
) -> nn.Module:
    """The model with the weights `base`. With several ranks it is assembled on the CPU and sharded from there, so that
    no GPU ever holds all of it."""
    with torch.device("meta"):
        model: nn.Module = config.instantiate(cfg_model)
    several = distributed.world_size() > 1
    assembled_on = torch.device("cpu") if several else device
    four_bit = False
    if has_adapter(cfg_model):
        set_trainable_params(model, get_adapter_params(model))
        four_bit = cfg_model.quantize_base
    assign_base(
        model,
        {
            name: quantise(tensor.to(assembled_on)) if four_bit and is_quantised(name) else tensor.to(assembled_on)
            for name, tensor in base.items()
        },
    )
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (LoRA, DoRA)):
            _initialise_adapter(module, assembled_on)
    if checkpointing:
        recompute(model)
    if several:
        distributed.shard(model, list(model.layers))  # type: ignore[arg-type]
        if not has_adapter(cfg_model):
            model.float()
        torch.manual_seed(seed + distributed.rank())
    return model


def plain_name(name: str) -> str:
    """A parameter's name without the wrapper of activation checkpointing."""
    return name.replace("_checkpoint_wrapped_module.", "")


def _initialise_adapter(module: Any, device: torch.device) -> None:
    """Allocate an adapter's fp32 tensors on a device and set their initial values."""
    for part in (module.lora_a, module.lora_b):
        part.to_empty(device=device)
    module.initialize_parameters()
    if hasattr(module, "initialize_dora_magnitude"):
        module.magnitude = nn.Parameter(torch.empty(module.out_dim, device=device))
        module.initialize_dora_magnitude()
