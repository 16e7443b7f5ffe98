import { warningOf } from "../report/report.ts";
import { type Assessment, type ChecklistInput, type ChecklistItem, type Evidence, nameOf } from "./checklist-item.ts";
import { codeItems } from "./code-items.ts";
import { dataItems } from "./data-items.ts";
import { paperItems } from "./paper-items.ts";

/** The repository of the original checklist, whose items are paraphrased here. */
const original = "JunMa11/MICCAI-Reproducibility-Checklist";

/** All items by part, in the order of the original checklist. */
const parts: readonly { readonly name: string; readonly items: readonly ChecklistItem[] }[] = [
  { name: "Code: sections of the README", items: codeItems },
  { name: "Paper: sections of the report", items: paperItems },
  { name: "Data that cannot be shared", items: dataItems },
];

/** An item with its assessment. */
export type AssessedItem = Assessment & { readonly id: string; readonly part: string; readonly requirement: string };

/** The assessed checklist of finished runs. */
export type Checklist = {
  readonly original: string;
  readonly runs: readonly string[];
  /** Notice on smoke runs and replayed predictions; empty if there are none. */
  readonly warning: string;
  readonly counts: Readonly<Record<Assessment["answer"], number>>;
  readonly items: readonly AssessedItem[];
};

/** Assesses all items. */
export function checklistOf(input: ChecklistInput): Checklist {
  const items = parts.flatMap(({ name: part, items }) =>
    items.map(({ id, requirement, assess }): AssessedItem => ({ id, part, requirement, ...assess(input) })),
  );
  const count = (answer: Assessment["answer"]): number => items.filter((item) => item.answer === answer).length;
  return {
    original,
    runs: input.runs.map(nameOf),
    warning: warningOf(input.runs),
    counts: { yes: count("yes"), no: count("no"), "not applicable": count("not applicable") },
    items,
  };
}

/** The checklist as Markdown. An item is ticked only with evidence, and evidence includes a digest. */
export function checklistMarkdown({ items, runs, warning, counts }: Checklist): string {
  const lines = [
    "# Reproducibility checklist",
    "",
    `The items paraphrase the MICCAI reproducibility checklist (\`${original}\` on GitHub). Runs: ${runs.join(", ")}.`,
    "",
    ...(warning === "" ? [] : [`**${warning}**`, ""]),
    `${counts.yes} yes, ${counts.no} no, ${counts["not applicable"]} not applicable. Each ticked item cites evidence: a file with its SHA-256 digest and the location in it.`,
  ];
  for (const { name } of parts) {
    lines.push("", `## ${name}`, "");
    for (const item of items.filter(({ part }) => part === name)) lines.push(...itemLines(item));
  }
  return `${lines.join("\n")}\n`;
}

function itemLines(item: AssessedItem): readonly string[] {
  const evidence = "evidence" in item ? item.evidence : [];
  const hidden = evidence.length - mostEvidence;
  return [
    `- [${item.answer === "yes" ? "x" : " "}] **${item.id}** ${item.requirement}: **${item.answer}**`,
    ...("reason" in item && item.reason !== "" ? [`  - ${item.reason}`] : []),
    ...("action" in item ? [`  - To do (${item.responsible}): ${item.action}.`] : []),
    ...evidence.slice(0, mostEvidence).map((one) => `  - ${evidenceLine(one)}`),
    ...(hidden > 0 ? [`  - and ${hidden} more`] : []),
  ];
}

/** Evidence lines per item; `--json` has all evidence. */
const mostEvidence = 6;

function evidenceLine({ file, sha256, key, detail }: Evidence): string {
  const location = key === undefined ? "" : ` \`${key}\``;
  return `\`${file}\`${location} (sha256 ${sha256})${detail === undefined ? "" : `: ${detail}`}`;
}
