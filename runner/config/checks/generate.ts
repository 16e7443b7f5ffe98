import type { CheckContext } from "./context.ts";
import { needFile } from "./data.ts";

/** What the engine can do of what was asked. */
export function checkGenerate(context: CheckContext): void {
  const { generate } = context.experiment;
  if (generate.engine === "replay") {
    checkReplay(context, generate);
    return;
  }
  if (generate.engine === "openai") checkServer(context, generate);
  if (generate.engine === "vllm" && context.experiment.resources.gpus === 0) {
    const help = "use engine: transformers, or ask for a GPU: resources.gpus: 1";
    context.error("generate.engine", "engine-unsupported", "vLLM runs on GPUs alone, and resources.gpus is 0", help);
  }
  checkSampling(context, generate);
}

/** Files of answers that can be read, and an untrained model's only beside a trained one's. */
function checkReplay(context: CheckContext, generate: Replay): void {
  for (const key of ["file", "zero_shot"] as const) {
    const file = generate[key];
    if (file !== undefined && needFile(context, `generate.${key}`, file) && !file.endsWith(".jsonl"))
      context.error(`generate.${key}`, "bad-format", "a replayed file is .jsonl", "write one {id, text} a line");
  }
  if (generate.zero_shot !== undefined && context.experiment.train === undefined) {
    const message = "there is no train:, so that file has the untrained model's answers already";
    context.warning("generate.zero_shot:", "unused-key", message, "take it out, or say how the model was trained");
  }
}

/** An address that can be asked and that may be written down, and one model that is served. */
function checkServer(context: CheckContext, { base_url, extra }: Extract<Model, { readonly engine: "openai" }>): void {
  const url = URL.canParse(base_url) ? new URL(base_url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    const message = `${base_url} is no address of a server`;
    context.error("generate.base_url", "bad-format", message, "write it like http://127.0.0.1:8080/v1");
  } else if (url.username !== "" || url.password !== "" || url.search !== "") {
    const message = "the address holds a password or a query, and it is written into every report";
    const help = "name the variable that holds the key: generate.api_key_env";
    context.error("generate.base_url", "secret-in-address", message, help);
  }
  const ours = Object.keys(extra).filter((key) => decidedElsewhere.includes(key));
  for (const key of ours) {
    context.error(`generate.extra.${key}:`, "decided-override", `${key} is decided by another key`, "take it out");
  }
  if (context.experiment.train !== undefined) {
    const message = "a server answers for the model that it serves, not for one that is trained here";
    const help = "serve the trained model and ask it in an experiment without train, or use engine: transformers";
    context.error("generate.engine", "engine-unsupported", message, help);
  }
}

/** Keys of a request that an experiment has keys of its own for. */
const decidedElsewhere = [
  "model",
  "messages",
  "temperature",
  "top_p",
  "seed",
  "max_tokens",
  "response_format",
  "logprobs",
  "stream",
  "n",
];

type Replay = Extract<CheckContext["experiment"]["generate"], { readonly engine: "replay" }>;
type Model = Exclude<CheckContext["experiment"]["generate"], { readonly engine: "replay" }>;

/** Keys that do nothing, or nothing good, beside others. */
function checkSampling(context: CheckContext, generate: Model): void {
  const samples = generate.temperature > 0;
  for (const key of ["top_p", "top_k"] as const) {
    if (samples || (generate as { readonly [Key in typeof key]?: number })[key] === undefined) continue;
    context.error(
      `generate.${key}:`,
      "greedy-sampling",
      `${key} does nothing at temperature 0`,
      "take it out, or set a temperature",
    );
  }
  if (generate.vote !== undefined && !samples) {
    const message = "at temperature 0 all answers of a vote are the same";
    context.error("generate.vote:", "greedy-sampling", message, "write generate.temperature: 0.7, or take vote out");
  }
  if (generate.constrain !== "none" && context.experiment.prompt.thinking) {
    const message = "an answer that is held to its form leaves no room to think";
    context.error("generate.constrain", "constrained-thinking", message, "write prompt.thinking: false");
  }
}
