"""The TensorBoard file has all points, and equal numbers give equal bytes."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipes.common.training.reports import curves_of, write_curves


def test_curves_are_read_back_and_files_are_reproducible(tmp_path: Path) -> None:
    loss = [{"step": n, "epoch": 1, "loss": 2.0 / n, "learning_rate": 0.5} for n in (1, 2, 4)]
    curves = curves_of(loss, [{"step": 4, "epoch": 1, "loss": 0.25, "micro_f1": 0.75}])
    for name in ("a", "b"):
        write_curves(tmp_path / name, curves)
    (first,), (second,) = ([*(tmp_path / name).iterdir()] for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    read = EventAccumulator(str(tmp_path / "a")).Reload()
    assert set(read.Tags()["scalars"]) == {
        "train/loss", "train/learning_rate", "validation/loss", "validation/micro_f1"
    }  # fmt: skip
    assert [(point.step, point.value) for point in read.Scalars("train/loss")] == [(1, 2.0), (2, 1.0), (4, 0.5)]
    assert read.Scalars("validation/micro_f1")[0].value == 0.75
