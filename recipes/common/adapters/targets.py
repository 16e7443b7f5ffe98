"""The linear layers of a model that an adapter can change, read from its own modules. Families differ: Phi-3 and Phi-4
fuse q, k and v into `qkv_proj`, and gate and up into `gate_up_proj`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from recipes.common.adapters.config import select_targets
from recipes.common.models.text_decoder import NESTED
from recipes.common.protocol import StepFailed

_IN_LAYER = re.compile(r"(?:.+\.)?layers\.\d+\.(?:.+\.)?(\w+)")
"""The name of a decoder layer's module."""


def model_targets(folder: Path, targets: str | Sequence[str]) -> list[str]:
    """The names of linear layers that `train.targets` selects in the model of a folder, in the model's order. The model
    is built from its config alone, without weights. Fails with `unsupported-target` for a name that matches no layer,
    and for "all-linear" on a mixture of experts, whose experts are no linear layers, and with `unsupported-model` if
    transformers cannot build the model."""
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model: nn.Module = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    except (ValueError, KeyError, OSError, ImportError) as error:
        raise StepFailed(
            "unsupported-model",
            f"transformers cannot build the model: {str(error).splitlines()[0] if str(error) else error!r}",
            "Use a text-only model that transformers supports without code of the model.",
        ) from error
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    # A part that reads images has layers of its own.
    nested = [name for name in names if name.startswith(NESTED)]
    matches = [_IN_LAYER.fullmatch(name) for name in nested or names]
    linear = list(dict.fromkeys(match[1] for match in matches if match is not None))
    if targets == "all-linear":
        if any(".experts." in name for name, _ in model.named_parameters()):
            raise StepFailed(
                "unsupported-target",
                "all-linear cannot adapt the experts of a mixture of experts",
                f"List the layers in train.targets: {', '.join(linear)}.",
            )
        if linear:
            return linear
    return select_targets(targets, linear)
