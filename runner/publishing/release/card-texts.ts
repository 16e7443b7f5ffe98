import { table } from "../../reporting/checklist/markdown.ts";
import { hasLabels } from "../../reporting/report/display-names.ts";
import type { RunFacts } from "../../reporting/report/study.ts";
import { largest } from "../../util/extremes.ts";
import { integer } from "../../util/format.ts";
import type { CardFacts, ShownCase } from "./model-card-facts.ts";

/** What the model is for, as the study states it. */
export function intendedUse({ stated: { intended_use, out_of_scope } }: CardFacts): string {
  return [
    intended_use ?? "The study states no intended use.",
    "Out of scope:",
    out_of_scope ??
      "Every other use. The model is a research result and not a product. Do not base decisions about people on it.",
  ].join("\n\n");
}

const kinds = {
  synthetic: "The data are synthetic: no row is about a person.",
  public: "The data are public.",
  private: "The data are private. They are not available with the model.",
} as const;

/** The origin of the data, as the study declares it, and the size of each split, as the report has it. */
export function dataText({ run, shown }: CardFacts): string {
  const { origin } = run.config.data;
  const { kind, source, link, dataset, license } = origin ?? {};
  const hub = dataset === undefined ? undefined : `[${dataset}](https://huggingface.co/datasets/${dataset})`;
  const facts: readonly (readonly [name: string, text: string | undefined])[] = [
    ["source", source],
    ["link", link],
    ["on the hub", hub],
    ["licence", license],
  ];
  return [
    kind === undefined ? "The study does not state where its data come from." : kinds[kind],
    facts.flatMap(([name, text]) => (text === undefined ? [] : [`- ${name}: ${text}`])).join("\n"),
    splits(run),
    `This repository contains ${shown === undefined ? "no row of the data" : "one row of the data: the example"}.`,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function splits({ audit, config }: RunFacts): string {
  const rows = Object.entries(audit?.splits ?? {});
  if (rows.length === 0) return "";
  const hasGroups = rows.some(([, { groups }]) => groups !== undefined);
  const isLabelled = hasLabels(config);
  return table(
    [
      "split",
      "rows",
      ...(hasGroups ? ["groups"] : []),
      ...(isLabelled ? ["labels (basic view)", "labels per row"] : []),
    ],
    rows.map(([name, facts]) => [
      name,
      integer(facts.rows),
      ...(hasGroups ? [facts.groups === undefined ? "–" : integer(facts.groups)] : []),
      ...(isLabelled ? [integer(facts.labels_basic), facts.labels_per_row.toFixed(2)] : []),
    ]),
  ).join("\n");
}

/** A case of the evaluation with the answer that the run has, or why there is none. */
export function example({ run, shown, stated }: CardFacts): string {
  if (shown !== undefined) {
    const { split } = run.config.evaluate;
    return [
      `The first case of the ${split} split that has at most ${integer(longestInput)} characters, and the answer in the evaluation:`,
      fenced(shown.input),
      fenced(shown.answer),
      `Read as: ${listed(shown.prediction)}. Target: ${listed(shown.gold)}.`,
    ].join("\n\n");
  }
  const why =
    "The study does not declare that rows of its data may be published, so no case of the evaluation is shown.";
  return stated.example === undefined
    ? why
    : `${why} The input in the code above is made up; the run has no answer to it.`;
}

/** Longest input of a shown case. Characters */
export const longestInput = 1000;

const listed = (value: ShownCase["gold"]): string => [value].flat().map(String).join("; ") || "nothing";

/** A text as a code block. Its fence is longer than any fence in the text. */
function fenced(text: string): string {
  const longest = largest(
    [...text.matchAll(/`+/g)].map(([ticks]) => ticks.length),
    2,
  );
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

/** A BibTeX entry for the model. */
export function citation({ run, repo, stated: { authors } }: CardFacts): string {
  const [owner = "", name = ""] = repo.split("/");
  const year = run.created.slice(0, 4);
  const title = run.config.description.trim() === "" ? name : `${name}: ${run.config.description.trim()}`;
  const fields: readonly (readonly [field: string, value: string])[] = [
    ["title", bibtex(title)],
    ["author", (authors ?? [owner]).map((author) => `{${bibtex(author)}}`).join(" and ")],
    ["year", year],
    ["publisher", "Hugging Face"],
    ["url", `https://huggingface.co/${repo}`],
    ["note", bibtex(`Run ${run.experiment}/${run.run}, exp ${run.provenance.exp}`)],
  ];
  const key = `${owner}-${name}-${year}`.replaceAll(/[^A-Za-z0-9-]/g, "-");
  const lines = fields.map(([field, value]) => `  ${field} = {${value}},`);
  return ["```bibtex", `@misc{${key},`, ...lines, "}", "```"].join("\n");
}

const commands: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
};

/** A text on one line, with the special characters of BibTeX escaped, and without the fence of its block. */
function bibtex(text: string): string {
  return text
    .replaceAll(/[\s`]+/g, " ")
    .replaceAll(/[\\~^{}&%$#_]/g, (character) => commands[character] ?? `\\${character}`);
}
