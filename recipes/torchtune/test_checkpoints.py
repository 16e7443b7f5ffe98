"""A training goes on from a whole state of its own request, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recipes.common.protocol import StepFailed
from recipes.torchtune.checkpoints import Checkpoints

WHOLE = {"optimizer": {}, "scheduler": {}, "random": torch.zeros(1)}


def test_a_state_of_other_config_or_data_is_left_aside(tmp_path: Path) -> None:
    Checkpoints(tmp_path, 2, "ours").save(1, WHOLE)
    assert Checkpoints(tmp_path, 2, "theirs").latest() is None
    found = Checkpoints(tmp_path, 2, "ours").latest()
    assert found is not None and found["step"] == 1


@pytest.mark.parametrize("part", sorted(WHOLE))
def test_a_state_without_a_part_is_refused(tmp_path: Path, part: str) -> None:
    kept = Checkpoints(tmp_path, 2, "ours")
    kept.save(1, {name: value for name, value in WHOLE.items() if name != part})
    with pytest.raises(StepFailed) as failure:
        kept.latest()
    assert failure.value.code == "resume-incomplete" and part in failure.value.message
