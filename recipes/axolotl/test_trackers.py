"""A Trackio run is written without a network and continued by a resumed training; evidence names the runs."""

from __future__ import annotations

import json
import socket
import sqlite3
from pathlib import Path

import pytest

from recipes.axolotl.conftest import Start
from recipes.common.training.trackers import TrackioRun, mlflow_run, tracked_runs


def test_a_trackio_run_is_local_and_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import trackio  # noqa: F401 (opens no connection)

    def refuse(*_args: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    # Trackio has read its folder by now.
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path)
    for step in (1, 2):
        run = TrackioRun(tmp_path, "train-abc", {"exp_key": "abc"})
        run.log({"loss": 0.5 / step, "note": "not a number"}, step)
        run.close()
    base = sqlite3.connect(tmp_path / "exp.db")
    rows = base.execute("SELECT run_name, step, metrics FROM metrics ORDER BY step").fetchall()
    assert [(name, step, json.loads(values)) for name, step, values in rows] == [
        ("train-abc", 1, {"loss": 0.5}),
        ("train-abc", 2, {"loss": 0.25}),
    ]
    ((config,),) = base.execute("SELECT config FROM configs").fetchall()
    assert json.loads(config)["exp_key"] == "abc"


def test_evidence_names_the_runs(start: Start) -> None:
    step = start(report_to=["tensorboard", "wandb", "mlflow"])
    for folder in ("wandb/offline-run-20260101_1-x", "wandb/offline-run-20260102_1-x", "mlflow/7/0ab"):
        (step.output / folder).mkdir(parents=True)
    (step.output / "mlflow/7/0ab/meta.yaml").touch()
    name = "train-work"
    assert tracked_runs(step) == [
        {"tracker": "tensorboard"},
        {"tracker": "wandb", "run": name, "folder": "wandb/offline-run-20260102_1-x"},
        {"tracker": "mlflow", "run": name, "id": "0ab"},
    ]
    assert mlflow_run(step.output) is None
