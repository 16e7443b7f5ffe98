import type { Analysis } from "../../evaluation/error-analysis/analyse.ts";
import {
  type CauseCount,
  type CauseExample,
  type Causes,
  type ErrorUnit,
  errorsIn,
} from "../../evaluation/error-analysis/cause-counts.ts";
import type { CauseName } from "../../evaluation/error-analysis/causes.ts";
import { clopperPearson } from "../../evaluation/statistics/interval.ts";
import { integer, missing, percent, plural } from "../../util/format.ts";
import type { Block, Span } from "./document.ts";

type NameOf = (arm: string) => string;

/** The errors of an arm by kind, and the words for it. */
export const kindTexts: Readonly<Record<ErrorUnit, string>> = {
  label: "wrong labels (omitted + added)",
  value: "wrong values (missing + additional + other)",
  answer: "wrong answers",
};
const kindCounts = ({ unit, omitted, added, changed = 0 }: Causes): string =>
  (unit === "answer" ? [changed] : unit === "value" ? [omitted, added, changed] : [omitted, added])
    .map((count) => integer(count))
    .join(" + ");

/** The table of causes of some arms. Empty without causes. */
export function causeTable(
  { arms }: Analysis,
  primary: string,
  names: readonly string[],
  nameOf: NameOf,
): readonly Block[] {
  const own = arms[primary]?.causes;
  if (!own) return [];
  const of = (arm: string): Causes => arms[arm]?.causes as Causes;
  const cell = (count: CauseCount | undefined): string =>
    count === undefined || count.share === null || errorsIn(count) === 0 ? missing : countText(count);
  const unit = own.unit ?? "label";
  const shown = own.counts.filter(({ name }) =>
    names.some((arm) => of(arm).counts.some((one) => one.name === name && errorsIn(one) > 0)),
  );
  return [
    {
      type: "table",
      id: "causes",
      caption: `Causes of wrong ${unit}s by arm: number, share of the wrong ${unit}s of the arm, and 95 % confidence interval over cases. A wrong ${unit} can have several causes.`,
      head: ["cause", ...names.map(nameOf)],
      align: ["left", ...names.map(() => "right" as const)],
      rows: [
        [kindTexts[unit], ...names.map((arm) => kindCounts(of(arm)))],
        ...shown.map(({ name }) => [
          causeText(name),
          ...names.map((arm) => cell(of(arm).counts.find((one) => one.name === name))),
        ]),
      ],
    },
  ];
}

function countText(count: CauseCount): string {
  const { value, low, high } = count.share as NonNullable<CauseCount["share"]>;
  const bounds = [low, high].map((bound) => String(Math.round(100 * bound)));
  return `${integer(errorsIn(count))} (${percent(value, 0)}) [${bounds.join(", ")}]`;
}

/** The words of a cause: "synonym boundary"; "no rule applies" for none. */
export const causeText = (name: CauseCount["name"]): string =>
  name === "none" ? "no rule applies" : name.replaceAll("_", " ");

/** The table of errors by field of an arm. Empty for a task without fields. */
export function fieldErrorTable({ arms }: Analysis, arm: string, nameOf: NameOf): readonly Block[] {
  const { fields = [] } = arms[arm]?.causes ?? {};
  const shown = fields.filter(({ wrong, added }) => wrong + added > 0);
  if (shown.length === 0) return [];
  const rest = fields.length - shown.length;
  return [
    {
      type: "table",
      id: "field-causes",
      caption: `Wrong values of the arm “${nameOf(arm)}” by field: values of gold, the share of them that is wrong or missing, additional values, and causes. ${rest === 0 ? "" : `${plural(rest, "field")} without an error ${rest === 1 ? "is" : "are"} left out. `}A wrong value can have several causes.`,
      head: ["field", "values", "wrong", "additional", "causes"],
      align: ["left", "right", "right", "right", "left"],
      rows: shown.map(({ name, gold, wrong, added, causes }) => [
        name,
        integer(gold),
        gold === 0 ? missing : `${integer(wrong)} (${percent(wrong / gold, 0)})`,
        integer(added),
        Object.entries(causes)
          .sort(([, a], [, b]) => b - a)
          .map(([cause, count]) => `${causeText(cause)} ${integer(count)}`)
          .join(", "),
      ]),
    },
  ];
}

/**
 * One example for each cause: the primary arm's, else that of another arm. A sentence that is quoted for its likely words
 * alone is left out for another arm: a baseline takes its labels from other texts.
 */
export function causeExamples({ arms }: Analysis, primary: string, nameOf: NameOf): readonly (readonly Span[])[] {
  const order = [primary, ...Object.keys(arms).filter((arm) => arm !== primary)];
  return (arms[primary]?.causes?.counts ?? []).flatMap(({ name, definition }) => {
    const found = order
      .map((arm) => ({ arm, example: arms[arm]?.causes?.counts.find((one) => one.name === name)?.example }))
      .find(({ example }) => example);
    if (found?.example === undefined || found.example === null || name === "none") return [];
    const { arm, example } = found;
    const isLikely = example.label !== "" && example.name === null && example.trigger === null;
    const hasQuote = example.sentence !== null && !(isLikely && arm !== primary);
    return [
      [
        { strong: causeText(name) },
        `. ${definition}. Case `,
        { case: example.id },
        arm === primary ? "" : ` (arm “${nameOf(arm)}”)`,
        ...subjectOf(example),
        ...(hasQuote ? [": “", ...marked(example), "”"] : ["."]),
      ],
    ];
  });
}

/** What an example is about: the label, or the value that is expected and that the answer has; nothing for an answer. */
function subjectOf(example: CauseExample): readonly Span[] {
  const { kind, label, expected, given } = example;
  if (label === "") return [];
  if (expected === undefined && given === undefined) return [`, ${kind} label ${label}`];
  return [", ", { strong: label }, `: ${valuesText(example)}`];
}

/** A wrong value: "expected 3, answered "three"". */
export const valuesText = ({ expected, given }: Pick<CauseExample, "expected" | "given">): string =>
  expected === undefined
    ? `answered ${given}, nothing expected`
    : `expected ${expected}, ${given === undefined ? "nothing answered" : `answered ${given}`}`;

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
  const stated: readonly Change[] =
    own.unit === undefined
      ? changes
      : own.counts.map(({ name, phrase = "" }) => ({ kind: undefined, causes: [name], text: phrase }));
  const effects = [
    ...stated.flatMap((change) => changeFinding(change, arms, primary, nameOf)),
    ...rateFindings(own, nameOf(primary)),
    ...fieldFindings(own, nameOf(primary)),
  ].sort((a, b) => b.size - a.size);
  return [...mainCauses(own, nameOf(primary)), ...effects.map(({ text }) => text)].slice(0, mostFindings);
}

type Finding = { readonly size: number; readonly text: string };
type Change = {
  /** Undefined for values and answers. */
  readonly kind: "omitted" | "added" | undefined;
  readonly causes: readonly string[];
  readonly text: string;
};

const changes: readonly (Change & { readonly causes: readonly CauseName[] })[] = [
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
  const change = arms[primary]?.causes?.against.filter((one) => one.kind === kind && causes.includes(one.cause));
  const other = change?.[0]?.arm;
  const theirs = other === undefined ? undefined : arms[other]?.causes;
  if (change === undefined || other === undefined || !theirs) return [];
  const total = (key: "removed" | "kept" | "new"): number => change.reduce((sum, one) => sum + one[key], 0);
  const [removed, kept, added] = [total("removed"), total("kept"), total("new")];
  if (removed + added === 0) return [];
  const [low, high] = clopperPearson(removed, removed + added);
  if (low <= 0.5 && high >= 0.5) return [];
  const had = removed + kept;
  const size = Math.abs(removed - added) / errorsIn(theirs);
  if (kind === undefined)
    return [
      {
        size,
        text: valueChange({ ...theirs, unit: theirs.unit ?? "value" }, { removed, had, added }, text, [
          nameOf(other),
          nameOf(primary),
        ]),
      },
    ];
  const verb = kind === "added" ? "adds" : "omits";
  return [
    {
      size,
      text:
        had === 0
          ? `The arm “${nameOf(primary)}” ${verb} ${integer(added)} labels that ${text}; the arm “${nameOf(other)}” ${verb} none.`
          : `Of the ${integer(theirs[kind])} labels that the arm “${nameOf(other)}” ${verb}, ${integer(had)}` +
            `${theirs[kind] === 0 ? "" : ` (${percent(had / theirs[kind], 0)})`} ${text}. ` +
            `The arm “${nameOf(primary)}” corrects ${integer(removed)} of these ${integer(had)} and ${verb} ${integer(added)} others of this kind.`,
    },
  ];
}

/** A change of the wrong values or answers with one cause. */
function valueChange(
  theirs: Causes & { readonly unit: "value" | "answer" },
  { removed, had, added }: { readonly removed: number; readonly had: number; readonly added: number },
  text: string,
  [other, primary]: readonly [string, string],
): string {
  const { unit } = theirs;
  if (had === 0)
    return `The arm “${primary}” has ${plural(added, `wrong ${unit}`)} that ${text}; the arm “${other}” has none.`;
  const done = unit === "value" ? "corrects" : "has no such fault in";
  const others = added === 0 ? "no others" : `${integer(added)} ${added === 1 ? "other" : "others"}`;
  return (
    `Of the ${integer(errorsIn(theirs))} wrong ${unit}s of the arm “${other}”, ${integer(had)} (${percent(had / errorsIn(theirs), 0)}) ${text}. ` +
    `The arm “${primary}” ${done} ${integer(removed)} of these ${integer(had)} and has ${others} of this kind.`
  );
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

/** Fields that are wrong more or less often than all others, if the intervals do not overlap. */
function fieldFindings({ fields = [] }: Causes, arm: string): readonly Finding[] {
  return fields.flatMap(({ name, gold, wrong }) => {
    const rest = fields.filter((one) => one.name !== name);
    const [values, errors] = [
      rest.reduce((sum, one) => sum + one.gold, 0),
      rest.reduce((sum, one) => sum + one.wrong, 0),
    ];
    if (gold === 0 || values === 0) return [];
    const [low, high] = clopperPearson(wrong, gold);
    const [restLow, restHigh] = clopperPearson(errors, values);
    // A field that is right more often than others is no finding on errors.
    if (low <= restHigh) return [];
    const rate = (count: number, of: number, where: string, from: number, to: number): string =>
      `${integer(count)} of ${integer(of)} values of ${where} (${percent(count / of, 0)}, 95 % confidence interval ${percent(from, 0)} to ${percent(to, 0)})`;
    return [
      {
        size: wrong / gold - errors / values,
        text: `The arm “${arm}” is wrong in ${rate(wrong, gold, `the field ${name}`, low, high)}, and in ${rate(errors, values, "all other fields", restLow, restHigh)}.`,
      },
    ];
  });
}

/** The most frequent causes of an arm, with their intervals. */
function mainCauses({ omitted, added, changed = 0, counts, ...rest }: Causes, arm: string): readonly string[] {
  const unit: ErrorUnit = rest.unit ?? "label";
  const all = omitted + added + changed;
  const [first, second] = counts
    .filter(({ name, share }) => name !== "none" && (share?.low ?? 0) > 0.02)
    .sort((a, b) => errorsIn(b) - errorsIn(a));
  if (first === undefined) return [];
  const text = ({ name, share, ...count }: CauseCount): string => {
    const { value, low, high } = share as NonNullable<CauseCount["share"]>;
    return `“${causeText(name)}” (${integer(errorsIn(count))}, ${percent(value, 0)}, 95 % confidence interval ${percent(low, 0)} to ${percent(high, 0)})`;
  };
  const none = counts.find(({ name }) => name === "none");
  const unexplained = none === undefined ? 0 : errorsIn(none);
  const kinds: Readonly<Record<ErrorUnit, string>> = {
    label: ` (${integer(omitted)} omitted, ${integer(added)} added)`,
    value: ` (${integer(omitted)} missing, ${integer(added)} additional, ${integer(changed)} other)`,
    answer: "",
  };
  return [
    `Of the ${integer(all)} wrong ${unit}s of the arm “${arm}”${kinds[unit]}, the most frequent cause is ${text(first)}` +
      `${second === undefined ? "" : `, followed by ${text(second)}`}.${unexplained === 0 ? "" : ` No rule applies to ${integer(unexplained)}.`}`,
  ];
}
