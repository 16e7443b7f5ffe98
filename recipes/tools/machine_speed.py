"""Speed of one core: `python machine_speed.py` prints {"fp32", "bf16", "bandwidth"}.

The first two are operations a second in matrix products, the last is bytes of weights a second. The runner estimates
times from it. No step imports this module, so it is in no cache key. Each value is the best of many short products.
Their time is CPU time of this thread, so that other programs on the machine change little.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import torch

ROWS, HIDDEN, INNER = 512, 576, 1536
"""Shape of a product: the tokens of a small batch, times a matrix of the 135M model."""
MATRICES = 48
"""Matrices that are read for the bandwidth: 85 MB in bf16, more than most caches."""


def best_seconds(act: Callable[[], object], seconds: float) -> float:
    """Least CPU seconds of a call, of calls that take `seconds` CPU seconds or twice as long by the clock."""
    act()
    best = float("inf")
    end, late = time.thread_time() + seconds, time.monotonic() + 2 * seconds
    while best == float("inf") or (time.thread_time() < end and time.monotonic() < late):
        start = time.thread_time()
        act()
        best = min(best, time.thread_time() - start)
    return max(best, 1e-6)


def product_speed(dtype: torch.dtype, seconds: float = 0.4) -> float:
    """Operations a second of one core in matrix products of a dtype."""
    rows, matrix = torch.randn(ROWS, HIDDEN).to(dtype), torch.randn(HIDDEN, INNER).to(dtype)
    return 2 * ROWS * HIDDEN * INNER / best_seconds(lambda: rows @ matrix, seconds)


def bandwidth(seconds: float = 0.4) -> float:
    """Bytes of weights a second that one core reads for a single token."""
    matrices = [torch.randn(INNER, HIDDEN).to(torch.bfloat16) for _ in range(MATRICES)]
    token = torch.randn(1, HIDDEN).to(torch.bfloat16)

    def read() -> None:
        for matrix in matrices:
            torch.nn.functional.linear(token, matrix)

    return 2 * MATRICES * INNER * HIDDEN / best_seconds(read, seconds)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)
    speed = {"fp32": product_speed(torch.float32), "bf16": product_speed(torch.bfloat16), "bandwidth": bandwidth()}
    print(json.dumps({name: round(value) for name, value in speed.items()}))


if __name__ == "__main__":
    main()
