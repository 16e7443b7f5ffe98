"""Output of the reporters that `train.report_to` names.

TensorBoard's file is written once, from the numbers of train.json. Equal numbers give equal bytes, because the file
holds no host name and no time of day.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Curves = Mapping[str, Sequence[tuple[int, float]]]
"""Name -> (step, value)."""


def keep_reports(step_params: Mapping[str, Any], reports: Path, output: Path, report: Mapping[str, Any]) -> None:
    """Write a folder for each reporter into `output`: TensorBoard's from `report`, which is train.json, the others from
    their folders in `reports`. Symbolic links, such as the one to the latest W&B run, are left out."""

    def links(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder, name).is_symlink()]

    for name in step_params.get("report_to") or []:
        if name == "tensorboard":
            write_curves(output / name, curves_of(report["loss"], report["validation"]))
        else:
            shutil.copytree(reports / name, output / name, ignore=links, dirs_exist_ok=True)


def curves_of(loss: Sequence[Mapping[str, float]], validation: Sequence[Mapping[str, float]]) -> Curves:
    """The curves of train.json's `loss` (step, loss, learning_rate) and `validation` (step, loss, scores)."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for group, entries in (("train", loss), ("validation", validation)):
        for entry in entries:
            for name, value in entry.items():
                if name not in ("step", "epoch"):
                    curves.setdefault(f"{group}/{name}", []).append((int(entry["step"]), value))
    return curves


def write_curves(folder: Path, curves: Curves) -> None:
    """Write the curves into a folder that `tensorboard --logdir` reads. The wall time of a point is its step, in
    seconds."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.out.tfevents.0").open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
        for name in sorted(curves):
            for step, value in curves[name]:
                summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
                writer.write(Event(wall_time=float(step), step=step, summary=summary).SerializeToString())
        writer.flush()
