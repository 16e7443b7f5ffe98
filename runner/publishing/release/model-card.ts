import { stringify } from "yaml";
import { datasetText } from "../../hub/dataset-files.ts";
import { taskOf } from "../../pipeline/steps/task.ts";
import { keptText } from "../../plugins/backends/keep.ts";
import { datasetsOf } from "../../plugins/data-part.ts";
import { formats } from "../../plugins/formats/registry.ts";
import type { Metric } from "../../plugins/metrics/metric.ts";
import { shownMetrics } from "../../plugins/metrics/own-metric.ts";
import { table } from "../../reporting/checklist/markdown.ts";
import { armNamingOf, hasLabels, metricName } from "../../reporting/report/display-names.ts";
import { warningOf } from "../../reporting/report/report.ts";
import { trainerText } from "../../reporting/report/software.ts";
import type { RunFacts } from "../../reporting/report/study.ts";
import { trainingName, trainingTime } from "../../reporting/report/trainings.ts";
import { verdict } from "../../reporting/sections/abstract.ts";
import { limitationsOf } from "../../reporting/sections/limitations.ts";
import type { MaybeBounds } from "../../util/bounds.ts";
import { gigabytes, integer, missing, plural, pValue, score, signedInterval, withInterval } from "../../util/format.ts";
import { citation, dataText, example, intendedUse } from "./card-texts.ts";
import type { CardFacts } from "./model-card-facts.ts";
import { usageExample } from "./usage-example.ts";

/** The README.md of a model: front matter for the hub, then text for people. The same run gives the same text. */
export function modelCard(facts: CardFacts): string {
  const { run, repo, kind } = facts;
  const description = run.config.description.trim();
  const sections = [
    `# ${repo.slice(repo.indexOf("/") + 1)}`,
    ...(description === "" ? [] : [description]),
    summary(facts),
    ...(kind === "none" ? [] : verdict(run)).map((span) =>
      typeof span === "object" && "strong" in span ? `**${span.strong.trim()}**` : "",
    ),
    "## Intended use",
    intendedUse(facts),
    ...(kind === "none" ? [] : ["## Usage", usageExample(facts)]),
    "## Example",
    example(facts),
    "## Results",
    results(facts),
    ...(facts.exported.length === 0 ? [] : ["## Other formats", otherFormats(facts)]),
    "## Data",
    dataText(facts),
    ...(kind === "none" ? [] : ["## Training", training(facts)]),
    "## Limitations",
    limitations(facts),
    "## Files",
    files(facts),
    "## Citation",
    citation(facts),
    "## Provenance",
    provenance(run),
  ];
  return `---\n${stringify(frontMatter(facts), { lineWidth: 0 })}---\n\n${sections.filter((one) => one !== "").join("\n\n")}\n`;
}

/** Metadata for the hub's search, widgets and leaderboards. */
function frontMatter({ run, intervals, repo, license, kind, base, stated }: CardFacts): object {
  const { primary, split } = run.config.evaluate;
  const { origin } = run.config.data;
  const values = run.arms.find(({ name }) => name === "tuned")?.views[primary.view] ?? {};
  const scored = [...new Set([primary.metric, ...shownMetrics(run.config.evaluate)])].filter((name) =>
    Number.isFinite(values[name]),
  );
  const hubOf = (name: string): Metric["hub"] => taskOf(run.config).metrics.find(name)?.hub;
  const registered = scored.filter((name) => hubOf(name) !== undefined);
  // The text of the card has every metric.
  const names = registered.length > 0 ? registered : scored;
  const trained = kind === "none" ? [] : [run.config.train?.method ?? "", run.config.train?.backend ?? ""];
  return {
    ...(stated.language === undefined ? {} : { language: stated.language }),
    base_model: base.name,
    base_model_relation: kind === "adapter" ? "adapter" : "finetune",
    ...(datasetsFrom(run).length === 0 ? {} : { datasets: datasetsFrom(run) }),
    license,
    library_name: kind === "adapter" ? "peft" : "transformers",
    pipeline_tag: "text-generation",
    tags: [...new Set([...(stated.tags ?? []), "exp-study", ...trained])],
    metrics: [...new Set(names.flatMap((name) => hubOf(name)?.id ?? []))],
    "model-index": [
      {
        name: repo.slice(repo.indexOf("/") + 1),
        results: [
          {
            task: { type: "text-generation", name: outputOf(run) },
            dataset: {
              name: `${run.experiment} (${split} split, ${integer(casesOf(run))} cases)`,
              type: origin?.dataset ?? "own",
              split,
            },
            metrics: names.map((name) => {
              const ends = intervals.tuned?.[primary.view]?.[name];
              const args = {
                ...hubOf(name)?.args,
                ...(ends?.low === undefined
                  ? {}
                  : { interval: [ends.low, ends.high], level: 0.95, method: ends.method }),
              };
              return {
                type: hubOf(name)?.id ?? name,
                name: `${metricName(name)} (${primary.view} view)`,
                value: values[name],
                ...(Object.keys(args).length === 0 ? {} : { args }),
              };
            }),
          },
        ],
      },
    ],
  };
}

/** The names of the hub data sets that the run has read, or that the study names as its origin. */
const datasetsFrom = ({ config }: RunFacts): readonly string[] => [
  ...new Set([
    ...[config.data.origin?.dataset ?? []].flat(),
    ...Object.values(datasetsOf(config.data)).map(({ hub }) => hub),
  ]),
];

/** What the task predicts, in words: "a set of labels from a text". */
const outputOf = ({ config }: RunFacts): string => taskOf(config).words.output;

const casesOf = ({ comparison, steps }: RunFacts): number =>
  comparison?.n ?? Number(steps["evaluate.tuned"]?.evidence.cases ?? steps["generate.tuned"]?.evidence.cases ?? 0);

function summary({ run, kind, base }: CardFacts): string {
  if (kind === "none") return `**${warningOf([run]) || "The run has no model."}** It predicts ${outputOf(run)}.`;
  const own = run.model?.base ?? run.config.model.base;
  const from = `[${base.name}](https://huggingface.co/${base.name})${base.revision === null ? "" : ` at commit \`${base.revision.slice(0, 12)}\``}`;
  const copy =
    own === base.name
      ? ""
      : " The training used a copy of that model. `model.json` lists its files with their SHA-256 digests. With other weights the answers differ.";
  const shape =
    kind === "adapter"
      ? `An adapter (${trainingName(run)}) for ${from}.`
      : `${kind === "merged" ? `${from} with a merged adapter (${trainingName(run)})` : `${from} after ${trainingName(run)}`}: a complete model that loads without an adapter.`;
  const merged =
    kind === "merged"
      ? " On prompts of the study its logits agree with those of the base model with the adapter; `merge.json` has the differences."
      : "";
  return `${shape} It predicts ${outputOf(run)}. exp ${run.provenance.exp} ran the training and the evaluation and wrote this card.${copy}${merged}`;
}

/** The metrics of every arm in the primary view, with intervals, and the pre-specified tests. */
function results({ run, intervals, kind }: CardFacts): string {
  const armName = armNamingOf(run);
  const { primary } = run.config.evaluate;
  const names = [...new Set([primary.metric, ...shownMetrics(run.config.evaluate)])];
  const rows = run.arms.map(({ name, views }) => {
    const cells = names.map((metric) => {
      const value = views[primary.view]?.[metric];
      const ends = intervals[name]?.[primary.view]?.[metric];
      return value !== undefined && ends !== undefined ? withInterval({ value, ...ends }) : score(value);
    });
    return [name === "tuned" && kind !== "none" ? "**this model**" : armName(name), ...cells];
  });
  const { comparison } = run;
  const tests = (comparison?.family.tests ?? []).map(({ against, adjusted }) => {
    const { metric } = primary;
    const difference =
      (comparison?.arms.tuned?.[metric]?.value ?? 0) - (comparison?.arms[against]?.[metric]?.value ?? 0);
    return `- difference to ${armName(against)}: ${difference >= 0 ? "+" : ""}${score(difference)} ${metricName(metric)}, p ${adjusted < 0.001 ? "" : "= "}${pValue(adjusted)}`;
  });
  return [
    `Scores on the ${run.config.evaluate.split} split${casesOf(run) > 0 ? ` (${integer(casesOf(run))} cases)` : ""} in the ${primary.view} view, with 95 % confidence intervals over cases. \`evaluation/\` has every metric in every view.`,
    table(["", ...names.map(metricName)], rows).join("\n"),
    ...(tests.length === 0 ? [] : [`Paired tests on the same cases, with Holm's correction:\n\n${tests.join("\n")}`]),
  ].join("\n\n");
}

/** The files of the other formats, and what each lost on validation rows. */
function otherFormats({ run, exported }: CardFacts): string {
  const { metric: primary, view } = run.config.evaluate.primary;
  const scored = exported.flatMap(({ comparison }) => comparison ?? []);
  // A judge's score is not measured on validation rows: another metric then takes its place.
  const own = scored[0]?.arms.tuned ?? {};
  const metric = own[primary] === undefined ? (Object.keys(own)[0] ?? primary) : primary;
  const rows = exported.map(({ name, format, type, size, comparison }) => [
    `\`${name}/${formats.get(format).file}\``,
    type,
    integer(size),
    ...lossOf(comparison, name, metric),
  ]);
  return [
    table(["file", "weights", "bytes", "this model", "in this format", "difference"], rows).join("\n"),
    scored[0] === undefined
      ? "These files were not scored: the study has no validation rows."
      : `The scores are ${metricName(metric)} (${view} view) on ${plural(scored[0].n, "validation row")}, with 95 % confidence intervals over cases; the difference is paired. \`scores.json\` of each folder has every metric. The results above are those of this model, not of these files.`,
    `To load one: ${exported.map(({ name, format }) => `\`${formats.get(format).serve(name)}\``).join(", ")}.`,
  ].join("\n\n");
}

/** The score of the run's own model, of the exported one, and their paired difference. */
function lossOf(
  comparison: CardFacts["exported"][number]["comparison"],
  name: string,
  metric: string,
): readonly string[] {
  if (comparison === undefined) return [missing, missing, missing];
  const { arms, pairs } = comparison;
  const pair = pairs.find(({ a, b }) => a === name || b === name);
  const found = pair?.metrics[metric];
  const loss = found === undefined || pair?.a === name ? found : reversed(found);
  return [
    withInterval(arms.tuned?.[metric]),
    withInterval(arms[name]?.[metric]),
    loss === undefined ? missing : signedInterval(loss),
  ];
}

/** The difference b - a, from a - b. */
function reversed({ difference, low, high }: MaybeBounds & { readonly difference: number }) {
  return { difference: -difference, ...(low === undefined || high === undefined ? {} : { low: -high, high: -low }) };
}

function training({ run }: CardFacts): string {
  const { train, data } = run.config;
  if (train === undefined) return "";
  const parameters = run.curves.train?.parameters;
  const evidence: RunFacts["steps"][string]["evidence"] = run.steps.train?.evidence ?? {};
  const validation = run.config.data.validation;
  const rows: readonly (readonly [string, string])[] = [
    ["method", trainingName(run)],
    ...(train.method === "full"
      ? []
      : ([
          ["rank / alpha / dropout", `${train.rank} / ${train.alpha} / ${train.dropout}`],
          ["adapted modules", Array.isArray(train.targets) ? train.targets.join(", ") : String(train.targets)],
        ] as const)),
    ...(parameters === undefined
      ? []
      : ([["trainable parameters", `${integer(parameters.trainable)} of ${integer(parameters.total)}`]] as const)),
    ["trainer", trainerText(train.backend, run.provenance)],
    ["training rows", String(run.steps.data?.evidence.train ?? "–")],
    ["epochs; rows per step", `${train.epochs}; ${train.batch_size * train.gradient_accumulation}`],
    ["learning rate, schedule, optimizer", `${train.learning_rate}, ${train.schedule}, ${train.optimizer}`],
    ...(train.neftune_alpha ? ([["embedding noise (NEFTune alpha)", String(train.neftune_alpha)]] as const) : []),
    ["maximum length", `${train.max_length} tokens`],
    ["precision", String(evidence.precision ?? train.precision)],
    ["seed", String(train.seed)],
    ["kept weights", keptText(train.keep, String)],
    ["time, peak memory, device", `${trainingTime(run.steps.train)}, ${memoryOf(evidence)}, ${evidence.device ?? "–"}`],
  ];
  const targets =
    data.targets === undefined || data.targets.view === "raw"
      ? "the targets as written in the data"
      : `the ${data.targets.view} view of the labels`;
  return [
    table(["", ""], rows).join("\n"),
    `The training targets are ${targets}. The loss covers the answer and its end token, not the prompt.${validation === undefined ? "" : " Validation rows are neither training nor test rows."} \`manifest.json\` has every parameter.`,
    ...Object.entries(datasetsOf(data)).map(
      ([name, part]) => `The ${name} rows are from ${datasetText(part)} on the Hugging Face hub.`,
    ),
  ].join("\n\n");
}

const memoryOf = ({ peak_memory }: Readonly<Record<string, unknown>>): string =>
  typeof peak_memory === "number" ? gigabytes(peak_memory) : "–";

function limitations({ run, kind, forms }: CardFacts): string {
  if (kind === "none") return listOf(limitationsOf([run]));
  const items = [
    ...limitationsOf([run]),
    `The model answers in the form ${hasLabels(run.config) ? "and with the labels of its training data (`labels.json`)" : `of its training data${forms.length === 0 ? "" : ` (${forms.map((path) => `\`${path}\``).join(", ")})`}`}. Texts from other sources or in other languages were not tested.`,
    "The evaluation used one test set.",
  ];
  return listOf(items);
}

const listOf = (items: readonly string[]): string => items.map((item) => `- ${item}`).join("\n");

function files({ files }: CardFacts): string {
  return table(
    ["file", "bytes", "SHA-256"],
    files.map(({ path, size, sha256 }) => [`\`${path}\``, integer(size), `\`${sha256}\``]),
  ).join("\n");
}

function provenance({ experiment, run, provenance, file }: RunFacts): string {
  const { git } = provenance;
  const commit = git === null ? "" : `, commit \`${git.commit}\`${git.dirty ? " with uncommitted changes" : ""}`;
  return `Run \`${experiment}/${run}\` of \`${file}\`${commit}. \`manifest.json\` lists the SHA-256 digest of every file of the run, the packages and the hardware.`;
}
