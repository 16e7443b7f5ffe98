"""The parts of the vLLM step that need no GPU: sampling parameters, constraints, response rows, unsupported
adapters."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

from recipes.common.encode import end_token, load_tokenizer
from recipes.common.generation.cases import end_tokens
from recipes.common.protocol import Step, StepFailed
from recipes.tools.tiny_models import make_tiny_model
from recipes.vllm.generate import _load, max_lora_rank, read_rank, row_of, sampling_of, structured_outputs


class Engine:
    """In place of vllm.LLM: records the start method of its processes."""

    start_methods: ClassVar[list[str | None]] = []

    def __init__(self, **_: object) -> None:
        self.start_methods.append(os.environ.get("VLLM_WORKER_MULTIPROC_METHOD"))


def test_vllm_starts_its_processes_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check for a GPU initialises CUDA, so a forked engine could not use it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=Engine))
    for name in ("VLLM_NO_USAGE_STATS", "VLLM_DO_NOT_TRACK", "VLLM_WORKER_MULTIPROC_METHOD"):
        monkeypatch.setenv(name, "fork")
    _load(Step("generate", {"precision": "bf16"}, {}, {"model": tmp_path}, tmp_path, tmp_path, tmp_path, 1), 64)
    assert Engine.start_methods == ["spawn"]


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
    assert structured_outputs("json", {**allowed, "single": True}) == {
        "json": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1}
    }


def test_the_rank_of_the_adapter_and_unsupported_adapters(tmp_path: Path) -> None:
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({"r": 12, "rank_pattern": {"q_proj": 24}}))
    assert (read_rank(tmp_path), max_lora_rank(24), max_lora_rank(16)) == (24, 32, 16)
    config.write_text(json.dumps({"r": 12, "use_dora": True}))
    with pytest.raises(StepFailed, match="DoRA"):
        read_rank(tmp_path)
    with pytest.raises(StepFailed, match="rank 512"):
        max_lora_rank(1024)


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
