import { taskOf, taskParams } from "../../pipeline/steps/task.ts";
import type { CardFacts } from "./model-card-facts.ts";

/** What stands for the text in the messages of a prompt. */
export const place = "{{input}}";

type Told = Pick<CardFacts, "repo" | "kind" | "base" | "template" | "messages" | "run">;

/** Python that loads the model and asks it about one text, as the evaluation did. */
export function usage(facts: Told): string {
  const { template, messages, run } = facts;
  const { config } = run;
  const note =
    messages === undefined
      ? `The prompt is the Handlebars template \`${template}\`, filled in for each text.${config.prompt.examples.count > 0 ? " It was shown training rows as examples; they are data and not part of this repository, so that its answers will differ." : ""}`
      : `\`${messages}\` is the prompt that the model was trained and measured with; \`${place}\` stands for the text.`;
  return `${note}\n\n\`\`\`python\n${code(facts)}\n\`\`\``;
}

function code({ repo, kind, base, template, messages, run }: Told): string {
  const at = base.revision === null ? "" : `, revision="${base.revision}"`;
  const { config } = run;
  const tokens = "max_new_tokens" in config.generate ? config.generate.max_new_tokens : 128;
  const adapter = kind === "adapter";
  return [
    ...(messages === undefined ? [] : ["import json", ""]),
    ...(messages === undefined ? [] : ["from huggingface_hub import hf_hub_download"]),
    ...(adapter ? ["from peft import PeftModel"] : []),
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    ...(adapter
      ? [
          `tokenizer = AutoTokenizer.from_pretrained("${base.name}"${at})`,
          `model = AutoModelForCausalLM.from_pretrained("${base.name}"${at}, dtype="auto", device_map="auto")`,
          `model = PeftModel.from_pretrained(model, "${repo}")`,
        ]
      : [
          `tokenizer = AutoTokenizer.from_pretrained("${repo}")`,
          `model = AutoModelForCausalLM.from_pretrained("${repo}", dtype="auto", device_map="auto")`,
        ]),
    "",
    'text = "…"',
    ...(messages === undefined
      ? [`messages = [{"role": "user", "content": text}]  # as ${template} makes it`]
      : [
          `with open(hf_hub_download("${repo}", "${messages}"), encoding="utf-8") as file:`,
          "    messages = json.load(file)",
          "for message in messages:",
          `    message["content"] = message["content"].replace("${place}", text)`,
        ]),
    "inputs = tokenizer.apply_chat_template(",
    `    messages, add_generation_prompt=True, enable_thinking=${config.prompt.thinking ? "True" : "False"}, return_dict=True, return_tensors="pt"`,
    ").to(model.device)",
    `output = model.generate(**inputs, max_new_tokens=${tokens}${"temperature" in config.generate && config.generate.temperature > 0 ? `, do_sample=True, temperature=${config.generate.temperature}` : ", do_sample=False"})`,
    'answer = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)',
    ...pythonReader(config),
  ].join("\n");
}

/** Python lines that read `answer` as the task does, roughly. */
function pythonReader(config: Told["run"]["config"]): readonly string[] {
  return taskOf(config).pythonReader?.(taskParams(config).reading) ?? ["print(answer)"];
}
