"""The hardware of this machine, for checks before a step."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Machine:
    """Device, free memory and free disk space in bytes."""

    capability: tuple[int, int] | None
    """Compute capability of the GPU; None without a GPU."""
    gpu_memory: int
    memory: int
    disk: int


def read_machine(output: Path) -> Machine:
    """The current state. Disk space is that of the file system of `output`."""
    on_gpu = torch.cuda.is_available()
    return Machine(
        capability=torch.cuda.get_device_capability() if on_gpu else None,
        gpu_memory=torch.cuda.mem_get_info()[0] if on_gpu else 0,
        memory=available_memory(),
        disk=shutil.disk_usage(output).free,
    )


def available_memory() -> int:
    """Main memory that is available without swapping, in bytes. Practically unlimited if the system does not report
    it."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 1 << 62
