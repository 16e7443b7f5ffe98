"""Who is told of a training's scalars while it goes on, by torchtune's own loggers, all of them into local files."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
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

from recipes.common.protocol import StepFailed


def _wandb(folder: Path) -> Any:
    return WandBLogger(project="exp", log_dir=str(folder), mode="offline")


def _mlflow(folder: Path) -> Any:
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return MLFlowLogger(experiment_name="exp", tracking_uri=folder.absolute().as_uri())


_LOGGERS: Mapping[str, Callable[[Path], Any]] = {
    "tensorboard": lambda folder: TensorBoardLogger(str(folder)),
    "wandb": _wandb,
    "mlflow": _mlflow,
}


def require_reporters(report_to: Sequence[str]) -> None:
    """Fail where a reporter's package is not in this environment."""
    for name in report_to:
        if importlib.util.find_spec(name) is None:
            raise StepFailed(
                "reporter-missing",
                f"report_to: [{name}] needs the package {name}, which this environment does not have",
                f"Install it beside the trainer (python -m pip install {name}, with this environment's python), or "
                "take it out of train.report_to.",
            )


class Reporters(MetricLoggerInterface):  # type: ignore[misc]
    """Standard output, and each of `report_to` in a folder of its own (a torchtune component)."""

    def __init__(self, report_to: Sequence[str], folder: str) -> None:
        require_reporters(report_to)
        self._loggers = [StdoutLogger(), *(_LOGGERS[name](Path(folder) / name) for name in report_to)]

    def log(self, name: str, data: Any, step: int) -> None:
        """Log one value."""
        for logger in self._loggers:
            logger.log(name, data, step)

    def log_dict(self, payload: Any, step: int) -> None:
        """Log some values."""
        for logger in self._loggers:
            logger.log_dict(payload, step)

    def log_config(self, config: DictConfig) -> None:
        """Log the config where it does not leave this machine's paths in a report."""
        self._loggers[0].log_config(config)

    def close(self) -> None:
        """Flush and close all."""
        for logger in self._loggers:
            logger.close()
