from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from recipes.tools.machine_speed import best_seconds


def test_prints_the_speed_of_one_core() -> None:
    command = [sys.executable, "-I", str(Path(__file__).with_name("machine_speed.py"))]
    speed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert set(speed) == {"fp32", "bf16", "bandwidth"}
    # No processor of the last ten years is slower, and no core is faster.
    assert 1e8 < speed["fp32"] < 1e13
    assert 1e7 < speed["bf16"] < 1e13
    assert 1e7 < speed["bandwidth"] < 1e12


def test_a_slow_call_is_measured_once() -> None:
    calls: list[int] = []
    assert best_seconds(lambda: calls.append(sum(range(100_000))), 0) > 0
    # One call warms up.
    assert len(calls) == 2
