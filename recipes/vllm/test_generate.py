"""The parts of the vLLM step that need no vLLM: sampling parameters, constraints and response rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from recipes.common.encode import end_token, load_tokenizer
from recipes.common.generation.cases import end_tokens
from recipes.tools.tiny_models import make_tiny_model
from recipes.vllm.generate import row_of, sampling_of, structured_outputs

LABELS = ["A.", "B (left)", "C|D"]


def test_only_sampled_answers_have_a_seed() -> None:
    greedy = {"temperature": 0, "max_new_tokens": 9}
    assert sampling_of(greedy, "a") == {"temperature": 0, "max_tokens": 9}
    drawn = {"temperature": 0.7, "max_new_tokens": 9, "seed": 1, "top_p": 0.9}
    first, other = sampling_of(drawn, "a"), sampling_of(drawn, "b")
    assert first["seed"] != other["seed"] and first["top_p"] == 0.9 and "top_k" not in first
    assert sampling_of(drawn, "a") == first != sampling_of({**drawn, "seed": 2}, "a")


def test_labels_are_a_regular_expression() -> None:
    allowed = {"labels": LABELS, "between": ", ", "none": "None", "single": False}
    constraint = structured_outputs("labels", allowed)
    assert constraint is not None
    pattern = re.compile(constraint["regex"])
    for text in ("A.", "B (left), C|D", "None"):
        assert pattern.fullmatch(text), text
    for text in ("", "Ab", "A., ", "None, A.", "C", "A.,C|D"):
        assert not pattern.fullmatch(text), text
    one = structured_outputs("labels", {**allowed, "none": None, "single": True})
    assert one is not None and not re.fullmatch(one["regex"], "A., C|D") and not re.fullmatch(one["regex"], "None")
    assert structured_outputs("none", None) is None


def test_a_json_array_is_a_regular_expression() -> None:
    several = structured_outputs("json", {"single": False})
    assert several is not None
    for text in ("[]", '["A."]', '["a", "b \\" c"]', '["Ödem"]'):
        assert re.fullmatch(several["regex"], text), text
    for text in ("", "[1]", '["a","b"]', '["a",  "b"]', '[""]', '[" a"]', '["a\n"]', '["a\\n"]', '["a"', '"a"'):
        assert not re.fullmatch(several["regex"], text), text
    one = structured_outputs("json", {"single": True})
    assert one is not None and re.fullmatch(one["regex"], '["a"]')
    assert not re.fullmatch(one["regex"], "[]") and not re.fullmatch(one["regex"], '["a", "b"]')


@dataclass
class Output:
    """The fields of vLLM's CompletionOutput that the step reads."""

    token_ids: list[int]
    finish_reason: str
    cumulative_logprob: float | None


def test_rows_equal_those_of_the_transformers_engine(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model", "qwen3", tied=True)
    tokenizer = load_tokenizer(model)
    ids = tokenizer("banana dodo", add_special_tokens=False)["input_ids"]
    ended = row_of("a", [1, 2], Output([*ids, end_token(tokenizer)], "stop", -1.23456), tokenizer)
    assert ended == {
        "id": "a",
        "text": "banana dodo",
        "prompt_tokens": 2,
        "new_tokens": len(ids) + 1,
        "finish": "stop",
        "logprob": -1.2346,
    }
    cut = row_of("a", [1], Output(ids, "length", None), tokenizer)
    assert cut["text"] == "banana dodo" and cut["finish"] == "length" and "logprob" not in cut
    assert end_token(tokenizer) in end_tokens(model, tokenizer)
