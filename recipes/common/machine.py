"""What this machine has, as a check before the work sees it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Machine:
    """Device of the work, its free memory and disk, in bytes."""

    capability: tuple[int, int] | None
    """Compute capability of the GPU; None where the work is done on the CPU."""
    gpu_memory: int
    memory: int
    disk: int


def read_machine(output: Path) -> Machine:
    """What is free now; disk is that of the folder which outputs go to."""
    on_gpu = torch.cuda.is_available()
    return Machine(
        capability=torch.cuda.get_device_capability() if on_gpu else None,
        gpu_memory=torch.cuda.mem_get_info()[0] if on_gpu else 0,
        memory=available_memory(),
        disk=shutil.disk_usage(output).free,
    )


def available_memory() -> int:
    """Bytes of main memory that can be had without swapping; without bound where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 1 << 62
