"""Every preflight rule has a violation that it finds, and all violations are reported together."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from recipes.common.encode import encode_row, end_token, load_tokenizer, prompt_ids
from recipes.common.machine import Machine
from recipes.common.preflight.rules import RULES, Example, Facts
from recipes.common.protocol import Step, StepFailed
from recipes.steps.preflight import run
from recipes.tools.tiny_models import make_tiny_model
from recipes.transformers import padding_check
from recipes.transformers.prefill import pad_left

PARAMS = {
    "max_length": 256,
    "thinking": False,
    "max_new_tokens": 16,
}


def row(at: int, target: str = "kiru, dodo") -> dict[str, Any]:
    messages = [{"role": "system", "content": "bane"}, {"role": "user", "content": f"dori kifa {at}"}]
    return {"id": f"row-{at}", "messages": messages, "target": target}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model", "qwen3", tied=True)


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> PreTrainedTokenizerBase:
    return load_tokenizer(model)


def preflight(tmp: Path, model: Path, train: list[dict[str, Any]] | None, **params: Any) -> dict[str, Any]:
    """Run the step on rows; returns preflight.json."""
    described = {"config": json.loads((model / "config.json").read_text())}
    (tmp / "model.json").write_text(json.dumps(described))
    inputs = {"model": tmp / "model.json", "eval": tmp / "eval.jsonl"}
    (tmp / "eval.jsonl").write_text("".join(json.dumps(row(at)) + "\n" for at in range(3)))
    if train is not None:
        inputs["train"] = tmp / "train.jsonl"
        inputs["train"].write_text("".join(json.dumps(one) + "\n" for one in train))
    step = Step(
        name="preflight",
        params={**PARAMS, **params},
        inputs=inputs,
        local_paths={"model": model},
        output=tmp,
        work=tmp,
        progress_path=tmp / "progress.jsonl",
        cores=1,
    )
    run(step)
    report: dict[str, Any] = json.loads((tmp / "preflight.json").read_text())
    return report


def test_valid_rows_pass_with_token_counts_and_five_masks(tmp_path: Path, model: Path) -> None:
    report = preflight(tmp_path, model, [row(at) for at in range(8)])
    assert all(rule["ok"] for rule in report["rules"]) and len(report["rules"]) == len(RULES)
    assert report["rows"] == 8 and report["longest"] * 8 >= report["tokens"] > report["trained_tokens"] > 0
    assert [mask["trained"] for mask in report["masks"]] == ["kiru, dodo<|im_end|>"] * 5
    assert report["masks"][0]["prompt"].endswith("<think>\n\n</think>\n\n")


def test_only_the_cases_are_checked_without_training(tmp_path: Path, model: Path) -> None:
    report = preflight(tmp_path, model, None, max_length=None)
    assert report["rows"] == 0 and report["eval"]["rows"] == 3


@pytest.mark.parametrize(
    ("code", "rows", "params"),
    [
        ("target-truncated", 4, {"max_length": 8}),
        ("context-too-short", 4, {"max_new_tokens": 4090}),
        ("precision-unsupported", 4, {"precisions": {"train": "fp16"}}),
        ("memory-short", 4, {"expects": {"train": {"memory": [1e15, 2e15]}, "generate": {"memory": [1, 2]}}}),
        ("unsupported-target", 4, {"targets": ["qkv_proj", "o_proj"]}),
        ("disk-short", 4, {"disk": 1e18}),
        ("hub-token", 4, {"upload": {"repo": "me/mine", "base_license": "mit"}}),
        ("card-invalid", 4, {"upload": {"repo": "me/mine", "base_license": "Apache 2"}}),
    ],
)
def test_a_violated_rule_fails_with_its_code(
    tmp_path: Path, model: Path, code: str, rows: int, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_TOKEN", "" if code == "hub-token" else "hf_present")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(StepFailed) as failure:
        preflight(tmp_path, model, [row(at) for at in range(rows)], **params)
    assert failure.value.code == code and failure.value.help
    report = json.loads((tmp_path / "preflight.json").read_text())
    assert [rule["code"] for rule in report["rules"] if not rule["ok"]] == [code]


@pytest.mark.parametrize(
    ("code", "template"),
    [
        ("system-dropped", "{{ messages[-1].content }}<|im_end|>"),
        ("message-changed", "{% for each in messages %}{{ each.content | replace('dori', '') }}{% endfor %}<|im_end|>"),
    ],
)
def test_a_chat_template_that_loses_text_is_found(tmp_path: Path, model: Path, code: str, template: str) -> None:
    changed = shutil.copytree(model, tmp_path / "model")
    config = json.loads((changed / "tokenizer_config.json").read_text())
    (changed / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": template}))
    with pytest.raises(StepFailed) as failure:
        preflight(tmp_path, changed, [row(at) for at in range(4)])
    assert failure.value.code == code and "row-0" in failure.value.message


def test_the_message_names_all_violated_rules(tmp_path: Path, model: Path) -> None:
    with pytest.raises(StepFailed) as failure:
        preflight(tmp_path, model, [row(0, "<think> kiru")], max_length=8, disk=1e18)
    assert [code in failure.value.message for code in ("target-truncated", "think-tags", "disk-short")] == [True] * 3


def test_a_padded_batch_is_compared_with_single_rows(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = preflight(tmp_path, model, [row(at) for at in range(4)], padding_check=padding_check.__name__)
    assert 0 <= report["padding"] < 1e-4
    monkeypatch.setattr(padding_check, "pad_left", without_mask)
    with pytest.raises(StepFailed) as failure:
        preflight(tmp_path, model, [row(at) for at in range(4)], padding_check=padding_check.__name__)
    assert failure.value.code == "padding-differs"


def without_mask(rests: list[list[int]], before: int, device: torch.device) -> tuple[torch.Tensor, ...]:
    """A batch without an attention mask of its padding."""
    ids, mask, _ = pad_left(rests, before, device)
    return ids, torch.ones_like(mask), torch.arange(ids.shape[1]).repeat(len(rests), 1)


def test_tokens_only_skips_the_rules_about_the_machine(tmp_path: Path, model: Path) -> None:
    too_much = {"expects": {"train": {"memory": [1e15, 2e15]}}, "disk": 1e18, "precisions": {"train": "fp16"}}
    report = preflight(tmp_path, model, [row(at) for at in range(4)], tokens_only=True, **too_much)
    assert all(rule["ok"] for rule in report["rules"]) and report["padding"] is None


@pytest.mark.parametrize(
    ("capability", "precision", "ok"), [((7, 5), "bf16", False), ((7, 5), "fp16", True), ((8, 0), "bf16", True)]
)
def test_precision_depends_on_the_compute_capability(
    tokenizer: PreTrainedTokenizerBase, capability: tuple[int, int], precision: str, ok: bool
) -> None:
    machine = Machine(capability, 16 << 30, 12 << 30, 1 << 40)
    facts = Facts(tokenizer, 0, {"precisions": {"train": precision}}, None, [], {}, machine=machine)
    rule = next(rule for rule in RULES if rule.code == "precision-unsupported")
    assert (list(rule.violations(facts)) == []) is ok


Change = Callable[[Example, PreTrainedTokenizerBase], Example]
CHANGES: dict[str, Change] = {
    "no-end-token": lambda one, _: dataclasses.replace(one, ids=one.ids[:-1], labels=one.labels[:-1]),
    "mask-mismatch": lambda one, _: dataclasses.replace(one, labels=one.ids),
    "prefix-mismatch": lambda one, tokenizer: dataclasses.replace(
        one, prompt=prompt_ids(tokenizer, row(0)["messages"], thinking=True)
    ),
    "think-tags": lambda one, tokenizer: dataclasses.replace(
        one, prompt=one.prompt + tokenizer("<think>\n\n</think>\n\n", add_special_tokens=False)["input_ids"]
    ),
}


@pytest.mark.parametrize("code", sorted(CHANGES))
def test_errors_of_an_encoder_are_found(tokenizer: PreTrainedTokenizerBase, code: str) -> None:
    ids, labels = encode_row(tokenizer, row(0), thinking=False)
    valid = Example("row-0", "kiru, dodo", prompt_ids(tokenizer, row(0)["messages"], False), ids, labels)
    rules = {rule.code: rule for rule in RULES}

    def violations(example: Example) -> list[str]:
        facts = Facts(tokenizer, end_token(tokenizer), {}, 4096, [example], {})
        return list(rules[code].violations(facts))

    assert violations(valid) == []
    assert [line.startswith("row-0: ") for line in violations(CHANGES[code](valid, tokenizer))] == [True]
