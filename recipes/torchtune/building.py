"""Puts a training's model together: made on no device, given the files' tensors without a copy, adapters in fp32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from torchtune import config, modules, training
from torchtune.models.qwen2 import Qwen2RotaryPositionalEmbeddings
from torchtune.modules.peft import get_adapter_params, set_trainable_params

from recipes.torchtune import ranks
from recipes.torchtune.adapters import DoRA, LoRA, quantise
from recipes.torchtune.model import is_quantised
from recipes.torchtune.weights import put_base


def is_adapting(cfg_model: DictConfig) -> bool:
    """Whether an adapter is trained, and not all weights."""
    return "lora_rank" in cfg_model


def build_model(
    cfg_model: DictConfig, base: Mapping[str, Tensor], *, seed: int, device: torch.device, checkpointing: bool
) -> nn.Module:
    """The model with `base` in it. With several GPUs it is put together on the CPU and spread from there, so that no
    GPU ever holds it whole."""
    with torch.device("meta"):
        model: nn.Module = config.instantiate(cfg_model)
    several = ranks.ranks() > 1
    made_on = torch.device("cpu") if several else device
    four_bit = False
    if is_adapting(cfg_model):
        set_trainable_params(model, get_adapter_params(model))
        four_bit = cfg_model.quantize_base
    put_base(
        model,
        {
            name: quantise(tensor.to(made_on)) if four_bit and is_quantised(name) else tensor.to(made_on)
            for name, tensor in base.items()
        },
    )
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (LoRA, DoRA)):
            _fill_adapter(module, made_on)
        elif isinstance(module, Qwen2RotaryPositionalEmbeddings):
            with device:
                module.rope_init()
    if checkpointing:
        training.set_activation_checkpointing(model, auto_wrap_policy={modules.TransformerSelfAttentionLayer})
    if several:
        ranks.shard(model, list(model.layers))  # type: ignore[arg-type]
        torch.manual_seed(seed + ranks.rank())
    return model


def plain_name(name: str) -> str:
    """A parameter's name as it is without activation checkpointing."""
    return name.replace("_checkpoint_wrapped_module.", "")


def _fill_adapter(module: Any, device: torch.device) -> None:
    """Give an adapter its fp32 tensors on a device and their starting values."""
    for part in (module.lora_a, module.lora_b):
        part.to_empty(device=device)
    module.initialize_parameters()
    if hasattr(module, "initialize_dora_magnitude"):
        module.magnitude = nn.Parameter(torch.empty(module.out_dim, device=device))
        module.initialize_dora_magnitude()
