"""The loggers of `train.report_to`: torchtune's own, which write local files only."""

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
    """Logs to standard output and to a folder for each of `report_to` (a torchtune component)."""

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
        """Log the config to standard output alone: the reporters' files must not hold local paths."""
        self._loggers[0].log_config(config)

    def close(self) -> None:
        """Flush and close all loggers."""
        for logger in self._loggers:
            logger.close()
