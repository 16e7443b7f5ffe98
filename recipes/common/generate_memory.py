"""Memory that runs out while a model is loaded or answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from recipes.common.protocol import StepFailed


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device or the machine has no memory left; torch has no class for the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "not enough memory" in str(error)


@contextmanager
def out_of_memory(what: str) -> Iterator[None]:
    """Turns memory that runs out inside into a failure that says what did not fit."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise too_little_memory(what) from error


def too_little_memory(what: str) -> StepFailed:
    """The failure itself. What was answered before is kept, and the next run goes on from there."""
    free = f", {torch.cuda.mem_get_info()[0] / 2**30:.1f} GiB of the GPU are free" if torch.cuda.is_available() else ""
    return StepFailed(
        "out-of-memory",
        f"memory ran out: {what}{free}",
        "Write generate.precision: 4bit, lower generate.max_new_tokens, or free the memory that others use.",
    )
