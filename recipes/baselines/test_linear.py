"""The linear baseline chooses classifier, features and thresholds on training rows, and is reproducible."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.baselines import linear
from recipes.baselines.features import mark_negation, marked_clauses
from recipes.baselines.linear import best_cut, cross_fitted, folds_of, thresholds_of
from recipes.baselines.linear_features import Terms, group_words, normal_clauses, subject_words
from recipes.common.protocol import Step


def answer(
    tmp: Path,
    train: list[dict[str, Any]],
    test: list[dict[str, Any]],
    inputs: dict[str, Path] | None = None,
    **params: Any,
) -> tuple[list[list[str]], dict[str, Any]]:
    paths = {"train": tmp / "train.jsonl", "test": tmp / "test.jsonl"}
    for name, data in (("train", train), ("test", test)):
        paths[name].write_text("".join(json.dumps(row) + "\n" for row in data))
    step = Step(
        name="generate.linear",
        params={"baseline": "linear", "folds": 3, "seed": 1, **params},
        inputs={**paths, **(inputs or {})},
        local_paths={},
        output=tmp,
        work=tmp,
        progress_path=tmp / "progress.jsonl",
        cores=1,
    )
    evidence = linear.run(step)
    lines = [json.loads(line) for line in (tmp / "responses.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [row["id"] for row in test]
    return [line["labels"] for line in lines], evidence


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Texts in which one word of many determines each label."""
    draw = random.Random(seed)
    made = []
    for at in range(count):
        gold = [label for label in range(5) if draw.random() < 0.4 / (label + 1)]
        words = [f"sign{label}" for label in gold] + [f"noise{draw.randrange(60)}" for _ in range(15)]
        draw.shuffle(words)
        made.append({"id": str(at), "input": " ".join(words), "gold": [f"Label {label}" for label in gold]})
    return made


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer candidates."""
    monkeypatch.setattr(linear, "WORD_FEATURES", ("negation",))
    monkeypatch.setattr(linear, "MORE_FEATURES", ())


def test_it_chooses_the_classifier_that_finds_the_few_words_that_matter(tmp_path: Path, short: None) -> None:
    answers, evidence = answer(tmp_path, rows(150, 1), (test := rows(50, 2)))
    assert evidence["model"].startswith("sparse")
    scores = evidence["micro_f1_by_candidate"]
    assert scores[f"{evidence['model']}: negation"] >= scores["svm: negation"] + linear.MIN_GAIN
    assert sum(set(found) == set(row["gold"]) for found, row in zip(answers, test, strict=True)) > 45
    assert answer(tmp_path, rows(150, 1), test) == (answers, evidence)
    for line, labels in zip((tmp_path / "margins.jsonl").read_text().splitlines(), answers, strict=True):
        margins = json.loads(line)["margins"]
        assert [label for label, margin in margins.items() if margin > evidence["threshold"]] == labels


def test_test_rows_select_nothing(tmp_path: Path, short: None) -> None:
    train, test = rows(90, 1), rows(12, 2)
    other = [{**row, "gold": ["Label 0"]} for row in test]
    assert answer(tmp_path, train, test) == answer(tmp_path, train, other)


def test_spellings_of_a_label_are_one_label(tmp_path: Path, short: None) -> None:
    train = rows(90, 1)
    mixed = [
        {**row, "gold": [label.upper() + "." if at % 3 == 0 else label for label in row["gold"]] + [" "]}
        for at, row in enumerate(train)
    ]
    answers, evidence = answer(tmp_path, mixed, rows(12, 2))
    assert evidence["labels"] == 5
    assert (answers, evidence) == answer(tmp_path, train, rows(12, 2))


def test_single_label_answers_every_case_with_one_label(tmp_path: Path, short: None) -> None:
    draw = random.Random(3)
    made = [
        {"id": str(at), "input": f"sign{at % 4} noise{draw.randrange(9)}", "gold": [f"label {at % 4}"]}
        for at in range(60)
    ]
    unknown = [{"id": "x", "input": "words that no row has", "gold": ["label 0"]}]
    answers, evidence = answer(tmp_path, made[:40], [*made[40:], *unknown], single=True)
    assert answers[:20] == [row["gold"] for row in made[40:]]
    assert [len(labels) for labels in answers] == [1] * 21
    assert evidence["threshold"] is None
    assert max(evidence["accuracy_by_candidate"].values()) == 1


@pytest.mark.parametrize(
    ("text", "expected"), [("", ["all"]), (" ", ["all"]), ("++", ["all"]), ("满意", ["all"]), ("one", ["all"])]
)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_few_rows_and_texts_without_words(tmp_path: Path, text: str, expected: list[str], count: int) -> None:
    train = [{"id": str(at), "input": text, "gold": ["all"]} for at in range(count)]
    assert answer(tmp_path, train, train[:1])[0] == [expected]


def test_rows_without_labels(tmp_path: Path) -> None:
    train = [{"id": str(at), "input": f"word{at}", "gold": []} for at in range(6)]
    assert answer(tmp_path, train, train[:2])[0] == [[], []]


def test_learns_from_texts_without_spaces(tmp_path: Path, short: None) -> None:
    draw = random.Random(4)

    def text(at: int) -> str:
        words = ("满意", "失望")[at % 2]
        return "".join([*draw.choices("天地玄黄宇宙洪荒日月", k=6), words, *draw.choices("天地玄黄宇宙洪荒日月", k=6)])

    made = [{"id": str(at), "input": text(at), "gold": [("good", "bad")[at % 2]]} for at in range(60)]
    assert answer(tmp_path, made[:40], made[40:], single=True)[0] == [row["gold"] for row in made[40:]]


def test_groups_stay_in_one_fold_and_only_the_first_rows_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [f"group {at // 3}" for at in range(30)]
    folds = folds_of(groups, 3, 1)
    assert folds is not None
    assert all(len(set(folds[at : at + 3])) == 1 for at in range(0, 30, 3))
    assert set(folds) == {0, 1, 2}
    assert folds_of(groups[:6], 3, 1) is None
    monkeypatch.setattr(linear, "MOST_ROWS", 12)
    fewer = folds_of(groups, 3, 1)
    assert fewer is not None
    assert int((fewer >= 0).sum()) == 12
    assert np.array_equal(fewer[fewer >= 0], folds[fewer >= 0])


@pytest.mark.parametrize(
    ("sentence", "clauses"),
    [
        ("The liver shows a cyst, no stone; kidneys normal", "the liver shows cyst|no not_stone|kidneys normal"),
        ("Without cyst but with stone", "without not_cyst|but with stone"),
        ("Cyst excluded, stone ruled out.", "not_cyst not_excluded|not_stone not_ruled not_out"),
        (", ;", ""),
    ],
)
def test_clauses_of_a_sentence(sentence: str, clauses: str) -> None:
    found = marked_clauses(sentence)
    assert "|".join(" ".join(clause) for clause in found) == clauses
    assert mark_negation(sentence) == [word for clause in found for word in clause]


def test_words_are_crossed_with_the_subject_of_their_clause() -> None:
    texts = ["The engine is loud. Brakes: worn. The doors are fine, loose handle."] * 5
    assert {"engine", "door"} <= subject_words(texts)
    assert not {"loud", "worn", "fine"} & subject_words(texts)
    terms = Terms(["subject"])
    terms.fit(texts, np.ones((5, 1), dtype=bool))
    names = set(terms._vectorizers[0].get_feature_names_out())
    assert {"engine > loud", "brake > worn", "door > fine", "door > handle"} <= names


def test_words_of_a_group_have_the_group_as_subject() -> None:
    groups = group_words({"motor": ["Engine noise", "No oil"], "body": ["Door noise", "Rust, 2"]})
    assert groups == {
        "motor": "motor",
        "engine": "motor",
        "oil": "motor",
        "body": "body",
        "door": "body",
        "rust": "body",
    }
    terms = Terms(["subject"], groups)
    terms.fit(["Engines knock, low oil. Doors: loose handle. The wipers smear."] * 5, np.ones((5, 1), dtype=bool))
    names = set(terms._vectorizers[0].get_feature_names_out())
    assert {"motor > knock", "motor > low", "body > loose", "body > handle", "wiper > smear"} <= names


def test_groups_are_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "MODELS", {"sparse_svm": linear.MODELS["sparse_svm"]})
    monkeypatch.setattr(linear, "WORD_FEATURES", ("negation",))
    monkeypatch.setattr(linear, "MORE_FEATURES", ("subject",))
    draw = random.Random(5)
    # Forty words for each of two subjects: what is worn has the name of its group.
    groups = {f"group {name}": [f"{name}{at}" for at in range(40)] for name in "ab"}
    made = []
    for at in range(90):
        worn, fine = draw.sample([("a", "A"), ("b", "B")], 2)
        parts = [f"{worn[0]}{draw.randrange(40)} worn", f"{fine[0]}{draw.randrange(40)} fine"]
        draw.shuffle(parts)
        made.append({"id": str(at), "input": ". ".join(parts), "gold": [worn[1]]})
    (tmp_path / "groups.json").write_text(json.dumps(groups))
    scores = [
        answer(tmp_path, made, made[:1], inputs={"groups": tmp_path / "groups.json"} if given else {})[1]
        for given in (False, True)
    ]
    name = "sparse_svm: negation + subject"
    assert scores[1]["micro_f1_by_candidate"][name] > scores[0]["micro_f1_by_candidate"][name] + 0.02


def test_frequent_clauses_without_a_label_are_left_out() -> None:
    gold = np.array([[at % 2 == 0] for at in range(40)])
    texts = [f"Seen on day {at + 10}. {'Oil leaks.' if has else 'Oil is dry.'}" for at, (has,) in enumerate(gold)]
    assert normal_clauses(texts, gold) == {"seen on day #", "oil is dry"}
    terms = Terms(["informative"])
    terms.fit(texts, gold)
    assert set(terms._vectorizers[0].get_feature_names_out()) == {"oil", "leaks", "oil leaks"}


def test_thresholds_of_rare_labels_are_nearer_to_the_common_one() -> None:
    margins = np.zeros((120, 2))
    gold = np.zeros((120, 2), dtype=bool)
    gold[:60, 0] = gold[:6, 1] = True
    margins[:, 0] = np.where(gold[:, 0], 0.9, 0.7)
    margins[:, 1] = np.where(gold[:, 1], 0.0, -0.5)
    assert not thresholds_of(margins, gold, None).shifts.any()
    own = thresholds_of(margins, gold, 10)
    # The common threshold fits the frequent label.
    assert own.common == pytest.approx(0.8)
    assert own.shifts == pytest.approx([0, (0.8 + 0.25) * 6 / 16])
    folds = np.arange(120) % 3
    assert cross_fitted(margins, gold, folds, 1) > cross_fitted(margins, gold, folds, None)


def test_a_cut_lies_between_different_margins() -> None:
    assert best_cut(np.array([0.5, 0.5, 0.1]), np.array([True, False, False]), None)[0] == pytest.approx(0.3)
    assert best_cut(np.array([0.5, 0.1]), np.array([False, False]), 0.5)[0] > 0.5
