"""The metrics of `exp score` in the raw label view, by scikit-learn: python scoring.py CASES.jsonl"""

from __future__ import annotations

import json
import sys

from sklearn.metrics import accuracy_score, hamming_loss, jaccard_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer


def main(path: str) -> None:
    with open(path, encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    gold = [case["gold"] for case in cases]
    pred = [case["pred"] for case in cases]
    binarizer = MultiLabelBinarizer(sparse_output=True).fit(gold + pred)
    true, guess = binarizer.transform(gold), binarizer.transform(pred)
    scores = {"exact_match": accuracy_score(true, guess), "hamming_loss": hamming_loss(true, guess)}
    for average in ("micro", "macro", "samples", "weighted"):
        precision, recall, f1, _ = precision_recall_fscore_support(true, guess, average=average, zero_division=0)
        scores[f"{average}_f1"] = f1
        if average != "weighted":
            scores |= {f"{average}_precision": precision, f"{average}_recall": recall}
            scores[f"jaccard_{average}"] = jaccard_score(true, guess, average=average, zero_division=0)
    print(json.dumps(scores))


if __name__ == "__main__":
    main(sys.argv[1])
