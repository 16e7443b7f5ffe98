import { stringify } from "yaml";
import { tasks } from "../../plugins/tasks/registry.ts";
import { armName, metricName } from "../../reporting/report/display-names.ts";
import type { RunFacts } from "../../reporting/report/study.ts";
import { methodName, trainingTime } from "../../reporting/report/trainings.ts";
import { verdict } from "../../reporting/sections/abstract.ts";
import { limitationsOf } from "../../reporting/sections/limitations.ts";
import { gigabytes, integer, pValue, score, withInterval } from "../../util/format.ts";
import type { CardFacts } from "./model-card-facts.ts";
import { usage } from "./usage-example.ts";

/** README.md of the repository: front matter that the hub reads, then what a person must know. The same run gives the same text. */
export function cardOf(facts: CardFacts): string {
  const { run, repo } = facts;
  const description = run.config.description.trim();
  const sections = [
    `# ${repo.slice(repo.indexOf("/") + 1)}`,
    ...(description === "" ? [] : [description]),
    what(facts),
    ...verdict(run).map((span) => (typeof span === "object" && "strong" in span ? `**${span.strong.trim()}**` : "")),
    "## How to use it",
    usage(facts),
    "## Results",
    results(facts),
    "## Training",
    training(facts),
    "## Limits",
    limits(facts),
    "## Files",
    files(facts),
    "## Where the numbers come from",
    provenance(run),
  ];
  return `---\n${stringify(frontMatter(facts), { lineWidth: 0 })}---\n\n${sections.filter((one) => one !== "").join("\n\n")}\n`;
}

/** What the hub's search, widgets and leaderboards read. */
function frontMatter({ run, intervals, repo, license, kind, base }: CardFacts): object {
  const { metrics, primary, split } = run.config.evaluate;
  const values = run.arms.find(({ name }) => name === "tuned")?.views[primary.view] ?? {};
  const names = [...new Set([primary.metric, ...metrics])].filter((name) => Number.isFinite(values[name]));
  return {
    base_model: base.name,
    base_model_relation: kind === "adapter" ? "adapter" : "finetune",
    license,
    library_name: kind === "adapter" ? "peft" : "transformers",
    pipeline_tag: "text-generation",
    tags: [...new Set(["exp-study", run.config.train?.method ?? "", run.config.train?.backend ?? ""])],
    "model-index": [
      {
        name: repo.slice(repo.indexOf("/") + 1),
        results: [
          {
            task: { type: "text-generation", name: taskWord(run) },
            dataset: { name: `${run.experiment} (${split} part, ${integer(casesOf(run))} cases)`, type: "own", split },
            metrics: names.map((name) => {
              const ends = intervals.tuned?.[primary.view]?.[name];
              return {
                type: name,
                name: `${metricName(name)} (${primary.view} view)`,
                value: values[name],
                ...(ends === undefined
                  ? {}
                  : { args: { interval: [ends.low, ends.high], level: 0.95, method: ends.method } }),
              };
            }),
          },
        ],
      },
    ],
  };
}

const taskWord = ({ config }: RunFacts): string => tasks.get(config.task).words.output;

const casesOf = ({ comparison, steps }: RunFacts): number =>
  comparison?.n ?? Number(steps["evaluate.tuned"]?.evidence.cases ?? steps["generate.tuned"]?.evidence.cases ?? 0);

function what({ run, kind, base }: CardFacts): string {
  const own = run.model?.base ?? run.config.model.base;
  const from = `[${base.name}](https://huggingface.co/${base.name})${base.revision === null ? "" : ` at commit \`${base.revision.slice(0, 12)}\``}`;
  const copy =
    own === base.name
      ? ""
      : " It was trained on a copy of that model, whose files and SHA-256 sums stand in `model.json`; other weights of the base give other answers.";
  const shape =
    kind === "adapter"
      ? `An adapter (${methodName(run)}) for ${from}.`
      : `${kind === "merged" ? `${from} with an adapter (${methodName(run)}) in its weights` : `${from} after ${methodName(run)}`}: a complete model that loads without the adapter.`;
  const merged =
    kind === "merged"
      ? " On real prompts its logits agree with those of base and adapter; `merge.json` says how closely."
      : "";
  return `${shape} It answers with ${taskWord(run)}. Training, evaluation and this card were made by exp ${run.provenance.exp}.${copy}${merged}`;
}

/** Every arm in the primary view, its metrics with intervals, and the tests that were declared beforehand. */
function results({ run, intervals }: CardFacts): string {
  const { metrics, primary } = run.config.evaluate;
  const names = [...new Set([primary.metric, ...metrics])];
  const rows = run.arms.map(({ name, views }) => {
    const cells = names.map((metric) => {
      const value = views[primary.view]?.[metric];
      const ends = intervals[name]?.[primary.view]?.[metric];
      return value !== undefined && ends !== undefined ? withInterval({ value, ...ends }) : score(value);
    });
    return [name === "tuned" ? "**this model**" : armName(name), ...cells];
  });
  const { comparison } = run;
  const tests = (comparison?.family.tests ?? []).map(({ against, adjusted }) => {
    const { metric } = primary;
    const difference =
      (comparison?.arms.tuned?.[metric]?.value ?? 0) - (comparison?.arms[against]?.[metric]?.value ?? 0);
    return `- against ${armName(against)}: ${difference >= 0 ? "+" : ""}${score(difference)} ${metricName(metric)}, p ${adjusted < 0.001 ? "" : "= "}${pValue(adjusted)}`;
  });
  return [
    `On the ${run.config.evaluate.split} part${casesOf(run) > 0 ? ` (${integer(casesOf(run))} cases)` : ""}, ${primary.view} view of the labels, with 95 % bootstrap intervals over cases. \`evaluation/\` has every metric in every view.`,
    markdownTable(["", ...names.map(metricName)], rows),
    ...(tests.length === 0
      ? []
      : [`Paired tests over the same cases, corrected by Holm's method:\n\n${tests.join("\n")}`]),
  ].join("\n\n");
}

function training({ run }: CardFacts): string {
  const { train, data } = run.config;
  if (train === undefined) return "";
  const parameters = run.curves.train?.parameters;
  const evidence: RunFacts["steps"][string]["evidence"] = run.steps.train?.evidence ?? {};
  const validation = run.config.data.validation;
  const rows: readonly (readonly [string, string])[] = [
    ["method", methodName(run)],
    ...(train.method === "full"
      ? []
      : ([
          ["rank / alpha / dropout", `${train.rank} / ${train.alpha} / ${train.dropout}`],
          ["adapted matrices", Array.isArray(train.targets) ? train.targets.join(", ") : String(train.targets)],
        ] as const)),
    ...(parameters === undefined
      ? []
      : ([["trained parameters", `${integer(parameters.trainable)} of ${integer(parameters.total)}`]] as const)),
    ["trainer", `${train.backend} ${run.provenance.packages[train.backend]?.[train.backend] ?? ""}`.trim()],
    ["training rows", String(run.steps.data?.evidence.train ?? "–")],
    ["epochs; rows a step", `${train.epochs}; ${train.batch_size * train.gradient_accumulation}`],
    ["learning rate, schedule, optimizer", `${train.learning_rate}, ${train.schedule}, ${train.optimizer}`],
    ["longest row", `${train.max_length} tokens`],
    ["precision", String(evidence.precision ?? train.precision)],
    ["seed", String(train.seed)],
    ["kept checkpoint", train.keep === "last" ? "last" : `best ${train.keep.best} on validation rows`],
    ["time, peak memory, device", `${trainingTime(run.steps.train)}, ${memoryOf(evidence)}, ${evidence.device ?? "–"}`],
  ];
  const targets =
    data.targets === undefined || data.targets.view === "raw"
      ? "the targets as written in the data"
      : `the ${data.targets.view} view of the labels`;
  return [
    markdownTable(["", ""], rows),
    `The model was taught ${targets}; the loss counts the answer and its end, not the prompt.${validation === undefined ? "" : " Validation rows were kept apart from training and test."} \`manifest.json\` has every parameter.`,
    "The data are not part of this repository.",
  ].join("\n\n");
}

const memoryOf = ({ peak_memory }: Readonly<Record<string, unknown>>): string =>
  typeof peak_memory === "number" ? gigabytes(peak_memory) : "–";

function limits({ run }: CardFacts): string {
  const items = [
    ...limitationsOf([run]),
    "It answers in the form and with the labels that it was taught (`labels.json`); texts of another source or language are untested.",
    "It was measured on one test set. It is a research result, not a product: no decision about a person may rest on it.",
  ];
  return items.map((item) => `- ${item}`).join("\n");
}

function files({ files }: CardFacts): string {
  return markdownTable(
    ["file", "bytes", "SHA-256"],
    files.map(({ path, size, sha256 }) => [`\`${path}\``, integer(size), `\`${sha256}\``]),
  );
}

function provenance({ experiment, run, provenance, file }: RunFacts): string {
  const { git } = provenance;
  const commit =
    git === null ? "" : `, commit \`${git.commit}\`${git.dirty ? " with changes that are in no commit" : ""}`;
  return `Run \`${experiment}/${run}\` of \`${file}\`${commit}. \`manifest.json\` names every file of the run by its SHA-256 sum, the packages and the hardware that made it.`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
