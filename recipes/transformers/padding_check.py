"""Whether a padded batch gives the same logits as each of its prompts alone.

The result depends on architecture, positions, masks and attention kernels, but not on the number of layers. Therefore
only the first layers run, with their real weights. They run in fp32, because the rounding of half precision would hide
an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from recipes.common.machine import Machine
from recipes.transformers.prefill import answers_singly, pad_left

_LAYERS = 4
_ROWS = 8
_LONGEST = 160
"""Number of tokens of the first row. Each further row has three tokens fewer, so that its padding differs."""


def padding_difference(folder: Path, prompts: list[list[int]], machine: Machine) -> float | None:
    """Largest difference of the last logits between a batch of up to eight prompts and each prompt alone, relative to
    the standard deviation of the logits. None if a few layers in fp32 do not fit into the memory, if there are no two
    rows of different length, or if the model answers prompts one by one."""
    rows = [row[-max(2, min(len(row), _LONGEST) - 3 * at) :] for at, row in enumerate(prompts[:_ROWS])]
    if len({len(row) for row in rows}) < 2:
        return None
    config: Any = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    # A model that also reads images describes its decoder in a part of its config.
    text = config.get_text_config()
    layers = min(_LAYERS, text.num_hidden_layers)
    memory = machine.memory if machine.capability is None else machine.gpu_memory
    if _bytes(text, layers) > 0.6 * memory:
        return None
    text.num_hidden_layers = layers
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:layers]
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), config=config, dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    model = loaded.to("cpu" if machine.capability is None else "cuda").eval()
    if answers_singly(model):
        return None
    with torch.inference_mode():
        ids, mask, positions = pad_left(rows, 0, model.device)
        together = model(input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1).logits[:, -1]
        alone = torch.cat(
            [model(input_ids=torch.tensor([row], device=model.device), logits_to_keep=1).logits[:, -1] for row in rows]
        )
    spread = (alone - alone.mean(-1, keepdim=True)).square().mean().sqrt()
    return float((together - alone).abs().max() / spread)


def _bytes(config: Any, layers: int) -> int:
    """Bytes of the first layers in fp32, with embeddings and output layer."""
    hidden, inner = config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads
    width = heads * (getattr(config, "head_dim", None) or hidden // heads)
    ends = config.vocab_size * hidden * (1 if config.tie_word_embeddings else 2)
    return int(4 * (ends + layers * (4 * hidden * width + 3 * hidden * inner)))
