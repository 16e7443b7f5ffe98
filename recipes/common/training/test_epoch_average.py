"""The weights of the last epochs: which are averaged, which files are kept, and their mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recipes.common.protocol import StepFailed
from recipes.common.training.epoch_average import EpochAverage, adopt_epochs

KEY = "0123456789abcdef" * 4


def average(folder: Path, count: int = 2, key: str = KEY) -> EpochAverage:
    return EpochAverage(folder, key, count, steps_per_epoch=5)


def saved_steps(folder: Path) -> list[int]:
    return sorted(int(file.stem.rpartition("-")[2]) for file in folder.glob("epoch-*.safetensors"))


@pytest.mark.parametrize(("step", "steps"), [(3, [3]), (5, [5]), (10, [5, 10]), (12, [10, 12]), (20, [15, 20])])
def test_the_last_epochs_are_averaged_and_the_end_of_the_training_is_one(
    tmp_path: Path, step: int, steps: list[int]
) -> None:
    assert average(tmp_path).steps(step) == steps


def test_the_mean_is_that_of_the_last_files_in_fp32(tmp_path: Path) -> None:
    for step, value in ((5, 100.0), (10, 1.0), (15, 4.0)):
        average(tmp_path).save(step, {"a": torch.full((2,), value, dtype=torch.bfloat16)}, [])
    mean = average(tmp_path).mean("a", 15)
    assert mean.tolist() == [2.5, 2.5] and mean.dtype == torch.float32


def test_a_file_stays_while_a_checkpoint_can_need_it(tmp_path: Path) -> None:
    one = average(tmp_path)
    other = average(tmp_path, key="f" * 64)
    other.save(5, {"a": torch.zeros(1)}, [])
    for step in (5, 10, 15, 20):
        one.save(step, {"a": torch.zeros(1)}, [6])
    assert saved_steps(tmp_path) == [5, 5, 10, 15, 20]
    one.save(25, {"a": torch.zeros(1)}, [22, 18])
    assert saved_steps(tmp_path) == [5, 10, 15, 20, 25]
    one.save(30, {"a": torch.zeros(1)}, [])
    assert saved_steps(tmp_path) == [5, 25, 30]
    with pytest.raises(StepFailed) as caught:
        one.mean("a", 20)
    assert caught.value.code == "resume-incomplete"


def test_a_continued_training_links_the_files_of_the_paused_one(tmp_path: Path) -> None:
    average(tmp_path / "earlier").save(5, {"a": torch.ones(1)}, [])
    adopt_epochs(tmp_path / "earlier", tmp_path / "new")
    adopt_epochs(tmp_path / "none", tmp_path / "new")
    assert average(tmp_path / "new").mean("a", 5).tolist() == [1.0]
