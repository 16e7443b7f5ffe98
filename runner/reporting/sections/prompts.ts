import { armWord, metricWord, score, subject, whole, withInterval } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import { resultRuns } from "../report/run-names.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** What the model is told, and how far the prompt alone goes. */
export function prompts({ runs }: Study): readonly Block[] {
  const seen = new Set<string>();
  return [
    heading(1, "Prompt design and baseline performance"),
    paragraph(
      "A prompt is a template that is filled in for every case. Training and generation share one template, token by token: a check " +
        "before training compares the two. The untrained model has a template of its own, so that the baseline is as good as a " +
        "prompt can make it.",
    ),
    ...runs.flatMap((run) => templates(run, seen)),
    ...unrendered(runs),
    ...baselines(resultRuns(runs).at(-1) as RunFacts),
  ];
}

function templates(run: RunFacts, seen: Set<string>): readonly Block[] {
  return Object.entries(run.prompts).flatMap(([arm, { template, messages }]) => {
    const instruction = JSON.stringify(messages.map(({ role, content }) => (role === "system" ? content : role)));
    if (seen.has(instruction)) return [];
    seen.add(instruction);
    return [
      heading(2, `Prompt of the ${armWord(arm)} arm`),
      paragraph("The template ", { code: template }, ", filled in for the first case:"),
      { type: "code" as const, text: messages.map(({ role, content }) => `[${role}]\n${content}`).join("\n\n") },
    ];
  });
}

/** Templates that an experiment names and nobody was asked by, because the answers were there already. */
function unrendered(runs: readonly RunFacts[]): readonly Block[] {
  const silent = runs.filter(({ prompts }) => Object.keys(prompts).length === 0);
  const named = new Set(
    silent.flatMap(({ config: { prompt, train } }) => [
      prompt.template,
      ...(train === undefined ? [] : [prompt.zero_shot]),
    ]),
  );
  if (named.size === 0) return [];
  const codes = [...named].flatMap((path, at) => [at === 0 ? "" : ", ", { code: path }]);
  return [
    paragraph(
      "The answers were replayed, so no prompt was filled in. The templates that the experiment names are ",
      ...codes,
      "; ",
      { code: "exp preview" },
      " shows them as a model would be shown them.",
    ),
  ];
}

function baselines(run: RunFacts): readonly Block[] {
  const { comparison, config } = run;
  const rivals = run.arms.filter(
    ({ name }) => !name.endsWith(".tuned") && (name !== subject(run) || config.train === undefined),
  );
  if (comparison === undefined || rivals.length === 0) return [];
  const metrics = config.evaluate.metrics.filter(
    (metric) => comparison.arms[rivals[0]?.name ?? ""]?.[metric] !== undefined,
  );
  return [
    heading(2, "Baseline performance"),
    paragraph(
      "Classical baselines are trained on exactly the rows that the language model is trained on. ",
      { ref: "baselines" },
      ` gives them beside the prompt alone, in the ${comparison.view} view.`,
    ),
    ...together(run),
    {
      type: "table",
      id: "baselines",
      caption: "Baselines, with 95 % bootstrap intervals over cases.",
      head: ["", ...metrics.slice(0, shown).map(metricWord)],
      align: ["left", ...metrics.slice(0, shown).map(() => "right" as const)],
      rows: rivals.map(({ name }) => [
        armWord(name),
        ...metrics.slice(0, shown).map((metric) => withInterval(comparison.arms[name]?.[metric])),
      ]),
    },
  ];
}

/** How model and classifier were put together, where they were. */
function together(run: RunFacts): readonly Block[] {
  const { weight, threshold, validation } = run.steps["generate.ensemble"]?.evidence ?? {};
  if (typeof weight !== "number" || typeof threshold !== "number" || typeof validation !== "number") return [];
  const given =
    run.config.task === "single_label"
      ? "the label with the highest sum is given"
      : `labels above ${score(threshold)} are given`;
  return [
    paragraph(
      `The ensemble counts a label that the ${armWord(subject(run))} model names as ${weight.toFixed(1)} and the classifier's margin, from 0 to 1, ` +
        `as ${(1 - weight).toFixed(1)}; ${given}. Both were chosen by micro-F1 on ${whole(validation)} validation rows.`,
    ),
  ];
}

/** Metrics with intervals that fit a page's width. */
const shown = 4;
