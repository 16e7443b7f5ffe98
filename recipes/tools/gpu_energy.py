"""Energy counters of NVIDIA GPUs: `python gpu_energy.py UUID...` prints {"<uuid>": millijoules}.

The runner runs this before and after a step. No module imports it, so it is in no cache key. A counter (Volta and
newer) starts when the driver is loaded. GPUs without a counter are left out.
"""

from __future__ import annotations

import ctypes
import json
import sys


def counters(uuids: list[str], library: str = "libnvidia-ml.so.1") -> dict[str, int]:
    """UUID -> millijoules since the driver was loaded, from nvmlDeviceGetTotalEnergyConsumption. Empty without NVML."""
    try:
        nvml = ctypes.CDLL(library)
        if nvml.nvmlInit_v2() != 0:
            return {}
    except (OSError, AttributeError):
        return {}
    found: dict[str, int] = {}
    for uuid in uuids:
        device = ctypes.c_void_p()
        energy = ctypes.c_ulonglong()
        if nvml.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(device)) != 0:
            continue
        if nvml.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(energy)) == 0:
            found[uuid] = energy.value
    nvml.nvmlShutdown()
    return found


if __name__ == "__main__":
    print(json.dumps(counters(sys.argv[1:])))
