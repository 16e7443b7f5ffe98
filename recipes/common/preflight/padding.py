"""Whether a padded batch gives the logits that each prompt gives alone.

The answer depends on the architecture, positions, masks and attention kernels and not on how many blocks there are: the
model's first blocks with its real weights tell, in fp32, where half precision would blur it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from recipes.common.machine import Machine
from recipes.transformers.prefill import pad_left

_BLOCKS = 4
_ROWS = 8
_LONGEST = 160
"""Tokens of a row that are looked at; of each further row three fewer, so that rows are padded differently."""

TOLERANCE = 1e-3
"""Of the logits' spread; fp32 differs by some 1e-5 between batch sizes."""


def padding_difference(folder: Path, prompts: list[list[int]], machine: Machine) -> float | None:
    """The largest difference of a last logit between a batch of eight and each row alone, against the logits' spread;
    None where the memory does not even hold a few blocks in fp32, or there is nothing to batch."""
    rows = [row[-max(2, min(len(row), _LONGEST) - 3 * at) :] for at, row in enumerate(prompts[:_ROWS])]
    if len({len(row) for row in rows}) < 2:
        return None
    config: Any = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    blocks = min(_BLOCKS, config.num_hidden_layers)
    room = machine.memory if machine.capability is None else machine.gpu_memory
    if _bytes(config, blocks) > 0.6 * room:
        return None
    config.num_hidden_layers = blocks
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:blocks]
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), config=config, dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    model = loaded.to("cpu" if machine.capability is None else "cuda").eval()
    with torch.inference_mode():
        ids, mask, positions = pad_left(rows, 0, model.device)
        together = model(input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1).logits[:, -1]
        alone = torch.cat(
            [model(input_ids=torch.tensor([row], device=model.device), logits_to_keep=1).logits[:, -1] for row in rows]
        )
    spread = (alone - alone.mean(-1, keepdim=True)).square().mean().sqrt()
    return float((together - alone).abs().max() / spread)


def _bytes(config: Any, blocks: int) -> int:
    """Bytes of the first blocks in fp32, with embeddings and head."""
    hidden, inner = config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads
    width = heads * (getattr(config, "head_dim", None) or hidden // heads)
    ends = config.vocab_size * hidden * (1 if config.tie_word_embeddings else 2)
    return int(4 * (ends + blocks * (4 * hidden * width + 3 * hidden * inner)))
