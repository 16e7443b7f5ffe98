"""Failures that a step reports by a code."""

from __future__ import annotations

import pytest
import torch

from recipes.common.protocol import is_out_of_memory


def test_a_failed_allocation_is_out_of_memory() -> None:
    """The error of this machine's torch, on the CPU, and that of a GPU."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
