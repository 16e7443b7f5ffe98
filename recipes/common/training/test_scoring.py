"""Labels are read as in the runner, and scores equal scikit-learn's."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score
from sklearn.preprocessing import MultiLabelBinarizer

from recipes.common.training.scoring import METRICS, Row, basic_form, labels_of, split_labels

# runner/data/labels/fixture.test.ts compares the same file with the TypeScript side.
FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "labels.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("label", FIXTURE["basic"])
def test_the_basic_form_equals_the_runner_s(label: str) -> None:
    assert basic_form(label) == FIXTURE["basic"][label]


@pytest.mark.parametrize("case", FIXTURE["split"], ids=lambda case: repr(case["text"]))
def test_labels_are_split_as_in_the_runner(case: dict[str, Any]) -> None:
    assert split_labels(case["text"], case["separator"]) == case["labels"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Renal cyst, renal  CYST., Hernia", {"renal cyst", "hernia"}),
        ("<think>\nHernia?\n</think>\n\nRenal cyst", {"renal cyst"}),
        ("None", set()),
        ("  none. ", set()),
        ("", set()),
        (" , ", set()),
        ("Hernia, None", {"hernia", "none"}),
        ('"Network, VPN", Hernia', {"network, vpn", "hernia"}),
    ],
)
def test_labels_of_an_answer(text: str, labels: set[str]) -> None:
    assert labels_of(text, ",") == labels


def test_a_single_label_is_the_whole_text() -> None:
    assert labels_of("Fracture, left.", ",", "single_label") == {"fracture, left"}
    assert labels_of("None", ",", "single_label") == {"none"}


def some_rows(seed: int) -> list[Row]:
    draw = random.Random(seed)
    labels = [f"label {i}" for i in range(12)]

    def some() -> frozenset[str]:
        return frozenset(draw.sample(labels, draw.randint(0, 4)))

    return [(gold := some(), gold if draw.random() < 0.3 else some()) for _ in range(40)]


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_scikit_learn_s(seed: int) -> None:
    rows = some_rows(seed)
    binarizer = MultiLabelBinarizer().fit([gold | answer for gold, answer in rows])
    gold, answer = (binarizer.transform([row[i] for row in rows]) for i in (0, 1))
    in_gold = gold.any(axis=0).nonzero()[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = {
            "micro_f1": f1_score(gold, answer, average="micro", zero_division=0),
            "macro_f1": f1_score(gold, answer, average="macro", labels=in_gold, zero_division=0),
            "samples_f1": f1_score(gold, answer, average="samples", zero_division=0),
            "exact_match": accuracy_score(gold, answer),
            "jaccard_samples": jaccard_score(gold, answer, average="samples", zero_division=0),
        }
    assert {name: metric(rows) for name, metric in METRICS.items()} == pytest.approx(want, abs=1e-12)


def test_no_rows_and_empty_sets_score_zero() -> None:
    assert {metric([]) for metric in METRICS.values()} == {0.0}
    assert {name: metric([(frozenset(), frozenset())]) for name, metric in METRICS.items()} == {
        name: float(name == "exact_match") for name in METRICS
    }
