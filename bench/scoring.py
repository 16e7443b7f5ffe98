"""Reference implementations of exp's scoring, with NumPy, SciPy's sparse matrices and scikit-learn.

python scoring.py metrics CASES.jsonl            the metrics of `exp score` in one label view, by scikit-learn
python scoring.py bootstrap CASES.jsonl SAMPLES  five metrics with percentile intervals
python scoring.py pairs SAMPLES RUN.jsonl...     bootstrap differences, approximate randomisation and exact McNemar
                                                 for each pair of runs over the same cases
python scoring.py diff A.jsonl B.jsonl           numbers of cases that only one of two runs answers exactly
"""

from __future__ import annotations

import json
import sys
from itertools import combinations
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, hamming_loss, jaccard_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

METRICS = ("micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples")


def read(path: str) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def matrices(cases: list[dict[str, Any]], pred: str = "pred") -> tuple[Any, Any]:
    gold, answers = [case["gold"] for case in cases], [case[pred] for case in cases]
    binarizer = MultiLabelBinarizer(sparse_output=True).fit(gold + answers)
    return binarizer.transform(gold), binarizer.transform(answers)


def metrics(path: str) -> dict[str, float]:
    true, guess = matrices(read(path))
    scores = {"exact_match": accuracy_score(true, guess), "hamming_loss": hamming_loss(true, guess)}
    for average in ("micro", "macro", "samples", "weighted"):
        precision, recall, f1, _ = precision_recall_fscore_support(true, guess, average=average, zero_division=0)
        scores[f"{average}_f1"] = f1
        if average != "weighted":
            scores |= {f"{average}_precision": precision, f"{average}_recall": recall}
            scores[f"jaccard_{average}"] = jaccard_score(true, guess, average=average, zero_division=0)
    return scores


class Counts:
    """Sufficient statistics of the metrics of a run: sparse hits and sizes by label, and scores by case."""

    def __init__(self, true: Any, guess: Any) -> None:
        hits = true.multiply(guess)
        self.by_label = csr_matrix(hits), csr_matrix(true + guess)
        both = np.asarray(hits.sum(axis=1)).ravel().astype(float)
        size = np.asarray((true + guess).sum(axis=1)).ravel().astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            f1, jaccard = np.nan_to_num(2 * both / size), np.nan_to_num(both / (size - both))
        self.right = 2 * both == size
        self.by_case = np.stack([f1, self.right.astype(float), jaccard], axis=1)

    def scores(self, weights: Any) -> Any:
        """weights [samples, cases] -> metrics [samples, metrics]"""
        hits, sizes = (weights @ part for part in self.by_label)
        cases = (weights @ self.by_case) / weights.sum(axis=1, keepdims=True)
        return summarise(hits, sizes, cases)


def summarise(hits: Any, sizes: Any, cases: Any) -> Any:
    present = sizes > 0
    f1 = np.divide(2 * hits, sizes, out=np.zeros(hits.shape), where=present)
    micro = 2 * hits.sum(axis=1) / sizes.sum(axis=1)
    return np.stack([micro, f1.sum(axis=1) / present.sum(axis=1), *cases.T], axis=1)


def bootstrap(path: str, samples: int) -> dict[str, Any]:
    counts = Counts(*matrices(read(path)))
    n = len(counts.right)
    rng = np.random.default_rng(1)
    values = [counts.scores(np.bincount(rng.integers(n, size=n), minlength=n)[None, :]) for _ in range(samples)]
    ends = np.percentile(np.concatenate(values), [2.5, 97.5], axis=0)
    point = counts.scores(np.ones((1, n), dtype=np.int64))[0]
    return {name: [point[at], *ends[:, at]] for at, name in enumerate(METRICS)}


def pairs(samples: int, paths: list[str]) -> dict[str, Any]:
    runs = [Counts(*matrices(read(path), "labels")) for path in paths]
    n = len(runs[0].right)
    rng = np.random.default_rng(1)
    weights = np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(samples)])
    drawn = [run.scores(weights) for run in runs]
    swaps = rng.integers(2, size=(samples, n), dtype=np.int64)
    found = {}
    for a, b in combinations(range(len(runs)), 2):
        ends = np.percentile(drawn[a] - drawn[b], [2.5, 97.5], axis=0)
        seen = np.abs(np.subtract(*(run.scores(np.ones((1, n), dtype=np.int64)) for run in (runs[a], runs[b]))))
        first, second = (swapped(runs[one], runs[other], swaps) for one, other in ((a, b), (b, a)))
        p = (1 + (np.abs(first - second) >= seen - 1e-12).sum(axis=0)) / (1 + samples)
        only = int((runs[a].right & ~runs[b].right).sum()), int((runs[b].right & ~runs[a].right).sum())
        exact = binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0
        found[f"{a} {b}"] = {"ends": ends.tolist(), "p": p.tolist(), "mcnemar": exact}
    return found


def swapped(own: Counts, other: Counts, swaps: Any) -> Any:
    """Metrics of a run after the answers of marked cases are exchanged with those of the other run."""
    keep = 1 - swaps
    parts = zip(own.by_label, other.by_label, strict=True)
    hits, sizes = (keep @ mine + swaps @ theirs for mine, theirs in parts)
    return summarise(hits, sizes, (keep @ own.by_case + swaps @ other.by_case) / swaps.shape[1])


def diff(a: str, b: str) -> dict[str, int]:
    def right(case: dict[str, Any]) -> bool:
        return set(case["gold"]) == set(case["labels"])

    first = {case["id"]: right(case) for case in read(a)}
    second = {case["id"]: right(case) for case in read(b)}
    return {
        "fixed": sum(not was and second[case] for case, was in first.items()),
        "broken": sum(was and not second[case] for case, was in first.items()),
    }


def main(what: str, *args: str) -> None:
    if what == "metrics":
        print(json.dumps(metrics(args[0])))
    elif what == "bootstrap":
        print(json.dumps(bootstrap(args[0], int(args[1]))))
    elif what == "pairs":
        print(json.dumps(pairs(int(args[0]), list(args[1:]))))
    else:
        print(json.dumps(diff(*args)))


if __name__ == "__main__":
    main(*sys.argv[1:])
