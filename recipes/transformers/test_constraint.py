"""Constrained answers of a random model, whose unconstrained answers are random text: each one parses, and each label
is one of the study's."""

from __future__ import annotations

import json
from itertools import product
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
from recipes.transformers.test_generate import Workspace, cases
from recipes.transformers.vocabulary import Vocabulary

LABELS = ["banana", "banana dodo", "fracture (left, old)", "kiru", "kiru, late", "mesa", "Löwe ß", "no 12"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, "qwen3", tied=True)


def answers_of(workspace: Workspace, rows: list[dict[str, Any]], **params: Any) -> list[dict[str, Any]]:
    allowed = {"labels": LABELS, "between": ", ", "none": "None", "single": False, **params.pop("answers", {})}
    (workspace.tmp / "answers.json").write_text(json.dumps(allowed))
    step = workspace.step(rows, **params)
    step.inputs["answers"] = workspace.tmp / "answers.json"
    (workspace.tmp / "work" / "partial.jsonl").unlink(missing_ok=True)
    run(step)
    return workspace.responses()


def read(text: str, labels: list[str]) -> list[list[str]]:
    """Every way to split a text into labels of a list that are separated by ", "."""
    ways = [[label] for label in labels if label == text]
    for label in labels:
        if text.startswith(f"{label}, "):
            ways += [[label, *rest] for rest in read(text[len(label) + 2 :], labels)]
    return ways


@pytest.mark.parametrize("budget", [60, 24, 12])
def test_answers_are_distinct_labels_of_the_study(workspace: Workspace, budget: int) -> None:
    rows = cases(24)
    sampled = {"temperature": 1.0, "seed": 3, "batch_size": 8, "max_new_tokens": budget}
    responses = answers_of(workspace, rows, constrain="labels", **sampled)
    for response in responses:
        assert response["finish"] == "stop", response
        text = response["text"]
        assert text == "None" or any(len(set(way)) == len(way) for way in read(text, LABELS)), text
    assert len({response["text"] for response in responses}) > 3
    assert any(", " in response["text"] for response in responses)


def test_single_label_answers_are_one_label(workspace: Workspace) -> None:
    one = {"labels": LABELS, "none": None, "single": True}
    for response in answers_of(workspace, cases(12), constrain="labels", answers=one, max_new_tokens=40):
        assert response["text"] in LABELS


def test_log_probabilities_are_those_among_the_allowed_tokens(workspace: Workspace) -> None:
    """As in vLLM, so that calibration compares equal quantities. An answer without an alternative is certain."""
    one = {"labels": ["m"], "none": None, "single": True}
    for response in answers_of(workspace, cases(3), constrain="labels", answers=one, max_new_tokens=5):
        assert response["text"] == "m" and response["logprob"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("budget", [40, 8])
def test_json_answers_are_arrays_of_strings(workspace: Workspace, budget: int) -> None:
    rows = cases(24)
    sampled = {"temperature": 2.0, "seed": 5, "batch_size": 8, "max_new_tokens": budget}
    for response in answers_of(workspace, rows, constrain="json", **sampled):
        assert response["finish"] == "stop"
        # A byte sequence that is not UTF-8 would be decoded to this character.
        assert "\ufffd" not in response["text"]
        value = json.loads(response["text"])
        assert isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    for response in answers_of(workspace, rows, constrain="json", answers={"single": True}, **sampled):
        assert len(json.loads(response["text"])) == 1


def allows(constraint: Constraint, tokenizer: Any, text: str, budget: int = 100) -> bool:
    """Whether a constraint allows a text, tokenised by the tokenizer, as an answer."""
    state = constraint.start()
    for left, token in enumerate(tokenizer(text, add_special_tokens=False)["input_ids"]):
        if token not in constraint.allowed(state, budget - left)[0]:
            return False
        state = constraint.advance(state, token)
    return constraint.allowed(state, budget)[1]


def test_valid_answers_are_allowed_and_others_are_not(workspace: Workspace) -> None:
    tokenizer = load_tokenizer(workspace.model)
    vocabulary = Vocabulary(tokenizer)
    labels = LabelConstraint(vocabulary, LABELS, ", ", "None", single=False)
    for text in (*LABELS, "None", "mesa, banana dodo, kiru", "kiru, late, Löwe ß", "fracture (left, old), no 12, mesa"):
        assert allows(labels, tokenizer, text), text
    for text in ("", "ban", "banana, ", "banana, banana", "None, mesa", "mesa, None", "mesa,kiru", "mesa, kiru, mesa"):
        assert not allows(labels, tokenizer, text), text
    array = JsonConstraint(vocabulary, single=False)
    for text in ("[]", '["a"]', '["a, b", "c \\"d\\" ß"]'):
        assert allows(array, tokenizer, text), text
    for text in ("", "[", '["a",]', '["a" "b"]', '["a"] x', '[""]', '["a\n"]', "[1]", '{"a": 1}'):
        assert not allows(array, tokenizer, text), text


def test_json_strings_are_utf_8(workspace: Workspace) -> None:
    vocabulary = Vocabulary(load_tokenizer(workspace.model))
    token_of = {written: ids[0] for written, ids in vocabulary.items()}
    constraint = JsonConstraint(vocabulary, single=False)

    def accepts(content: bytes) -> bool:
        state = constraint.start()
        for byte in b'["a' + content + b'"]':
            token = token_of[bytes((byte,))]
            if token not in constraint.allowed(state, 100)[0]:
                return False
            state = constraint.advance(state, token)
        return constraint.allowed(state, 100)[1]

    edges = (0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0)
    leads = (0x80, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF)
    for content in (bytes((lead, *tail)) for lead in leads for n in range(4) for tail in product(edges, repeat=n)):
        if any(byte < 0x20 or byte == 0x7F for byte in content):
            continue
        try:
            content.decode()
            assert accepts(content), content
        except UnicodeDecodeError:
            assert not accepts(content), content


def test_an_answer_with_all_labels_must_end(workspace: Workspace) -> None:
    tokenizer = load_tokenizer(workspace.model)
    constraint = LabelConstraint(Vocabulary(tokenizer), ["a", "b"], ", ", None, single=False)
    state = constraint.start()
    for token in tokenizer("a, b", add_special_tokens=False)["input_ids"]:
        state = constraint.advance(state, token)
    assert constraint.allowed(state, 9) == ([], True)


def test_a_tokenizer_without_byte_tokens_is_an_error() -> None:
    backend = Tokenizer(models.BPE({"▁a": 0, "b": 1}, []))
    backend.decoder = decoders.Metaspace()
    with pytest.raises(StepFailed) as caught:
        Vocabulary(PreTrainedTokenizerFast(tokenizer_object=backend))  # type: ignore[no-untyped-call]
    assert caught.value.code == "constrain-tokenizer"
