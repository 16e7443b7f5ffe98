"""Answers of a random model that are constrained to a schema: each one meets it, also if few tokens are left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from recipes.common.encode import load_tokenizer
from recipes.common.protocol import StepFailed
from recipes.transformers.constrain_schema import SchemaConstraint
from recipes.transformers.generate import run
from recipes.transformers.test_generate import Workspace, cases
from recipes.transformers.vocabulary import Vocabulary

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "note": {"type": "string"},
        "state": {"enum": ["open", "opened", "Löwe", 3, None]},
        "urgent": {"type": "boolean"},
        "count": {"type": ["integer", "null"]},
        "price": {"anyOf": [{"type": "number"}, {"const": "free"}]},
        "tags": {"type": "array", "items": {"enum": ["a", "b", "ab"]}, "minItems": 1, "maxItems": 2},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "required": ["name", "state", "tags"],
    "additionalProperties": False,
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"day": {"type": "string", "format": "date"}, "next": {"$ref": "#/$defs/item"}},
            "additionalProperties": False,
        }
    },
}
TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"child": {"$ref": "#"}, "other": {"$ref": "#"}},
    "additionalProperties": False,
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, "qwen3", tied=True)


def vocabulary(workspace: Workspace) -> Vocabulary:
    return Vocabulary(load_tokenizer(workspace.model))


def accepts(constraint: SchemaConstraint, texts: Vocabulary, written: str) -> bool:
    """Whether the bytes of a text, each as a token, are an answer."""
    ids = {token: ids[0] for token, ids in texts.items()}
    state = constraint.start()
    for byte in written.encode():
        token = ids[bytes((byte,))]
        if token not in {int(one) for one in constraint.allowed(state, 10_000)[0]}:
            return False
        state = constraint.advance(state, token)
    return constraint.allowed(state, 10_000)[1]


@pytest.mark.parametrize("schema", [SCHEMA, TREE])
@pytest.mark.parametrize("budget", [120, 50])
def test_answers_meet_the_schema(workspace: Workspace, schema: dict[str, Any], budget: int) -> None:
    (workspace.tmp / "answers.json").write_text(json.dumps({"schema": schema}))
    sampled: dict[str, Any] = {"temperature": 1.0, "seed": 3, "batch_size": 8, "max_new_tokens": budget}
    step = workspace.step(cases(16), constrain="schema", **sampled)
    step.inputs["answers"] = workspace.tmp / "answers.json"
    run(step)
    responses = workspace.responses()
    for response in responses:
        assert response["finish"] == "stop", response
        jsonschema.validate(json.loads(response["text"]), schema)
    assert len({response["text"] for response in responses}) > 3


def test_the_form_is_that_of_taught_targets(workspace: Workspace) -> None:
    texts = vocabulary(workspace)
    constraint = SchemaConstraint(texts, SCHEMA)
    for written in (
        '{"name": "x", "state": "open", "tags": ["ab"]}',
        '{"name": "\\"ü\\\\", "state": "opened", "count": -10, "price": 0.25, "tags": ["a", "b"]}',
        '{"name": "x", "note": "", "state": null, "urgent": true, "price": "free", "tags": ["a"], "items": []}',
        '{"name": "x", "state": 3, "tags": ["a"], "items": [{}, {"day": "2025-12-31", "next": {}}]}',
    ):
        assert accepts(constraint, texts, written), written
    for written in (
        "{}",
        '{"name": "", "state": "open", "tags": ["a"]}',
        '{"name": "x", "state": "closed", "tags": ["a"]}',
        '{"name": "x", "state": "open", "tags": []}',
        '{"name": "x", "state": "open", "tags": ["a", "a", "a"]}',
        '{"state": "open", "name": "x", "tags": ["a"]}',
        '{"name": "x", "state": "open", "count": 01, "tags": ["a"]}',
        '{"name": "x", "state": "open", "count": 1.5, "tags": ["a"]}',
        '{"name": "x", "state": "open", "price": 1., "tags": ["a"]}',
        '{"name": "x", "state": "open", "price": 1234567890123456, "tags": ["a"]}',
        '{"name": "x", "state": "open", "tags": ["a"], "items": [{"day": "2025-13-01"}]}',
        '{"name": "x", "state": "open", "tags": ["a"], "more": 1}',
    ):
        assert not accepts(constraint, texts, written), written


def test_a_schema_without_a_finite_object_is_an_error(workspace: Workspace) -> None:
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    with pytest.raises(StepFailed, match="10000 bytes"):
        SchemaConstraint(vocabulary(workspace), endless)
    pair = {"type": "object", "required": ["a", "b"]}
    levels: dict[str, Any] = {}
    for at in range(40):
        levels[f"d{at}"] = {**pair, "properties": {key: {"$ref": f"#/$defs/d{at + 1}"} for key in "ab"}}
    large = {**levels["d0"], "$defs": {**levels, "d40": {"type": "null"}}}
    with pytest.raises(StepFailed, match="10000 bytes"):
        SchemaConstraint(vocabulary(workspace), large)
