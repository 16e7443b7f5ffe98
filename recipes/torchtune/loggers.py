"""The loggers of `train.report_to`: torchtune's own, which write local files only."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torchtune.training.metric_logging import (
    MetricLoggerInterface,
    MLFlowLogger,
    StdoutLogger,
    TensorBoardLogger,
    WandBLogger,
)
from torchtune.utils import get_world_size_and_rank

from recipes.common.protocol import StepFailed
from recipes.common.training.trackers import PROJECT, TrackioRun, mlflow_run, mlflow_uri


def _wandb(folder: Path, name: str, link: Mapping[str, str]) -> Any:
    about = {"name": name, "id": name, "resume": "allow", "config": dict(link)}
    return WandBLogger(project=PROJECT, log_dir=str(folder), mode="offline", **about)


class _MLflow(MLFlowLogger):  # type: ignore[misc]
    """torchtune's logger, with the run of an earlier attempt and the link to the step."""

    def __init__(self, folder: Path, name: str, link: Mapping[str, str]) -> None:
        import mlflow

        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        if (earlier := mlflow_run(folder)) is not None:
            os.environ["MLFLOW_RUN_ID"] = earlier
        self._folder = ExitStack()
        uri = self._folder.enter_context(mlflow_uri(folder))
        super().__init__(experiment_name=PROJECT, tracking_uri=uri, run_name=name)
        if self.rank == 0:
            mlflow.set_tags(dict(link))

    def close(self) -> None:
        """End the run."""
        super().close()
        self._folder.close()


class _Trackio(MetricLoggerInterface):  # type: ignore[misc]
    """Rank 0 logs to a local Trackio database."""

    def __init__(self, folder: Path, name: str, link: Mapping[str, str]) -> None:
        self._run = TrackioRun(folder, name, link) if get_world_size_and_rank()[1] == 0 else None

    def log(self, name: str, data: Any, step: int) -> None:
        self.log_dict({name: data}, step)

    def log_dict(self, payload: Any, step: int) -> None:
        if self._run is not None:
            self._run.log({name: float(value) for name, value in payload.items()}, step)

    def close(self) -> None:
        if self._run is not None:
            self._run.close()


_LOGGERS: Mapping[str, Callable[[Path, str, Mapping[str, str]], Any]] = {
    "tensorboard": lambda folder, _name, _link: TensorBoardLogger(str(folder)),
    "wandb": _wandb,
    "mlflow": _MLflow,
    "trackio": _Trackio,
}


def require_reporters(report_to: Sequence[str]) -> None:
    """Fail with `reporter-missing` if a reporter's package is not in this environment."""
    for name in report_to:
        if importlib.util.find_spec(name) is None:
            raise StepFailed(
                "reporter-missing",
                f"train.report_to: [{name}] needs the package {name}, which is not in the trainer's environment",
                f"Install it with the environment's Python (python -m pip install {name}), or remove it from "
                "train.report_to.",
            )


class Loggers(MetricLoggerInterface):  # type: ignore[misc]
    """Logs to standard output and to a folder for each of `report_to` (a torchtune component). `run` is the name of the
    training in trackers, and `link` what they record of the step."""

    def __init__(self, report_to: Sequence[str], folder: str, run: str, link: Mapping[str, str]) -> None:
        require_reporters(report_to)
        self._loggers = [StdoutLogger(), *(_LOGGERS[name](Path(folder) / name, run, link) for name in report_to)]

    def log(self, name: str, data: Any, step: int) -> None:
        """Log one value."""
        for logger in self._loggers:
            logger.log(name, data, step)

    def log_dict(self, payload: Any, step: int) -> None:
        """Log some values."""
        for logger in self._loggers:
            logger.log_dict(payload, step)

    def log_config(self, config: DictConfig) -> None:
        """Log the config to standard output alone: the reporters' files must not hold local paths."""
        self._loggers[0].log_config(config)

    def close(self) -> None:
        """Flush and close all loggers."""
        for logger in self._loggers:
            logger.close()
