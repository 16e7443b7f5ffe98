"""A training resumes only from a complete checkpoint of its own request."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recipes.common.protocol import StepFailed
from recipes.torchtune.checkpoints import Checkpoints

STATE = {"optimizer": {}, "scheduler": {}, "random": torch.zeros(1)}


def test_a_checkpoint_of_another_request_is_ignored(tmp_path: Path) -> None:
    Checkpoints(tmp_path, 2, "ours").save(1, STATE)
    assert Checkpoints(tmp_path, 2, "theirs").latest() is None
    found = Checkpoints(tmp_path, 2, "ours").latest()
    assert found is not None and found["step"] == 1


@pytest.mark.parametrize("part", sorted(STATE))
def test_a_checkpoint_without_a_required_part_fails(tmp_path: Path, part: str) -> None:
    checkpoints = Checkpoints(tmp_path, 2, "ours")
    checkpoints.save(1, {name: value for name, value in STATE.items() if name != part})
    with pytest.raises(StepFailed) as failure:
        checkpoints.latest()
    assert failure.value.code == "resume-incomplete" and part in failure.value.message
