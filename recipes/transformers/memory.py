"""The batch size that fits into memory, and failures when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from recipes.common.machine import available_memory
from recipes.common.protocol import StepFailed, is_out_of_memory
from recipes.transformers.prefill import PREFILL_TOKENS

_MOST_ROWS = {"cpu": 32, "cuda": 64}


def fitting_batch(model: PreTrainedModel, prompt: int, new_tokens: int) -> int:
    """Number of cases that fit into the free memory; `prompt` and `new_tokens` are the most tokens of a prompt and of
    an answer. A batch needs keys, values and logits of each case, and the activations of its largest prefill pass. It
    is limited, because larger batches are not faster."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    cached = 2 * config.num_hidden_layers * heads * head_dim * model.dtype.itemsize
    activations = 8 * config.hidden_size * 4 + 4 * getattr(config, "intermediate_size", config.hidden_size * 4)
    device = model.device.type
    case = (prompt + new_tokens) * cached + 3 * 4 * config.vocab_size
    available = 0.8 * free_memory(device)

    def needed(rows: int) -> float:
        # A prefill pass holds whole rows up to PREFILL_TOKENS, but never more than the batch has.
        tokens = max(prompt, min(PREFILL_TOKENS[device], rows * prompt))
        return float(rows * case + tokens * (2 * cached + activations))

    return next((rows for rows in range(_MOST_ROWS[device], 1, -1) if needed(rows) <= available), 1)


def free_memory(device: str) -> int:
    """Free bytes of a device, "cpu" or "cuda"."""
    return torch.cuda.mem_get_info()[0] if device == "cuda" else available_memory()


@contextmanager
def out_of_memory(what: str) -> Iterator[None]:
    """Convert an out-of-memory error into a failure that names what did not fit."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise too_little_memory(what) from error


def too_little_memory(what: str) -> StepFailed:
    """The failure `out-of-memory`. Existing answers are kept, and the next run resumes from them."""
    free = f", {torch.cuda.mem_get_info()[0] / 2**30:.1f} GiB of the GPU are free" if torch.cuda.is_available() else ""
    return StepFailed(
        "out-of-memory",
        f"memory ran out: {what}{free}",
        "Set generate.precision: 4bit, lower generate.max_new_tokens, or free memory that other processes use.",
    )
