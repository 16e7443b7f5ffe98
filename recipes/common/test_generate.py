"""`generate` against transformers' own generation, with and without an adapter, interrupted and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from recipes.common.encode import end_token, load_tokenizer, prompt_ids
from recipes.common.generate import run
from recipes.common.generate_batch import Sampling
from recipes.common.models import describe_model, select_files
from recipes.common.protocol import Interrupted, Step, StepFailed
from recipes.common.tiny_models import Family, make_tiny_model

SYSTEM = "banana dodo kiru " * 12
WORDS = ["bane", "dori", "kifa", "lupo", "mesa", "nobu", "pira", "rudo", "sote", "tami"]
PARAMS = {"max_new_tokens": 12, "temperature": 0, "precision": "fp32", "batch_size": 4, "thinking": False}


def cases(count: int) -> list[dict[str, Any]]:
    """Prompts of different lengths that begin alike, in no order of length."""
    made = []
    for at in range(count):
        words = " ".join(WORDS[(at * 7 + k) % 10] for k in range(1 + (at * 5) % 17))
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": words}]
        made.append({"id": f"case-{at}", "messages": messages, "target": "x"})
    return made


class Place:
    """A model's folder and what the step reads and writes."""

    def __init__(self, tmp: Path, family: Family, tied: bool) -> None:
        self.tmp = tmp
        self.model = make_tiny_model(tmp / "model", family, tied=tied)
        names = select_files(path.name for path in self.model.iterdir())
        described = describe_model("tiny", None, self.model, names, lambda _: None)
        (tmp / "model.json").write_text(json.dumps(described))

    def step(self, rows: list[dict[str, Any]], adapter: Path | None = None, **params: Any) -> Step:
        prompts = self.tmp / "eval.jsonl"
        prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
        inputs = {"prompts": prompts, "model": self.tmp / "model.json"}
        if adapter is not None:
            inputs["adapter"] = adapter
        for name in ("output", "work"):
            (self.tmp / name).mkdir(exist_ok=True)
        return Step(
            name="generate",
            params={**PARAMS, **params},
            inputs=inputs,
            places={"model": self.model},
            output=self.tmp / "output",
            work=self.tmp / "work",
            progress_path=self.tmp / "progress.jsonl",
            cores=1,
        )

    def responses(self) -> list[dict[str, Any]]:
        lines = (self.tmp / "output" / "responses.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, "qwen3", tied=True)


def one_by_one(place: Place, rows: list[dict[str, Any]], model: Any) -> list[tuple[list[int], str]]:
    """What transformers' own greedy generation answers to each prompt alone."""
    tokenizer = load_tokenizer(place.model)
    end = end_token(tokenizer)
    answers = []
    for row in rows:
        ids = torch.tensor([prompt_ids(tokenizer, row["messages"], False)])
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=PARAMS["max_new_tokens"],
            do_sample=False,
            eos_token_id=end,
            pad_token_id=0,
        )
        new = out[0, ids.shape[1] :].tolist()
        answers.append((new, "stop" if new[-1] == end else "length"))
    return answers


@pytest.mark.parametrize(("family", "tied"), [("llama", True), ("qwen2.5", False), ("qwen3", True)])
def test_a_batch_answers_as_each_prompt_alone(tmp_path: Path, family: Family, tied: bool) -> None:
    place = Place(tmp_path, family, tied)
    rows = cases(11)
    evidence = run(place.step(rows))
    model = AutoModelForCausalLM.from_pretrained(str(place.model), dtype=torch.float32)
    tokenizer = load_tokenizer(place.model)
    responses = place.responses()
    assert [response["id"] for response in responses] == [row["id"] for row in rows]
    for response, (new, finish) in zip(responses, one_by_one(place, rows, model), strict=True):
        assert (response["new_tokens"], response["finish"]) == (len(new), finish)
        shown = new[:-1] if finish == "stop" else new
        assert response["text"] == tokenizer.decode(shown, skip_special_tokens=True)
    assert evidence["shared_tokens"] > 16 and evidence["batch_size"] == 4
    assert len({response["text"] for response in responses}) > 1


@pytest.mark.parametrize("dora", [False, True])
def test_an_adapter_answers_as_through_peft(place: Place, dora: bool) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(str(place.model), dtype=torch.float32)
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=["q_proj", "o_proj", "down_proj"],
        use_dora=dora,
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    adapter = place.tmp / "adapter"
    tuned = get_peft_model(base, config)
    tuned.save_pretrained(str(adapter))
    written = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**written, "base_model_name_or_path": "tiny"}))
    rows = cases(5)
    run(place.step(rows, adapter))
    plain = AutoModelForCausalLM.from_pretrained(str(place.model), dtype=torch.float32)
    expected = one_by_one(place, rows, PeftModel.from_pretrained(plain, str(adapter)).eval())
    assert [response["new_tokens"] for response in place.responses()] == [len(new) for new, _ in expected]
    tokenizer = load_tokenizer(place.model)
    shown = [new[:-1] if finish == "stop" else new for new, finish in expected]
    assert [response["text"] for response in place.responses()] == [
        tokenizer.decode(ids, skip_special_tokens=True) for ids in shown
    ]

    (adapter / "adapter_config.json").write_text(json.dumps({**written, "base_model_name_or_path": "other"}))
    (place.tmp / "work" / "partial.jsonl").unlink()
    with pytest.raises(StepFailed, match="trained on other") as failure:
        run(place.step(rows, adapter))
    assert failure.value.code == "adapter-base"


def test_an_interrupted_run_goes_on_where_it_was(place: Place) -> None:
    rows = cases(9)
    run(place.step(rows))
    whole = place.responses()
    partial = place.tmp / "work" / "partial.jsonl"
    lines = partial.read_text().splitlines(keepends=True)
    assert len(lines) == 9

    partial.unlink()
    step = place.step(rows, batch_size=3)
    step.stopping = True
    with pytest.raises(Interrupted):
        run(step)

    kept = [json.dumps({**json.loads(line), "text": "kept"}) + "\n" for line in lines[:4]]
    partial.write_text("".join(kept) + lines[4][:10])
    evidence = run(place.step(rows, batch_size=3))
    assert evidence["resumed"] == 4
    known = {json.loads(line)["id"] for line in kept}
    assert place.responses() == [{**row, "text": "kept"} if row["id"] in known else row for row in whole]


def test_sampling_depends_on_the_seed_and_not_on_the_batch(place: Place) -> None:
    rows = cases(6)
    answers = []
    several: list[dict[str, Any]] = [{"batch_size": 6}, {"batch_size": 1}, {"batch_size": 6, "seed": 2}]
    for params in several:
        (place.tmp / "work" / "partial.jsonl").unlink(missing_ok=True)
        drawn: dict[str, Any] = {"temperature": 1.0, "top_p": 0.95, "top_k": 50, "seed": 1, **params}
        run(place.step(rows, None, **drawn))
        answers.append([response["text"] for response in place.responses()])
    assert answers[0] == answers[1] != answers[2]


def test_top_k_and_top_p_keep_the_likeliest() -> None:
    logits = torch.tensor([[0.0, 5.0, 4.0, 1.0]] * 2)
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    for sampling in (Sampling(1.0, top_k=1), Sampling(1.0, top_p=0.5)):
        assert sampling.choose(logits, generators) == [1, 1]
    assert Sampling().choose(logits, generators) == [1, 1]


def test_a_changed_model_is_noticed(place: Place) -> None:
    with (place.model / "config.json").open("a") as config:
        config.write("\n")
    with pytest.raises(StepFailed) as failure:
        run(place.step(cases(2)))
    assert failure.value.code == "model-changed"


def test_what_the_engine_cannot_do_is_said(place: Place) -> None:
    with pytest.raises(StepFailed) as failure:
        run(place.step(cases(2), constrain="labels"))
    assert failure.value.code == "not-supported"
