"""The trainer callback that logs to a local Trackio database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from recipes.common.training.trackers import TrackioRun, link_of, run_name


class TrackioCallback(TrainerCallback):
    """Logs what the trainer logs: losses, learning rates and validation results."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._run: TrackioRun | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the run. `work` is the folder "axolotl" of the step's work folder."""
        step = self._work.parent
        self._run = TrackioRun(self._work / "reports" / "trackio", run_name(step), link_of(step))

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log the numbers of a step."""
        if self._run is not None:
            self._run.log(kwargs["logs"], state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write what is queued."""
        if self._run is not None:
            self._run.close()
