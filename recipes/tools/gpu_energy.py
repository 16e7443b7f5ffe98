"""Energy counters of NVIDIA GPUs: `python energy.py UUID...` prints {"<uuid>": millijoules} for those that tell.

Run by the runner beside a step and imported by none, so that it is in no step's key. The counter runs since the
driver was loaded (Volta and newer); a GPU without one, or a machine without NVML, is left out.
"""

from __future__ import annotations

import ctypes
import json
import sys


def counters(uuids: list[str], library: str = "libnvidia-ml.so.1") -> dict[str, int]:
    """UUID -> millijoules since the driver was loaded, by nvmlDeviceGetTotalEnergyConsumption."""
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
