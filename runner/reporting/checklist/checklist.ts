import { warningOf } from "../report/report.ts";
import { type Evidence, type Item, type Material, nameOf, type Verdict } from "./checklist-item.ts";
import { codeItems } from "./code-items.ts";
import { dataItems } from "./data-items.ts";
import { paperItems } from "./paper-items.ts";

/** The list whose items these are, in our words. */
const original = "JunMa11/MICCAI-Reproducibility-Checklist";

/** Every item by part, in the order of the original list. */
const parts: readonly { readonly name: string; readonly items: readonly Item[] }[] = [
  { name: "Code: sections of the README", items: codeItems },
  { name: "Paper: sections of the report", items: paperItems },
  { name: "Data that cannot be shared", items: dataItems },
];

/** An item and what was found for it. */
export type Judged = Verdict & { readonly id: string; readonly part: string; readonly asks: string };

/** The whole checklist over finished runs. */
export type Checklist = {
  readonly original: string;
  readonly runs: readonly string[];
  /** What must be known of these runs before anything else: smoke runs, replayed answers. */
  readonly warning: string;
  readonly counts: Readonly<Record<Verdict["answer"], number>>;
  readonly items: readonly Judged[];
};

/** Looks at every item. */
export function checklistOf(material: Material): Checklist {
  const items = parts.flatMap(({ name: part, items }) =>
    items.map((item): Judged => ({ id: item.id, part, asks: item.asks, ...item.judge(material) })),
  );
  const count = (answer: Verdict["answer"]): number => items.filter((item) => item.answer === answer).length;
  return {
    original,
    runs: material.runs.map(nameOf),
    warning: warningOf(material.runs),
    counts: { yes: count("yes"), no: count("no"), "not applicable": count("not applicable") },
    items,
  };
}

/** The checklist as Markdown: a tick only where there is evidence, and each evidence with its digest. */
export function checklistMarkdown({ items, runs, warning, counts }: Checklist): string {
  const lines = [
    "# Reproducibility checklist",
    "",
    `The items are those of the MICCAI reproducibility checklist (\`${original}\` on GitHub), in our words. Runs: ${runs.join(", ")}.`,
    "",
    ...(warning === "" ? [] : [`**${warning}**`, ""]),
    `${counts.yes} yes, ${counts.no} no, ${counts["not applicable"]} not applicable. A tick has evidence: a file by its SHA-256 and the place in it.`,
  ];
  for (const { name } of parts) {
    lines.push("", `## ${name}`, "");
    for (const item of items.filter(({ part }) => part === name)) lines.push(...itemLines(item));
  }
  return `${lines.join("\n")}\n`;
}

function itemLines(item: Judged): readonly string[] {
  const head = `- [${item.answer === "yes" ? "x" : " "}] **${item.id}** ${item.asks}: **${item.answer}**`;
  const evidence = "evidence" in item ? item.evidence : [];
  return [
    head,
    ...("why" in item && item.why !== "" ? [`  - ${item.why}`] : []),
    ...("who" in item ? [`  - left for ${item.who}: ${item.where}`] : []),
    ...evidence.slice(0, most).map((one) => `  - ${evidenceLine(one)}`),
    ...(evidence.length > most ? [`  - and ${evidence.length - most} more of the same kind`] : []),
  ];
}

/** Evidence that is listed one by one; `--json` has all of it. */
const most = 6;

function evidenceLine({ file, sha256, key, says }: Evidence): string {
  const place = key === undefined ? "" : ` \`${key}\``;
  return `\`${file}\`${place} (sha256 ${sha256})${says === undefined ? "" : `: ${says}`}`;
}
