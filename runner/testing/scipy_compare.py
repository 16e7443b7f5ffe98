"""Does with SciPy, scikit-learn and statsmodels what `exp compare` does, from the files of a finished run.

python scipy_compare.py RUN_FOLDER ARM ARM...: the first arm is compared with each other one, in the raw view.
Prints JSON. Shares no code and no random numbers with exp.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import f1_score, jaccard_score
from sklearn.preprocessing import MultiLabelBinarizer
from statsmodels.stats.multitest import multipletests

RESAMPLES = 9_999


class Arm:
    """An arm's answers as 0/1 matrices over training labels, gold labels, and one column for all else."""

    def __init__(self, folder: Path, name: str) -> None:
        lines = (folder / name / "predictions.jsonl").read_text("utf-8").splitlines()
        rows = sorted((json.loads(line) for line in lines), key=lambda row: row["id"])
        training = json.loads((folder / "data" / "labels.json").read_text("utf-8"))
        space = {one["label"] for one in training} | {label for row in rows for label in row["gold"]}
        binarizer = MultiLabelBinarizer(classes=[*sorted(space), "\0other"])
        known = [[label if label in space else "\0other" for label in row["labels"]] for row in rows]
        self.gold = binarizer.fit_transform([row["gold"] for row in rows])
        self.pred = binarizer.transform(known)
        self.hits = self.gold * self.pred
        self.n = len(rows)
        # An answer that could not be read is never correct, also if gold is empty.
        self.right = (self.gold == self.pred).all(axis=1) & np.array([row["parsed"] for row in rows])

    def metrics(self) -> dict[str, float]:
        gold, pred = self.gold, self.pred
        in_gold = np.flatnonzero(gold.any(axis=0))
        return {
            "micro_f1": float(f1_score(gold, pred, average="micro", zero_division=0)),
            "macro_f1": float(f1_score(gold, pred, average="macro", labels=in_gold, zero_division=0)),
            "samples_f1": float(f1_score(gold, pred, average="samples", zero_division=0)),
            "exact_match": float(self.right.mean()),
            "jaccard_samples": float(jaccard_score(gold, pred, average="samples", zero_division=0)),
        }

    def case_scores(self, metric: str) -> Any:
        both, size = self.hits.sum(axis=1), (self.gold + self.pred).sum(axis=1)
        with np.errstate(invalid="ignore"):
            scores = {
                "samples_f1": 2 * both / size,
                "jaccard_samples": both / (size - both),
                "exact_match": self.right.astype(float),
            }[metric]
        return np.nan_to_num(scores)


def micro(hits: Any, sizes: Any) -> Any:
    return lambda rows, axis=-1: 2 * hits[rows].sum(axis=axis) / sizes[rows].sum(axis=axis)


def interval(statistic: Any, n: int) -> list[float]:
    result = stats.bootstrap(
        (np.arange(n),), statistic, n_resamples=RESAMPLES, method="BCa", batch=500, rng=np.random.default_rng(11)
    )
    return [float(result.confidence_interval.low), float(result.confidence_interval.high)]


def main(folder: Path, names: list[str]) -> None:
    arms = {name: Arm(folder, name) for name in names}
    out: dict[str, Any] = {"arms": {}, "pairs": {}}
    for name, arm in arms.items():
        hits, sizes = arm.hits.sum(axis=1), (arm.gold + arm.pred).sum(axis=1)
        ends = {"micro_f1": interval(micro(hits, sizes), arm.n)}
        exact = stats.binomtest(int(arm.right.sum()), arm.n).proportion_ci(method="exact")
        ends["exact_match"] = [float(exact.low), float(exact.high)]
        for metric in ("samples_f1", "jaccard_samples"):
            scores = arm.case_scores(metric)
            ends[metric] = interval(lambda rows, axis=-1, scores=scores: scores[rows].mean(axis=axis), arm.n)
        out["arms"][name] = {"metrics": arm.metrics(), "intervals": ends}

    first, *others = names
    chances = []
    for other in others:
        a, b = arms[first], arms[other]
        hits = np.concatenate([a.hits.sum(axis=1), b.hits.sum(axis=1)])
        sizes = np.concatenate([(a.gold + a.pred).sum(axis=1), (b.gold + b.pred).sum(axis=1)])
        of = micro(hits, sizes)
        difference = lambda rows, axis=-1, of=of, n=a.n: of(rows, axis) - of(rows + n, axis)  # noqa: E731
        swapped = stats.permutation_test(
            (np.arange(a.n), a.n + np.arange(a.n)),
            lambda x, y, axis=-1, of=of: of(x, axis) - of(y, axis),
            permutation_type="samples",
            n_resamples=RESAMPLES,
            batch=500,
            rng=np.random.default_rng(12),
        )
        right = [arm.case_scores("exact_match") == 1 for arm in (a, b)]
        only_a, only_b = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
        disagreements = only_a + only_b
        exact = stats.binomtest(only_a, disagreements).pvalue if disagreements else 1.0
        chances.append(float(swapped.pvalue))
        out["pairs"][other] = {
            "micro_f1": interval(difference, a.n),
            "p_randomisation": float(swapped.pvalue),
            "mcnemar": [only_a, only_b, float(exact)],
        }
    out["holm"] = dict(zip(others, multipletests(chances, method="holm")[1].tolist(), strict=True))
    print(json.dumps(out))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
