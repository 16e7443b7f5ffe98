"""Greedy answers of the model in training equal those of transformers, for any batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from recipes.common.encode import end_token, load_tokenizer
from recipes.torchtune.generation import answer_prompts
from recipes.torchtune.test_model import ALL, ours, reference

CPU = torch.device("cpu")


def prompts(prefix: int) -> list[list[int]]:
    random = torch.Generator().manual_seed(3)
    common = torch.randint(0, 590, (prefix,), generator=random).tolist()
    return [common + torch.randint(0, 590, (n,), generator=random).tolist() for n in (5, 1, 30, 12, 12)]


def unchanged(chosen: Tensor) -> Tensor:
    return chosen


@pytest.mark.parametrize("prefix", [0, 20])
@pytest.mark.parametrize("name", ALL)
def test_answers_equal_those_of_transformers(models: dict[str, Path], name: str, prefix: int) -> None:
    end = end_token(load_tokenizer(models[name]))
    inputs = prompts(prefix)
    got = answer_prompts(ours(models[name]), inputs, ends={end}, max_new_tokens=9, device=CPU, between=unchanged)
    theirs = reference(models[name])
    for prompt, answer in zip(inputs, got, strict=True):
        ids = torch.tensor([prompt])
        options = {"max_new_tokens": 9, "do_sample": False, "eos_token_id": end}
        want = theirs.generate(ids, attention_mask=torch.ones_like(ids), **options)  # type: ignore[operator]
        assert answer == [token for token in want[0, len(prompt) :].tolist() if token != end]


def test_an_answer_may_be_longer_than_the_rows_of_the_training(models: dict[str, Path]) -> None:
    """The model is built for rows of 256 tokens, as with `max_length: 256`; the prompt alone has as many."""
    prompt = torch.randint(0, 590, (1, 256), generator=torch.Generator().manual_seed(4))
    got = answer_prompts(
        ours(models["qwen3"]), prompt.tolist(), ends=set(), max_new_tokens=9, device=CPU, between=unchanged
    )
    options = {"max_new_tokens": 9, "do_sample": False, "eos_token_id": None}
    want = reference(models["qwen3"]).generate(prompt, attention_mask=torch.ones_like(prompt), **options)  # type: ignore[operator]
    assert got == want[:, 256:].tolist()


def test_finished_rows_are_removed_from_the_batch(models: dict[str, Path]) -> None:
    model, inputs = ours(models["qwen3"]), prompts(4)
    full = answer_prompts(model, inputs, ends=set(), max_new_tokens=8, device=CPU, between=unchanged)
    end = full[0][3]
    cut = answer_prompts(model, inputs, ends={end}, max_new_tokens=8, device=CPU, between=unchanged)
    assert cut == [answer[: answer.index(end)] if end in answer else answer for answer in full]
    assert len({len(answer) for answer in cut}) > 1


def test_a_single_prompt_and_no_prompts(models: dict[str, Path]) -> None:
    model, inputs = ours(models["llama"]), prompts(0)
    alone = answer_prompts(model, inputs[2:3], ends=set(), max_new_tokens=4, device=CPU, between=unchanged)
    assert alone == answer_prompts(model, inputs, ends=set(), max_new_tokens=4, device=CPU, between=unchanged)[2:3]
    assert answer_prompts(model, [], ends=set(), max_new_tokens=4, device=CPU, between=unchanged) == []
