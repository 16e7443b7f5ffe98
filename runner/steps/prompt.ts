import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../experiment/schema.ts";
import type { Draft, Json, StepKind } from "../plan/step.ts";
import { StepFailed } from "../plan/step.ts";
import { compileTemplate, TemplateError } from "../prompt/template.ts";
import type { Arm } from "./arms.ts";
import type { DataRow, LabelCount } from "./data.ts";
import { draft } from "./draft.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";

type Params = {
  /** The labels offered to the template, or null for none. */
  readonly labels: { readonly min_count: number; readonly order: "frequency" | "alphabetical" } | null;
};

/** Renders every case as the messages that the model is shown, without the answer. */
export const prompt: StepKind<Params> = {
  name: "prompt",
  version: 1,
  cached: true,
  outputs: () => ["train.jsonl", "validation.jsonl", "eval.jsonl"],
  async run(params, ports) {
    const path = ports.source("template");
    const labels = params.labels === null ? [] : offered(ports.input("labels"), params.labels);
    try {
      const render = compileTemplate(readFileSync(path, "utf8"));
      for (const split of ["train", "validation", "eval"]) {
        const rows = ports.reads(split) ? readJsonLines<DataRow>(ports.input(split)) : [];
        const rendered = rows.map(({ id, input, target }) => ({
          id,
          messages: render({ input, labels, examples: [] }),
          target,
        }));
        writeFileSync(join(ports.output, `${split}.jsonl`), jsonLines(rendered));
      }
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const where = error.line === undefined ? "" : ` line ${error.line}`;
      throw new StepFailed("template", `the template${where}: ${error.message}`, { help: "correct the template" });
    }
  },
};

function offered(path: string, { min_count, order }: NonNullable<Params["labels"]>): readonly string[] {
  const counts = JSON.parse(readFileSync(path, "utf8")) as readonly LabelCount[];
  const labels = counts.filter(({ count }) => count >= min_count).map(({ label }) => label);
  return order === "alphabetical" ? labels.toSorted() : labels;
}

/** The prompts of one arm. Only the tuned arm is shown training rows, so that nothing else depends on them. */
export function draftPrompt(experiment: Experiment, arm: Arm): Draft {
  const { prompt, evaluate, train } = experiment;
  const template = train !== undefined && arm === "zero_shot" ? prompt.zero_shot : prompt.template;
  const labels: Json = prompt.labels ? { min_count: prompt.labels.min_count, order: prompt.labels.order } : null;
  return draft({
    id: `prompt.${arm}`,
    kind: "prompt",
    params: { labels },
    sources: { template },
    reads: {
      eval: { step: "data", file: `${evaluate.on}.jsonl` },
      ...(labels ? { labels: { step: "data", file: "labels.json" } } : {}),
      ...(arm === "tuned"
        ? { train: { step: "data", file: "train.jsonl" }, validation: { step: "data", file: "validation.jsonl" } }
        : {}),
    },
  });
}
