"""What the live model answers is what transformers answers, whatever the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from recipes.common.encode import end_token, load_tokenizer
from recipes.torchtune.answers import answer_prompts
from recipes.torchtune.test_model import ALL, ours, reference

CPU = torch.device("cpu")


def prompts(prefix: int) -> list[list[int]]:
    random = torch.Generator().manual_seed(3)
    common = torch.randint(0, 590, (prefix,), generator=random).tolist()
    return [common + torch.randint(0, 590, (n,), generator=random).tolist() for n in (5, 1, 30, 12, 12)]


def keep(chosen: Tensor) -> Tensor:
    return chosen


@pytest.mark.parametrize("prefix", [0, 20])
@pytest.mark.parametrize("name", ALL)
def test_answers_are_those_of_transformers(models: dict[str, Path], name: str, prefix: int) -> None:
    end = end_token(load_tokenizer(models[name]))
    asked = prompts(prefix)
    got = answer_prompts(ours(models[name]), asked, ends={end}, max_new_tokens=9, device=CPU, between=keep)
    theirs = reference(models[name])
    for prompt, answer in zip(asked, got, strict=True):
        ids = torch.tensor([prompt])
        options = {"max_new_tokens": 9, "do_sample": False, "eos_token_id": end}
        want = theirs.generate(ids, attention_mask=torch.ones_like(ids), **options)  # type: ignore[operator]
        assert answer == [token for token in want[0, len(prompt) :].tolist() if token != end]


def test_rows_that_end_leave_the_batch_and_the_rest_goes_on(models: dict[str, Path]) -> None:
    model, asked = ours(models["qwen3"]), prompts(4)
    whole = answer_prompts(model, asked, ends=set(), max_new_tokens=8, device=CPU, between=keep)
    end = whole[0][3]
    cut = answer_prompts(model, asked, ends={end}, max_new_tokens=8, device=CPU, between=keep)
    assert cut == [answer[: answer.index(end)] if end in answer else answer for answer in whole]
    assert len({len(answer) for answer in cut}) > 1


def test_one_prompt_and_none(models: dict[str, Path]) -> None:
    model, asked = ours(models["llama"]), prompts(0)
    alone = answer_prompts(model, asked[2:3], ends=set(), max_new_tokens=4, device=CPU, between=keep)
    assert alone == answer_prompts(model, asked, ends=set(), max_new_tokens=4, device=CPU, between=keep)[2:3]
    assert answer_prompts(model, [], ends=set(), max_new_tokens=4, device=CPU, between=keep) == []
