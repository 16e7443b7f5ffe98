import { classicalBaselines } from "../../plugins/classical-baselines.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { type AblationRow, distinctSweeps } from "../../runs/ablation.ts";
import {
  integer,
  missing,
  percent,
  plural,
  pValue,
  score,
  signed,
  signedBounds,
  withInterval,
} from "../../util/format.ts";
import { shortKeys, valueText } from "../report/ablation.ts";
import { armNamingOf, metricName, primaryArm } from "../report/display-names.ts";
import { about, type Block, type Cell, heading, paragraph } from "../report/document.ts";
import { markdownBlocks, markdownSections } from "../report/markdown.ts";
import { resultRuns } from "../report/run-names.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Prompt templates as sent, their rationale, and the baselines. */
export function prompts(study: Study): readonly Block[] {
  const { runs } = study;
  const seen = new Set<string>();
  return [
    heading(1, "Prompt design and baseline performance"),
    paragraph(
      "The prompt of a case is rendered from a template. Training and generation use the same template, and a check before training " +
        "verifies that both give identical tokens. The prompt of the zero-shot model describes the task and the form of the answer, so " +
        "that the baseline is not weakened by a prompt written for fine-tuning.",
    ),
    ...runs.flatMap((run) => templates(run, seen)),
    ...unrendered(study),
    ...tokens(runs),
    ...rationale(study),
    ...comparedPrompts(study),
    ...baselines(resultRuns(runs).at(-1) as RunFacts),
  ];
}

function templates(run: RunFacts, seen: Set<string>): readonly Block[] {
  return Object.entries(run.prompts).flatMap(([arm, { template, isInstructed, messages }]) => {
    // Runs that differ in their training rows have other labels in the same prompt.
    const design = JSON.stringify([template, isInstructed, run.config.prompt]);
    if (seen.has(design)) return [];
    seen.add(design);
    return [
      heading(2, `Prompt of the arm “${armNamingOf(run)(arm)}”`),
      paragraph(
        ...["Template ", { code: template }, isInstructed ? ", followed by the labels and the form of the answer" : ""],
        ", rendered for the first case:",
      ),
      { type: "code" as const, text: messages.map(({ role, content }) => `[${role}]\n${content}`).join("\n\n") },
      ...candidates(run, arm),
    ];
  });
}

/** Where the candidates in the prompts of an arm are from, and how many labels they have. */
function candidates({ config, steps }: RunFacts, arm: string): readonly Block[] {
  const { candidates: shown } = config.prompt;
  if (shown === undefined) return [];
  const recall = (steps[`prompt.${arm}`]?.evidence.candidate_recall ?? {}) as Readonly<Record<string, number>>;
  const shares = [
    ["training", recall.train],
    ["validation", recall.validation],
    ["evaluated", recall.eval],
  ].flatMap(([rows, share]) => (typeof share === "number" ? [`${percent(share)} of the labels of ${rows} rows`] : []));
  return [
    paragraph(
      `The candidates are the ${plural(shown.top, "label")} with the highest scores of a classifier, the baseline ${classicalBaselines[shown.from]?.displayName ?? shown.from}. ` +
        `Those of a training row are from a classifier that was chosen and fitted without the row.${shares.length === 0 ? "" : ` They contain ${shares.join(", ")}.`}`,
    ),
  ];
}

/** The templates that the experiments of runs declare, compared experiments included, with their use. */
function declaredTemplates(runs: readonly RunFacts[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { prompt, train, task } of runs.flatMap(({ config, compared }) => [config, ...Object.values(compared)])) {
    if (train === undefined) found.set(prompt.template, found.get(prompt.template) ?? "untrained models");
    else {
      const { template, zero_shot: untrained } = prompt;
      const isShared = untrained === undefined || untrained === template;
      const what = tasks.get(task).labels === undefined ? "the form" : "the labels and the form";
      const added = untrained === undefined ? `, which get ${what} of the answer in addition` : "";
      found.set(template, `fine-tuned models${isShared ? ` and untrained models${added}` : ""}`);
      if (!isShared) found.set(untrained, "untrained models");
    }
  }
  return found;
}

/** Templates of runs whose predictions were replayed, so that no prompt was rendered. */
function unrendered({ runs, promptFiles = {} }: Study): readonly Block[] {
  const replayed = runs.filter(({ prompts }) => Object.keys(prompts).length === 0);
  const named = [...declaredTemplates(replayed)];
  if (named.length === 0) return [];
  const shown = named.filter(([path]) => promptFiles[path] !== undefined);
  const codes = named.flatMap(([path], at) => [at === 0 ? "" : ", ", { code: path }]);
  return [
    paragraph(
      "The predictions were replayed, so no prompt was rendered. The experiment declares the templates ",
      ...codes,
      "; ",
      { code: "exp preview" },
      ` renders them.${shown.length === 0 ? "" : " Names in double braces are variables."}`,
    ),
    ...shown.flatMap(([path, use]) => [
      paragraph("Template ", { code: path }, ` (${use}):`),
      { type: "code" as const, text: (promptFiles[path] as string).trimEnd() },
    ]),
  ];
}

/** The lengths of prompts in tokens; none if no engine counted them. Runs with the same lengths share a row. */
function tokens(runs: readonly RunFacts[]): readonly Block[] {
  const groups = new Map<string, { readonly cells: readonly Cell[]; readonly names: string[] }>();
  for (const run of runs) {
    for (const [arm, { template, tokens: counted }] of Object.entries(run.prompts)) {
      if (counted === undefined) continue;
      const cells = [armNamingOf(run)(arm), [{ code: template }], integer(counted.mean), integer(counted.max)];
      const key = JSON.stringify(cells);
      const group = groups.get(key) ?? { cells, names: [] };
      groups.set(key, group);
      group.names.push(run.name);
    }
  }
  if (groups.size === 0) return [];
  const rows = [...groups.values()];
  const several = rows.some(({ names }) => names.length < runs.length);
  const runText = (names: readonly string[]): string =>
    names.length > mostNames ? `${integer(names.length)} of ${integer(runs.length)} runs` : names.join("; ");
  return [
    paragraph(...about("prompt-tokens", "counts the tokens of the prompts.")),
    {
      type: "table",
      id: "prompt-tokens",
      caption: "Tokens of a prompt, in the tokenizer of the model: mean and maximum over the evaluated cases.",
      head: [...(several ? ["run"] : []), "arm", "template", "mean", "maximum"],
      align: [...(several ? ["left" as const] : []), "left", "left", "right", "right"],
      rows: rows.map(({ cells, names }) => [...(several ? [runText(names)] : []), ...cells]),
    },
  ];
}

/** Runs that a row of the table names. */
const mostNames = 3;

/**
 * The reasons for the prompts, from the README.md in the folder of the templates. Its second-level sections are
 * included, except those that are named after a template that no run uses.
 */
function rationale({ runs, promptFiles = {} }: Study): readonly Block[] {
  const templates = [...declaredTemplates(runs).keys()];
  const folders = new Set(templates.map((path) => path.slice(0, path.lastIndexOf("/") + 1)));
  return [...folders].flatMap((folder) => {
    const readme = `${folder}README.md`;
    const text = promptFiles[readme];
    if (text === undefined) return [];
    const used = templates.map((path) => path.slice(path.lastIndexOf("/") + 1));
    const all = markdownSections(text);
    const named = all.filter(({ heading: title }) => title !== "");
    const sections = (named.length === 0 ? all : named).filter(
      ({ heading: title }) => !/\.(hbs|handlebars)`?$/.test(title) || used.some((name) => title.includes(name)),
    );
    if (sections.length === 0) return [];
    const blocks = sections.flatMap(({ heading: title, text: body }) => [
      ...(title === "" ? [] : [heading(3, title.replaceAll("`", ""))]),
      ...markdownBlocks(body, (number) => ({
        id: `rationale-${folder}${title}-${number}`,
        caption: title === "" ? "Rationale of the prompts." : `Rationale: ${title.replaceAll("`", "")}.`,
      })),
    ]);
    const tables = blocks.flatMap((block) => (block.type === "table" ? [block.id] : []));
    return [
      heading(2, "Rationale of the prompts"),
      paragraph(
        ...["This section is the text of ", { code: readme }, ...recordedDigest(runs, readme), ". "],
        ...tables.flatMap((id) => about(id, "is part of it.")),
      ),
      ...blocks,
    ];
  });
}

/** The digest of a file that explains prompts, as the last run with one recorded it. */
function recordedDigest(runs: readonly RunFacts[], file: string): readonly (string | { readonly code: string })[] {
  const digest = runs.findLast(({ provenance }) => provenance.rationale?.[file])?.provenance.rationale?.[file];
  return digest === undefined ? [] : [" (SHA-256 at the time of the run: ", { code: digest.slice(0, 16) }, ")"];
}

/** The differences between the prompts of a sweep; none if no sweep varies the prompt. */
function comparedPrompts({ runs, promptDifferences = {} }: Study): readonly Block[] {
  return distinctSweeps(runs).flatMap(({ run, ablation }) => {
    const found = promptDifferences[run];
    const reference = found === undefined ? undefined : ablation?.settings[found.reference];
    if (ablation === undefined || found === undefined || reference === undefined) return [];
    const names = shortKeys(ablation.keys);
    const nameOf = ({ values }: AblationRow): string =>
      ablation.keys.map((key, at) => `${names[at]} ${valueText(values[key])}`).join(", ");
    const scoreOf = ({ value, interval }: AblationRow): string => withInterval({ value, ...interval });
    return [
      heading(2, "Comparison of prompts"),
      paragraph(...about(`prompts-${run}`, "compares the prompts of the sweep.")),
      {
        type: "table",
        id: `prompts-${run}`,
        caption:
          `${ablation.experiment}: ${metricName(found.metric)} (${found.view} view, ${ablation.rows} split) of each prompt, and its paired difference from the first one, with 95 % confidence intervals over cases. ` +
          `p-values of the ${plural(found.tests.length, "test")} are adjusted with Holm's method.`,
        head: ["prompt", metricName(found.metric), "difference", "95 % CI", "detectable", "p", "p (Holm)"],
        align: ["left", "right", "right", "right", "right", "right", "right"],
        rows: [
          [nameOf(reference), scoreOf(reference), missing, missing, missing, missing, missing],
          ...found.tests.flatMap(({ setting, difference, detectable, p, adjusted, ...bounds }) => {
            const own = ablation.settings[setting];
            if (own === undefined) return [];
            return [
              [
                ...[nameOf(own), scoreOf(own), signed(difference), signedBounds(bounds), score(detectable)],
                ...[pValue(p), pValue(adjusted)],
              ],
            ];
          }),
        ],
      },
    ];
  });
}

function baselines(run: RunFacts): readonly Block[] {
  const { comparison, config } = run;
  const { metric, view } = config.evaluate.primary;
  const rivals = run.arms.filter(
    ({ name }) => !name.endsWith(".tuned") && (name !== primaryArm(run) || config.train === undefined),
  );
  const defined = run.arms.flatMap(({ name }) => {
    const baseline = classicalBaselines[name];
    return baseline === undefined ? [] : [[{ strong: baseline.displayName }, `: ${baseline.definition}.`]];
  });
  const scores = rivals.flatMap(({ name }) => {
    const measured = comparison?.arms[name]?.[metric];
    return measured === undefined ? [] : [`${armNamingOf(run)(name)} ${withInterval(measured)}`];
  });
  if (scores.length === 0) return [];
  return [
    heading(2, "Baseline performance"),
    ...(defined.length === 0
      ? []
      : [
          paragraph("The classical baselines use no language model. They learn from the same training rows:"),
          { type: "list" as const, items: defined },
        ]),
    paragraph(
      `${metricName(metric)} of the baselines (${view} view, 95 % confidence intervals over cases): ${scores.join("; ")}. `,
      ...about("results", "reports all metrics."),
    ),
    ...ensemble(run),
  ];
}

/** The ensemble rule, if the run has an ensemble. */
function ensemble(run: RunFacts): readonly Block[] {
  const { classifier, weight, threshold, validation, named } = run.steps["generate.ensemble"]?.evidence ?? {};
  if (typeof weight !== "number" || typeof threshold !== "number" || typeof validation !== "number") return [];
  const marginsOf =
    typeof classifier === "string" ? `the classifier (${armNamingOf(run)(classifier)})` : "the classifier";
  const rule = tasks.get(run.config.task).labels?.isSingle
    ? "the label with the highest sum is predicted"
    : `labels with a sum above ${score(threshold)} are predicted`;
  const model = armNamingOf(run)(primaryArm(run));
  const prediction = `a prediction of the language model (${model}; 0 or 1)`;
  const probability = `its probability by the language model (${model})`;
  const ofModel =
    typeof named !== "number" || named === 1
      ? prediction
      : named === 0
        ? probability
        : `the mean of ${prediction} and of ${probability}`;
  return [
    paragraph(
      `The ensemble sums two scores for each label: ${ofModel} with weight ${weight.toFixed(1)} and the ` +
        `margin of ${marginsOf}, scaled to 0–1, with weight ${(1 - weight).toFixed(1)}; ${rule}. Weight and threshold maximise micro-F1 on ${integer(validation)} validation rows.`,
    ),
  ];
}
