"""The runs of a training in trackers: their names, Trackio's logger, and the links from train's evidence to them.

A run is named after the step's cache key, which the manifest lists, and records the key itself.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recipes.common.protocol import Step

PROJECT = "exp"
"""The project, or MLflow's experiment, of all runs."""


def run_name(work: Path) -> str:
    """The name of a training in trackers: "train-" and the first 12 characters of its cache key. `exp show` finds the
    run by it. `work` is the step's work folder, which the runner names after the key."""
    return f"train-{work.name[:12]}"


def link_of(work: Path) -> dict[str, str]:
    """What a tracker records of the step, by which the manifest is found."""
    return {"exp_key": work.name}


class TrackioRun:
    """A run in a local Trackio database. A resumed training continues the run of its name."""

    def __init__(self, folder: Path, name: str, link: Mapping[str, str]) -> None:
        # Trackio reads the folder when it is imported. Without a space it uses no network.
        os.environ["TRACKIO_DIR"] = str(folder)
        import trackio

        self._run = trackio.init(
            project=PROJECT, name=name, resume="allow", embed=False, auto_log_gpu=False, config=dict(link)
        )

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Log the numbers among the values at an optimiser step."""
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, (int, float))}
        self._run.log(numbers, step=step)

    def close(self) -> None:
        """Write what is queued."""
        self._run.finish()


@contextmanager
def mlflow_uri(folder: Path) -> Iterator[str]:
    """The address of a folder for MLflow, valid in the context. MLflow reads no run below a folder that is called
    "artifacts", as that of a study is. The address is that of a link in the temporary folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="exp-mlflow-") as temporary:
        link = Path(temporary) / "mlflow"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link.as_uri()


def mlflow_run(folder: Path) -> str | None:
    """The id of the only run in a folder of MLflow; None if there is none. A resumed training continues it."""
    ids = sorted(file.parent.name for file in folder.glob("*/*/meta.yaml"))
    return ids[0] if len(ids) == 1 else None


def tracked_runs(step: Step) -> list[dict[str, str]]:
    """What the evidence says of each tracker of `report_to`: its name, the run, and the run's id or folder if it
    differs. TensorBoard has no runs: its folder is the run."""
    tracked = []
    for tracker in step.params.get("report_to") or []:
        entry = {"tracker": tracker} if tracker == "tensorboard" else {"tracker": tracker, "run": run_name(step.work)}
        folder = step.output / tracker
        if tracker == "mlflow" and (found := mlflow_run(folder)) is not None:
            entry["id"] = found
        if tracker == "wandb":
            # The time follows "offline-run-", so that the last name is the latest attempt.
            folders = sorted(str(file.relative_to(step.output)) for file in folder.rglob("offline-run-*"))
            entry |= {"folder": folders[-1]} if folders else {}
        tracked.append(entry)
    return tracked
