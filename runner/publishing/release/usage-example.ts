import { taskOf, taskParams } from "../../pipeline/steps/task.ts";
import type { PythonReader } from "../../plugins/tasks/task.ts";
import type { CardFacts } from "./model-card-facts.ts";

/** The placeholder for the input in the messages of a prompt. */
export const inputPlaceholder = "{{input}}";

/** The date that some chat templates insert, equal to DATE in recipes/common/encode.py. */
const promptDate = "26 Jul 2024";

type UsageFacts = Pick<CardFacts, "repo" | "kind" | "base" | "template" | "messages" | "run" | "stated">;

/** Python code that loads the model and answers one input, with the settings of the evaluation. */
export function usageExample(facts: UsageFacts): string {
  const { template, messages, run } = facts;
  const { config } = run;
  const { examples, candidates } = config.prompt;
  const added = [
    ...(examples.count > 0 ? ["training rows as examples"] : []),
    ...(candidates === undefined ? [] : ["labels that a classifier proposed"]),
  ];
  const note =
    messages === undefined
      ? `The prompt is the Handlebars template \`${template}\`, filled in for each input.${added.length > 0 ? ` In the evaluation it contained ${added.join(" and ")}. This repository does not contain them, so answers differ.` : ""}`
      : `\`${messages}\` is the prompt of training and evaluation. Replace \`${inputPlaceholder}\` with the input.`;
  const { constrain } = config.generate;
  const forced =
    constrain === undefined || constrain === "none"
      ? ""
      : ` In the evaluation, \`constrain: ${constrain}\` forced the form of each answer. This code does not, so answers may differ.`;
  return `${note}${forced}\n\n\`\`\`python\n${code(facts)}\n\`\`\``;
}

function code({ repo, kind, base, template, messages, run, stated }: UsageFacts): string {
  const at = base.revision === null ? "" : `, revision="${base.revision}"`;
  const { config } = run;
  const tokens = "max_new_tokens" in config.generate ? config.generate.max_new_tokens : 128;
  const adapter = kind === "adapter";
  const { imports, lines } = pythonReader(config);
  const modules = [...new Set([...(messages === undefined ? [] : ["json"]), ...imports])].sort();
  return [
    ...modules.map((name) => `import ${name}`),
    ...(modules.length === 0 ? [] : [""]),
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
    // A JSON string is a valid Python string.
    `text = ${JSON.stringify(stated.example ?? "…")}`,
    ...(messages === undefined
      ? [`messages = [{"role": "user", "content": text}]  # rendered from ${template}`]
      : [
          `with open(hf_hub_download("${repo}", "${messages}"), encoding="utf-8") as file:`,
          "    messages = json.load(file)",
          "for message in messages:",
          `    message["content"] = message["content"].replace("${inputPlaceholder}", text)`,
        ]),
    "inputs = tokenizer.apply_chat_template(",
    `    messages, add_generation_prompt=True, enable_thinking=${config.prompt.thinking ? "True" : "False"},`,
    `    date_string="${promptDate}", return_dict=True, return_tensors="pt"`,
    ").to(model.device)",
    `output = model.generate(**inputs, max_new_tokens=${tokens}${"temperature" in config.generate && config.generate.temperature > 0 ? `, do_sample=True, temperature=${config.generate.temperature}` : ", do_sample=False"})`,
    'answer = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)',
    ...lines,
  ].join("\n");
}

/** Python code that reads `answer` in the way of the task. */
function pythonReader(config: UsageFacts["run"]["config"]): PythonReader {
  return taskOf(config).pythonReader?.(taskParams(config).parsing) ?? { imports: [], lines: ["print(answer)"] };
}
