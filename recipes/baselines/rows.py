"""Rows and answers of the baselines that train a classifier for each label."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Report = Callable[[int, int], None]
"""Called before each fit with the number of fits that are done and that of all fits. It may raise `Interrupted`."""


@dataclass(frozen=True)
class Answers:
    """What a classifier answers to cases."""

    names: list[str]
    """The labels."""
    margins: NDArray[np.float64]
    """The score of each label, [cases, labels]."""
    threshold: float | None
    """The margin above which a label is predicted. None: the label with the largest margin is predicted."""
    evidence: dict[str, Any]
    """How the classifier was chosen."""

    def order(self, case: int) -> list[int]:
        """The labels of a case, the one with the largest margin first, ties in the order of `names`."""
        return [int(at) for at in np.argsort(-self.margins[case], kind="stable")]

    def chosen(self, case: int) -> list[int]:
        """The predicted labels of a case, in the same order."""
        order = self.order(case)
        threshold = self.threshold
        return order[:1] if threshold is None else [at for at in order if self.margins[case, at] > threshold]


def row_groups(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The group of each row: rows of one group must not be in different folds. Without a `group`, rows with the same
    text are a group, such as the copies of oversampling."""
    return [row.get("group", row["input"]) for row in rows]


def write_answers(output: Path, rows: Sequence[Mapping[str, Any]], answers: Answers) -> None:
    """Write responses.jsonl and margins.jsonl for the cases `rows`."""
    with (
        (output / "responses.jsonl").open("w", encoding="utf-8") as responses,
        (output / "margins.jsonl").open("w", encoding="utf-8") as margins,
    ):
        for at, row in enumerate(rows):
            labels = [answers.names[label] for label in answers.chosen(at)]
            responses.write(json.dumps({"id": row["id"], "labels": labels}, ensure_ascii=False) + "\n")
            case = answers.margins[at]
            # A label with a margin of -1 or less is left out: the classifier excludes it.
            above = {answers.names[one]: round(float(case[one]), 6) for one in answers.order(at) if case[one] > -1.0}
            margins.write(json.dumps({"id": row["id"], "margins": above}, ensure_ascii=False) + "\n")


def silent(_done: int, _total: int) -> None:
    """Report nothing."""
