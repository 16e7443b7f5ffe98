import { tasks } from "../../plugins/tasks/registry.ts";
import { integer, score, withInterval } from "../../util/format.ts";
import { armNamingOf, metricName, primaryArm } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import { resultRuns } from "../report/run-names.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Prompt templates, and the baselines. */
export function prompts({ runs }: Study): readonly Block[] {
  const seen = new Set<string>();
  return [
    heading(1, "Prompt design and baseline performance"),
    paragraph(
      "The prompt of a case is rendered from a template. Training and generation use the same template, and a check before training " +
        "verifies that both give identical tokens. The prompt of the zero-shot model describes the task and the form of the answer, so " +
        "that the baseline is not weakened by a prompt written for fine-tuning.",
    ),
    ...runs.flatMap((run) => templates(run, seen)),
    ...unrendered(runs),
    ...baselines(resultRuns(runs).at(-1) as RunFacts),
  ];
}

function templates(run: RunFacts, seen: Set<string>): readonly Block[] {
  return Object.entries(run.prompts).flatMap(([arm, { template, isInstructed, messages }]) => {
    const instruction = JSON.stringify(messages.map(({ role, content }) => (role === "system" ? content : role)));
    if (seen.has(instruction)) return [];
    seen.add(instruction);
    return [
      heading(2, `Prompt of the arm “${armNamingOf(run)(arm)}”`),
      paragraph(
        ...["Template ", { code: template }, isInstructed ? ", followed by the labels and the form of the answer" : ""],
        ", rendered for the first case:",
      ),
      { type: "code" as const, text: messages.map(({ role, content }) => `[${role}]\n${content}`).join("\n\n") },
    ];
  });
}

/** Templates of runs whose predictions were replayed, so that no prompt was rendered. */
function unrendered(runs: readonly RunFacts[]): readonly Block[] {
  const replayed = runs.filter(({ prompts }) => Object.keys(prompts).length === 0);
  const named = new Set(
    replayed.flatMap(({ config: { prompt, train } }) => [
      prompt.template,
      ...(train === undefined || prompt.zero_shot === undefined ? [] : [prompt.zero_shot]),
    ]),
  );
  if (named.size === 0) return [];
  const codes = [...named].flatMap((path, at) => [at === 0 ? "" : ", ", { code: path }]);
  return [
    paragraph(
      "The predictions were replayed, so no prompt was rendered. The experiment declares the templates ",
      ...codes,
      "; ",
      { code: "exp preview" },
      " renders them.",
    ),
  ];
}

function baselines(run: RunFacts): readonly Block[] {
  const { comparison, config } = run;
  const rivals = run.arms.filter(
    ({ name }) => !name.endsWith(".tuned") && (name !== primaryArm(run) || config.train === undefined),
  );
  if (comparison === undefined || rivals.length === 0) return [];
  const metrics = config.evaluate.metrics.filter(
    (metric) => comparison.arms[rivals[0]?.name ?? ""]?.[metric] !== undefined,
  );
  return [
    heading(2, "Baseline performance"),
    paragraph(
      "The classical baselines are trained on the same rows as the language model. ",
      { ref: "baselines" },
      ` reports the baselines and the zero-shot model in the ${comparison.view} view.`,
    ),
    ...ensemble(run),
    {
      type: "table",
      id: "baselines",
      caption: "Baselines, with 95 % confidence intervals over cases.",
      head: ["", ...metrics.slice(0, shown).map(metricName)],
      align: ["left", ...metrics.slice(0, shown).map(() => "right" as const)],
      rows: rivals.map(({ name }) => [
        armNamingOf(run)(name),
        ...metrics.slice(0, shown).map((metric) => withInterval(comparison.arms[name]?.[metric])),
      ]),
    },
  ];
}

/** The ensemble rule, if the run has an ensemble. */
function ensemble(run: RunFacts): readonly Block[] {
  const { weight, threshold, validation } = run.steps["generate.ensemble"]?.evidence ?? {};
  if (typeof weight !== "number" || typeof threshold !== "number" || typeof validation !== "number") return [];
  const rule = tasks.get(run.config.task).labels?.isSingle
    ? "the label with the highest sum is predicted"
    : `labels with a sum above ${score(threshold)} are predicted`;
  return [
    paragraph(
      `The ensemble sums two scores for each label: a prediction of the language model (${armNamingOf(run)(primaryArm(run))}; 0 or 1) with weight ${weight.toFixed(1)} and the ` +
        `margin of the classifier (scaled to 0–1) with weight ${(1 - weight).toFixed(1)}; ${rule}. Weight and threshold maximise micro-F1 on ${integer(validation)} validation rows.`,
    ),
  ];
}

/** Metrics with intervals that fit the page width. */
const shown = 4;
