"""`generate` against transformers' own generation, with and without an adapter, interrupted and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from recipes.common.encode import end_token, load_tokenizer, prompt_ids
from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import Interrupted, Step, StepFailed
from recipes.tools.tiny_models import Family, make_tiny_model
from recipes.transformers.decode import Sampling
from recipes.transformers.generate import run
from recipes.transformers.prefill import AT_ONCE

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

    def step(
        self, rows: list[dict[str, Any]], adapter: Path | None = None, weights: Path | None = None, **params: Any
    ) -> Step:
        prompts = self.tmp / "eval.jsonl"
        prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
        inputs = {"prompts": prompts, "model": self.tmp / "model.json"}
        if adapter is not None:
            inputs["adapter"] = adapter
        if weights is not None:
            inputs["weights"] = weights
        for name in ("output", "work"):
            (self.tmp / name).mkdir(exist_ok=True)
        return Step(
            name="generate",
            params={**PARAMS, **params},
            inputs=inputs,
            local_paths={"model": self.model},
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


def one_by_one(place: Place, rows: list[dict[str, Any]], model: Any) -> list[tuple[list[int], str, float]]:
    """What transformers' own greedy generation answers to each prompt alone, and how likely it finds that."""
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
            output_scores=True,
            return_dict_in_generate=True,
        )
        new = out.sequences[0, ids.shape[1] :].tolist()
        likely = [float(scores[0].log_softmax(-1)[token]) for scores, token in zip(out.scores, new, strict=True)]
        answers.append((new, "stop" if new[-1] == end else "length", sum(likely)))
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
    for response, (new, finish, likely) in zip(responses, one_by_one(place, rows, model), strict=True):
        assert (response["new_tokens"], response["finish"]) == (len(new), finish)
        assert response["logprob"] == pytest.approx(likely, abs=1e-3) and likely < 0
        shown = new[:-1] if finish == "stop" else new
        assert response["text"] == tokenizer.decode(shown, skip_special_tokens=True)
    assert evidence["shared_tokens"] > 16 and evidence["batch_size"] == 4
    assert len({response["text"] for response in responses}) > 1


@pytest.mark.parametrize("at_once", [1, 150])
def test_prompts_may_be_read_in_parts(place: Place, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    rows = cases(9)
    run(place.step(rows, batch_size=9))
    together = place.responses()
    (place.tmp / "work" / "partial.jsonl").unlink()
    monkeypatch.setitem(AT_ONCE, "cpu", at_once)
    run(place.step(rows, batch_size=9))
    for apart, whole in zip(place.responses(), together, strict=True):
        assert apart["text"] == whole["text"] and apart["logprob"] == pytest.approx(whole["logprob"], abs=1e-3)


def make_adapter(place: Place, base: str = "tiny", name: str = "adapter", seed: int = 1, **config: Any) -> Path:
    """A random adapter of the place's model in PEFT's own form."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(str(place.model), dtype=torch.float32)
    given = {"target_modules": ["q_proj", "o_proj", "down_proj"], "init_lora_weights": False, **config}
    adapter = place.tmp / name
    get_peft_model(model, LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **given)).save_pretrained(str(adapter))
    written = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**written, "base_model_name_or_path": base}))
    return adapter


def texts(place: Place, answers: list[tuple[list[int], str, float]]) -> list[str]:
    tokenizer = load_tokenizer(place.model)
    shown = [new[:-1] if finish == "stop" else new for new, finish, _ in answers]
    return [str(tokenizer.decode(ids, skip_special_tokens=True)) for ids in shown]


@pytest.mark.parametrize("config", [{}, {"use_dora": True}, {"use_rslora": True}], ids=["lora", "dora", "rslora"])
def test_an_adapter_answers_as_through_peft_and_as_merged(place: Place, config: dict[str, Any]) -> None:
    from peft import PeftModel

    adapter = make_adapter(place, **config)
    rows = cases(5)
    run(place.step(rows, adapter))
    plain = AutoModelForCausalLM.from_pretrained(str(place.model), dtype=torch.float32)
    through_peft = PeftModel.from_pretrained(plain, str(adapter)).eval()
    expected = one_by_one(place, rows, through_peft)
    assert [response["new_tokens"] for response in place.responses()] == [len(new) for new, *_ in expected]
    assert [response["text"] for response in place.responses()] == texts(place, expected)
    assert texts(place, expected) != texts(place, one_by_one(place, rows, base_of(place)))

    merged = place.tmp / "merged"
    through_peft.merge_and_unload().save_pretrained(str(merged))
    (place.tmp / "work" / "partial.jsonl").unlink()
    run(place.step(rows, weights=merged))
    assert [response["text"] for response in place.responses()] == texts(place, expected)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "4bit"])
def test_adapters_in_turn_on_one_base_answer_as_each_alone(place: Place, precision: str) -> None:
    adapters = [
        make_adapter(place, name="lora"),
        None,
        make_adapter(place, name="dora", seed=2, use_dora=True, target_modules=["v_proj", "up_proj", "o_proj"]),
        make_adapter(place, name="other", seed=3),
    ]
    rows = cases(5)
    answers: dict[str, list[list[dict[str, Any]]]] = {"alone": [], "in turn": []}
    loaded = []
    for how, said in answers.items():
        for adapter in adapters:
            (place.tmp / "work" / "partial.jsonl").unlink(missing_ok=True)
            step = place.step(rows, adapter, precision=precision, compute="fp32")
            step.stays = how == "in turn"
            run(step)
            loaded.append(step.evidence["base"])
            said.append(place.responses())
    assert loaded == ["loaded"] * 5 + ["kept"] * 3
    assert answers["in turn"] == answers["alone"]
    assert len({json.dumps(said) for said in answers["alone"]}) == 4


def test_half_precision_rounds_weights_and_no_positions(place: Place) -> None:
    seen: list[tuple[set[torch.dtype], set[torch.dtype]]] = []

    def look(model: Any) -> None:
        seen.append(({each.dtype for each in model.parameters()}, {each.dtype for each in model.buffers()}))

    run(place.step(cases(2), precision="bf16"), prepare=look)
    assert seen == [({torch.bfloat16}, {torch.float32})]


def base_of(place: Place) -> Any:
    return AutoModelForCausalLM.from_pretrained(str(place.model), dtype=torch.float32)


def failure(step: Step) -> tuple[str, str]:
    with pytest.raises(StepFailed) as caught:
        run(step)
    return caught.value.code, caught.value.message


def test_weights_that_do_not_belong_here_are_refused(place: Place, tmp_path: Path) -> None:
    assert failure(place.step(cases(2), make_adapter(place, base="other")))[0] == "adapter-base"
    adapter = make_adapter(place)
    weights = adapter / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert failure(place.step(cases(2), adapter))[0] == "damaged-weights"
    larger = make_tiny_model(tmp_path / "larger", "qwen3", tied=True, layers=3)
    code, message = failure(place.step(cases(2), weights=larger))
    assert code == "weights-base" and "num_hidden_layers" in message
    (larger / "model.safetensors").unlink()
    assert failure(place.step(cases(2), weights=larger))[0] == "model-incomplete"


def test_a_damaged_shard_is_noticed(place: Place) -> None:
    shard = place.model / "model.safetensors"
    whole = shard.read_bytes()
    for damaged in (whole[:-1], whole[:-100] + b"\0" * 100):
        shard.write_bytes(damaged)
        assert failure(place.step(cases(2)))[0] == "model-changed"


def test_four_bits_answer_and_keep_the_adapter_beside_them(place: Place) -> None:
    rows = cases(6)
    answers: dict[str, list[dict[str, Any]]] = {}
    for name, precision, adapter in (
        ("whole", "fp32", None),
        ("base", "4bit", None),
        ("tuned", "4bit", make_adapter(place)),
    ):
        (place.tmp / "work" / "partial.jsonl").unlink(missing_ok=True)
        evidence = run(place.step(rows, adapter, precision=precision, compute="fp32"))
        assert evidence["precision"] == precision
        answers[name] = place.responses()
    whole, base, tuned = ([row["logprob"] for row in answers[name]] for name in ("whole", "base", "tuned"))
    assert whole != base != tuned


def out_of_memory_above(rows: int) -> Any:
    """Makes a model run out of memory in every forward pass over more than so many rows."""

    def forward(_: Any, args: Any, kwargs: Any) -> None:
        if kwargs["input_ids"].shape[0] > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return lambda model: model.register_forward_pre_hook(forward, with_kwargs=True)


def test_memory_that_runs_out_halves_the_batch(place: Place) -> None:
    rows = cases(11)
    run(place.step(rows, batch_size=2))
    expected = [row["text"] for row in place.responses()]
    (place.tmp / "work" / "partial.jsonl").unlink()
    evidence = run(place.step(rows, batch_size=11), prepare=out_of_memory_above(2))
    assert (evidence["out_of_memory_at"], evidence["batch_size"]) == ([11, 5], 2)
    assert [row["text"] for row in place.responses()] == expected
    (place.tmp / "work" / "partial.jsonl").unlink()
    with pytest.raises(StepFailed, match="one case does not fit") as caught:
        run(place.step(cases(1), batch_size=1), prepare=out_of_memory_above(0))
    assert caught.value.code == "out-of-memory"


def test_a_killed_run_goes_on_to_the_same_bytes(place: Place) -> None:
    rows = cases(9)
    responses = place.tmp / "output" / "responses.jsonl"
    run(place.step(rows))
    whole = responses.read_bytes()
    partial = place.tmp / "work" / "partial.jsonl"
    lines = partial.read_bytes().splitlines(keepends=True)
    for kept in range(0, 9, 2):
        partial.write_bytes(b"".join(lines[:kept]) + lines[kept][: 7 * kept])
        assert run(place.step(rows))["resumed"] == kept
        assert responses.read_bytes() == whole


def test_a_vote_draws_several_answers_a_case(place: Place) -> None:
    rows = cases(4)
    drawn: dict[str, Any] = {"temperature": 1.0, "seed": 1, "samples": 3}
    run(place.step(rows, **drawn))
    first = place.responses()
    assert [row["id"] for row in first] == [row["id"] for row in rows]
    for row in first:
        said = [sample["text"] for sample in row["samples"]]
        assert len(said) == 3 and row["text"] == "\n".join(said)
        assert row["new_tokens"] == sum(sample["new_tokens"] for sample in row["samples"])
    assert any(len({sample["text"] for sample in row["samples"]}) > 1 for row in first)
    (place.tmp / "work" / "partial.jsonl").unlink()
    run(place.step(rows, **drawn, batch_size=1))
    assert [row["text"] for row in place.responses()] == [row["text"] for row in first]


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
