import type { Analysis } from "../../evaluation/error-analysis/analyse.ts";
import type { Causes } from "../../evaluation/error-analysis/cause-finder.ts";
import type { CauseCount, CauseExample, CauseName } from "../../evaluation/error-analysis/causes.ts";
import { clopperPearson } from "../../evaluation/statistics/interval.ts";
import { integer, missing, percent } from "../../util/format.ts";
import type { Block, Span } from "./document.ts";

type NameOf = (arm: string) => string;

/** Arms that fit into the table. */
const mostArms = 5;

/** The table of causes by arm, in the order of `ranked`. Empty without causes. */
export function causeTable(
  { arms }: Analysis,
  primary: string,
  ranked: readonly string[],
  nameOf: NameOf,
): readonly Block[] {
  const names = ranked.filter((arm) => arms[arm]?.causes).slice(0, mostArms);
  const own = arms[primary]?.causes;
  if (!own) return [];
  const of = (arm: string): Causes => arms[arm]?.causes as Causes;
  const cell = (count: CauseCount | undefined): string =>
    count === undefined || count.share === null || count.omitted + count.added === 0 ? missing : countText(count);
  const shown = own.counts.filter(({ name }) =>
    names.some((arm) => of(arm).counts.some((one) => one.name === name && one.omitted + one.added > 0)),
  );
  return [
    {
      type: "table",
      id: "causes",
      caption:
        "Causes of wrong labels by arm: number, share of the wrong labels of the arm, and 95 % confidence interval over cases. A wrong label can have several causes.",
      head: ["cause", ...names.map(nameOf)],
      align: ["left", ...names.map(() => "right" as const)],
      rows: [
        [
          "wrong labels (omitted + added)",
          ...names.map((arm) => `${integer(of(arm).omitted)} + ${integer(of(arm).added)}`),
        ],
        ...shown.map(({ name }) => [
          causeText(name),
          ...names.map((arm) => cell(of(arm).counts.find((one) => one.name === name))),
        ]),
      ],
    },
  ];
}

function countText({ omitted, added, share }: CauseCount): string {
  const { value, low, high } = share as NonNullable<CauseCount["share"]>;
  const bounds = [low, high].map((bound) => String(Math.round(100 * bound)));
  return `${integer(omitted + added)} (${percent(value, 0)}) [${bounds.join(", ")}]`;
}

/** The words of a cause: "synonym boundary"; "no rule applies" for none. */
export const causeText = (name: CauseCount["name"]): string =>
  name === "none" ? "no rule applies" : name.replaceAll("_", " ");

/** One example for each cause: the primary arm's, else that of another arm. */
export function causeExamples({ arms }: Analysis, primary: string, nameOf: NameOf): readonly (readonly Span[])[] {
  const order = [primary, ...Object.keys(arms).filter((arm) => arm !== primary)];
  return (arms[primary]?.causes?.counts ?? []).flatMap(({ name, definition }) => {
    const found = order
      .map((arm) => ({ arm, example: arms[arm]?.causes?.counts.find((one) => one.name === name)?.example }))
      .find(({ example }) => example);
    if (found?.example === undefined || found.example === null || name === "none") return [];
    const { arm, example } = found;
    return [
      [
        { strong: causeText(name) },
        `. ${definition}. Case `,
        { case: example.id },
        `${arm === primary ? "" : ` (arm “${nameOf(arm)}”)`}, ${example.kind} label ${example.label}`,
        ...(example.sentence === null ? ["."] : [": “", ...marked(example), "”"]),
      ],
    ];
  });
}

/** The sentence of an example: its trigger in bold, the name of the label in italics. */
function marked({ sentence, name, trigger }: CauseExample): readonly Span[] {
  const text = sentence ?? "";
  const parts = [
    ...(name === null ? [] : [{ ...name, isTrigger: false }]),
    ...(trigger === null ? [] : [{ ...trigger, isTrigger: true }]),
  ].sort((a, b) => a.start - b.start);
  const spans: Span[] = [];
  let at = 0;
  for (const { start, end, isTrigger } of parts) {
    // A trigger between the words of a name is in the name.
    if (start < at) continue;
    const part = text.slice(start, end);
    spans.push(text.slice(at, start), isTrigger ? { strong: part } : { emph: part });
    at = end;
  }
  return [...spans, text.slice(at)].filter((span) => span !== "");
}

/** The maximum number of findings. */
const mostFindings = 5;

/**
 * Findings on the errors of an arm in words. Changes from the untrained model are stated if the interval of the share of
 * removed errors excludes one half; rates of omission, if their intervals do not overlap. The largest effects come first.
 */
export function findings({ arms }: Analysis, primary: string, nameOf: NameOf): readonly string[] {
  const own = arms[primary]?.causes;
  if (!own) return [];
  const effects = [
    ...changes.flatMap((change) => changeFinding(change, arms, primary, nameOf)),
    ...rateFindings(own, nameOf(primary)),
  ].sort((a, b) => b.size - a.size);
  return [...mainCauses(own, nameOf(primary)), ...effects.map(({ text }) => text)].slice(0, mostFindings);
}

type Finding = { readonly size: number; readonly text: string };
type Change = { readonly kind: "omitted" | "added"; readonly causes: readonly CauseName[]; readonly text: string };

const changes: readonly Change[] = [
  { kind: "added", causes: ["negated", "past"], text: "are named in the text only as absent, historical or resolved" },
  { kind: "added", causes: ["unsupported"], text: "have no support in the text" },
  { kind: "added", causes: ["unseen_label"], text: "occur in no training row" },
  { kind: "omitted", causes: ["overlooked"], text: "are affirmed in the text by name or in usual words" },
  { kind: "omitted", causes: ["inferred"], text: "are not named in the text and follow from signs" },
  { kind: "omitted", causes: ["hedged"], text: "are named in the text only as possible" },
];

function changeFinding(
  { kind, causes, text }: Change,
  arms: Analysis["arms"],
  primary: string,
  nameOf: NameOf,
): readonly Finding[] {
  const change = arms[primary]?.causes?.against.filter(
    (one) => one.kind === kind && (causes as readonly string[]).includes(one.cause),
  );
  const other = change?.[0]?.arm;
  const theirs = other === undefined ? undefined : arms[other]?.causes;
  if (change === undefined || other === undefined || !theirs) return [];
  const total = (key: "removed" | "kept" | "new"): number => change.reduce((sum, one) => sum + one[key], 0);
  const [removed, kept, added] = [total("removed"), total("kept"), total("new")];
  if (removed + added === 0) return [];
  const [low, high] = clopperPearson(removed, removed + added);
  if (low <= 0.5 && high >= 0.5) return [];
  const verb = kind === "added" ? "adds" : "omits";
  const had = removed + kept;
  return [
    {
      size: Math.abs(removed - added) / (theirs.omitted + theirs.added),
      text:
        had === 0
          ? `The arm “${nameOf(primary)}” ${verb} ${integer(added)} labels that ${text}; the arm “${nameOf(other)}” ${verb} none.`
          : `Of the ${integer(theirs[kind])} labels that the arm “${nameOf(other)}” ${verb}, ${integer(had)}` +
            `${theirs[kind] === 0 ? "" : ` (${percent(had / theirs[kind], 0)})`} ${text}. ` +
            `The arm “${nameOf(primary)}” corrects ${integer(removed)} of these ${integer(had)} and ${verb} ${integer(added)} others of this kind.`,
    },
  ];
}

const statedTexts = { hedged: "names only as possible", inferred: "does not name" } as const;

function rateFindings({ stated }: Causes, arm: string): readonly Finding[] {
  const named = stated.find(({ name }) => name === "named");
  if (named === undefined || named.gold === 0) return [];
  const rate = ({ gold, omitted }: typeof named) => {
    const [low, high] = clopperPearson(omitted, gold);
    const text = `${integer(omitted)} of the ${integer(gold)} labels`;
    const share = `(${percent(omitted / gold, 0)}, 95 % confidence interval ${percent(low, 0)} to ${percent(high, 0)})`;
    return { value: omitted / gold, low, high, text, share };
  };
  const base = rate(named);
  return (["hedged", "inferred"] as const).flatMap((name) => {
    const those = stated.find((one) => one.name === name);
    if (those === undefined || those.gold === 0) return [];
    const own = rate(those);
    if (own.low <= base.high && base.low <= own.high) return [];
    return [
      {
        size: Math.abs(own.value - base.value),
        text: `The arm “${arm}” omits ${own.text} that the text ${statedTexts[name]} ${own.share}, and ${base.text} that it names ${base.share}.`,
      },
    ];
  });
}

/** The most frequent causes of an arm, with their intervals. */
function mainCauses({ omitted, added, counts }: Causes, arm: string): readonly string[] {
  const all = omitted + added;
  const [first, second] = counts
    .filter(({ name, share }) => name !== "none" && (share?.low ?? 0) > 0.02)
    .sort((a, b) => b.omitted + b.added - a.omitted - a.added);
  if (first === undefined) return [];
  const text = ({ name, share, ...count }: CauseCount): string => {
    const { value, low, high } = share as NonNullable<CauseCount["share"]>;
    return `“${causeText(name)}” (${integer(count.omitted + count.added)}, ${percent(value, 0)}, 95 % confidence interval ${percent(low, 0)} to ${percent(high, 0)})`;
  };
  const none = counts.find(({ name }) => name === "none");
  const rest = none === undefined ? 0 : none.omitted + none.added;
  return [
    `Of the ${integer(all)} wrong labels of the arm “${arm}” (${integer(omitted)} omitted, ${integer(added)} added), the most frequent cause is ${text(first)}` +
      `${second === undefined ? "" : `, followed by ${text(second)}`}.${rest === 0 ? "" : ` No rule applies to ${integer(rest)}.`}`,
  ];
}
