"""The batch size that fits into memory, and failures when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from recipes.common.machine import available_memory
from recipes.common.protocol import StepFailed
from recipes.transformers.prefill import PREFILL_TOKENS

_MOST_ROWS = {"cpu": 32, "cuda": 64}


def fitting_batch(model: PreTrainedModel, longest: int) -> int:
    """Number of cases of `longest` tokens, answer included, that fit into the free memory: keys, values and logits of
    each case, in addition to a prefill pass. It is limited, because larger batches are not faster."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    cached = 2 * config.num_hidden_layers * heads * head_dim * model.dtype.itemsize
    activations = 8 * config.hidden_size * 4 + 4 * getattr(config, "intermediate_size", config.hidden_size * 4)
    device = model.device.type
    prefill = max(longest, PREFILL_TOKENS[device]) * (2 * cached + activations)
    case = longest * cached + 3 * 4 * config.vocab_size
    return max(1, min(_MOST_ROWS[device], int((0.8 * free_memory(device) - prefill) / case)))


def free_memory(device: str) -> int:
    """Free bytes of a device, "cpu" or "cuda"."""
    return torch.cuda.mem_get_info()[0] if device == "cuda" else available_memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out. torch has no error class for the memory of the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "not enough memory" in str(error)


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
