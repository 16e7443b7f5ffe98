/**
 * A study with simulated training and generation, in which a sweep of trainings takes seconds. The share of correct answers
 * increases with the rank; a training stores its number of epochs.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Rig } from "./rig.ts";
import { table } from "./studies.ts";

const recipes: Readonly<Record<string, string>> = {
  "steps/fetch": `write_json(step.output / "model.json", {"files": {}, "config": {"model_type": "llama"}})`,
  "steps/preflight": `write_json(step.output / "preflight.json", {})`,
  "torchtune/train": `
(kept, earlier) = (step.work / "epochs", step.local_paths.get("earlier", step.work) / "epochs")
begun = int((kept if kept.exists() else earlier).read_text()) if kept.exists() or earlier.exists() else 0
ended = step.params.get("pause_after_epochs", step.params["epochs"])
kept.write_text(str(ended))
(step.output / "adapter").mkdir()
write_json(step.output / "adapter" / "adapter.json", {"rank": step.params["rank"], "seed": step.params["seed"], "epochs": ended})
write_json(step.output / "train.json", {"steps": ended, "epochs": ended, "loss": [], "validation": [], "samples": []})
return {"epochs": [begun, ended]}`,
  "transformers/generate": `
rank = json.loads((step.inputs["adapter"] / "adapter.json").read_text())["rank"] if "adapter" in step.inputs else 0
rows = [json.loads(line) for line in step.inputs["prompts"].read_text().splitlines()]
with (step.output / "responses.jsonl").open("w") as out:
    for at, row in enumerate(rows):
        text = row["target"] if at % 12 < rank else "unknown"
        out.write(json.dumps({"id": row["id"], "text": text, "prompt_tokens": 1, "new_tokens": 1, "finish": "stop"}) + "\\n")`,
};

const study = `# A simulated fine-tuning
name: simulated
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  validation: {file: data/validation.csv}
  columns: {id: id, input: text, target: labels}
model: {base: ../models/none}
prompt: {template: prompts/ask.hbs, zero_shot: prompts/zero.hbs}
train: {backend: torchtune, method: lora, rank: 1, epochs: 4, max_length: 64, precision: fp32, report_to: []}
generate: {engine: transformers, precision: 32bit, max_new_tokens: 8}
baselines: []
report: {pdf: false, html: false, xlsx: false}
resources: {gpus: 0}
`;

/** Writes the study with a sweep into a rig and returns its path. */
export function addSimulatedTraining(rig: Rig, sweep: string): string {
  const file = "experiments/simulated.yaml";
  rig.usePython();
  const own = rig.ownPackage();
  for (const [name, body] of Object.entries(recipes)) writeFileSync(join(own, `recipes/${name}.py`), recipe(body));
  rig.write("models/none/config.json", "{}");
  rig.write("models/none/model.safetensors", "");
  rig.write("experiments/data/validation.csv", table("v", 12, 200));
  rig.write(file, `${study}${sweep}`);
  return file;
}

function recipe(body: string): string {
  const lines = body.split("\n").map((line) => `    ${line}`);
  const head = ["import json", "from recipes.common.protocol import *", "def run(step):"];
  return `${[...head, ...lines, 'if __name__ == "__main__":', "    main(run)"].join("\n")}\n`;
}
