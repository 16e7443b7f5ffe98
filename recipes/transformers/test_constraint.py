"""Constrained answers of a random model, which left alone writes nonsense: each one parses, and each label is one of
the study's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from recipes.common.encode import load_tokenizer
from recipes.common.protocol import StepFailed
from recipes.transformers.constrain_json import JsonConstraint
from recipes.transformers.constrain_labels import LabelConstraint
from recipes.transformers.constraint import Constraint
from recipes.transformers.generate import run
from recipes.transformers.test_generate import Place, cases
from recipes.transformers.vocabulary import Vocabulary

LABELS = ["banana", "banana dodo", "fracture (left, old)", "kiru", "kiru, late", "mesa", "Löwe ß", "no 12"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, "qwen3", tied=True)


def answers_of(place: Place, rows: list[dict[str, Any]], **params: Any) -> list[dict[str, Any]]:
    allowed = {"labels": LABELS, "between": ", ", "none": "None", "single": False, **params.pop("answers", {})}
    (place.tmp / "answers.json").write_text(json.dumps(allowed))
    step = place.step(rows, **params)
    step.inputs["answers"] = place.tmp / "answers.json"
    (place.tmp / "work" / "partial.jsonl").unlink(missing_ok=True)
    run(step)
    return place.responses()


def read(text: str, labels: list[str]) -> list[list[str]]:
    """Every way in which a text is labels of a list with ", " between them."""
    ways = [[label] for label in labels if label == text]
    for label in labels:
        if text.startswith(f"{label}, "):
            ways += [[label, *rest] for rest in read(text[len(label) + 2 :], labels)]
    return ways


@pytest.mark.parametrize("budget", [60, 24, 12])
def test_labels_of_the_study_none_of_them_twice(place: Place, budget: int) -> None:
    rows = cases(24)
    sampled = {"temperature": 1.0, "seed": 3, "batch_size": 8, "max_new_tokens": budget}
    responses = answers_of(place, rows, constrain="labels", **sampled)
    for response in responses:
        assert response["finish"] == "stop", response
        text = response["text"]
        assert text == "None" or any(len(set(way)) == len(way) for way in read(text, LABELS)), text
    assert len({response["text"] for response in responses}) > 3
    assert any(", " in response["text"] for response in responses)


def test_one_label_and_no_none_where_the_study_has_none(place: Place) -> None:
    one = {"labels": LABELS, "none": None, "single": True}
    for response in answers_of(place, cases(12), constrain="labels", answers=one, max_new_tokens=40):
        assert response["text"] in LABELS


@pytest.mark.parametrize("budget", [40, 8])
def test_json_is_an_array_of_strings(place: Place, budget: int) -> None:
    rows = cases(24)
    sampled = {"temperature": 2.0, "seed": 5, "batch_size": 8, "max_new_tokens": budget}
    for response in answers_of(place, rows, constrain="json", **sampled):
        assert response["finish"] == "stop"
        value = json.loads(response["text"])
        assert isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    for response in answers_of(place, rows, constrain="json", answers={"single": True}, **sampled):
        assert len(json.loads(response["text"])) == 1


def spell(constraint: Constraint, tokenizer: Any, text: str, budget: int = 100) -> bool:
    """Whether a text, in the tokenizer's own spelling, may be an answer."""
    state = constraint.start()
    for left, token in enumerate(tokenizer(text, add_special_tokens=False)["input_ids"]):
        if token not in constraint.allowed(state, budget - left)[0]:
            return False
        state = constraint.advance(state, token)
    return constraint.allowed(state, budget)[1]


def test_the_tokenizers_own_spelling_of_an_answer_is_allowed(place: Place) -> None:
    tokenizer = load_tokenizer(place.model)
    vocabulary = Vocabulary(tokenizer)
    labels = LabelConstraint(vocabulary, LABELS, ", ", "None", single=False)
    for text in (*LABELS, "None", "mesa, banana dodo, kiru", "kiru, late, Löwe ß", "fracture (left, old), no 12, mesa"):
        assert spell(labels, tokenizer, text), text
    for text in ("", "ban", "banana, ", "banana, banana", "None, mesa", "mesa, None", "mesa,kiru", "mesa, kiru, mesa"):
        assert not spell(labels, tokenizer, text), text
    array = JsonConstraint(vocabulary, single=False)
    for text in ("[]", '["a"]', '["a, b", "c \\"d\\" ß"]'):
        assert spell(array, tokenizer, text), text
    for text in ("", "[", '["a",]', '["a" "b"]', '["a"] x', '[""]', '["a\n"]', "[1]", '{"a": 1}'):
        assert not spell(array, tokenizer, text), text


def test_all_labels_can_be_said_and_then_the_answer_ends(place: Place) -> None:
    tokenizer = load_tokenizer(place.model)
    constraint = LabelConstraint(Vocabulary(tokenizer), ["a", "b"], ", ", None, single=False)
    state = constraint.start()
    for token in tokenizer("a, b", add_special_tokens=False)["input_ids"]:
        state = constraint.advance(state, token)
    assert constraint.allowed(state, 9) == ([], True)


def test_a_tokenizer_that_is_not_of_bytes_is_refused() -> None:
    backend = Tokenizer(models.BPE({"▁a": 0, "b": 1}, []))
    backend.decoder = decoders.Metaspace()
    with pytest.raises(StepFailed) as caught:
        Vocabulary(PreTrainedTokenizerFast(tokenizer_object=backend))  # type: ignore[no-untyped-call]
    assert caught.value.code == "constrain-tokenizer"
