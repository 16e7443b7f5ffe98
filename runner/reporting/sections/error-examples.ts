import type { Example } from "../../evaluation/error-analysis/analyse.ts";
import { plural } from "../../util/format.ts";
import { type AnalysedRun, ownAnalysis } from "../report/analysed-run.ts";
import { causeText, valuesText } from "../report/causes.ts";
import { hasLabels } from "../report/display-names.ts";
import { type Block, heading, paragraph, type Span } from "../report/document.ts";

/** Examples per category. */
const mostExamples = 2;

/** Examples of wrong and correct answers of the primary arm. */
export function errorExamples(run: AnalysedRun): readonly Block[] {
  const seen = new Set<string>();
  const empty = hasLabels(run.config) ? "(no label)" : "(no answer)";
  const items = ownAnalysis(run).categories.flatMap(({ name, examples: drawn }) =>
    drawn
      .filter(({ id }) => !seen.has(id))
      .slice(0, mostExamples)
      .map(({ id, label, sentence, gold, given, wrong_labels: wrong = [] }): readonly Span[] => {
        seen.add(id);
        return [
          { strong: `${name.replaceAll("_", " ")}` },
          label === null ? "" : ` (${label})`,
          ", case ",
          { case: id },
          ". ",
          ...(sentence === null ? [] : ["“", { emph: sentence }, "” "]),
          ...(wrong.some(isValue)
            ? valueList(wrong.filter(isValue), gold.length)
            : [
                { strong: "Gold: " },
                partList(gold, empty),
                { strong: " Prediction: " },
                partList(given, empty),
                ...causeList(wrong),
              ]),
        ];
      }),
  );
  const correct = (ownAnalysis(run).correct ?? [])
    .slice(0, mostCorrect)
    .map(({ id, label, sentence, gold }): readonly Span[] => [
      { strong: "correct" },
      sentence === null || label === null ? "" : ` (${label})`,
      ", case ",
      { case: id },
      ". ",
      ...(sentence === null ? [] : ["“", { emph: sentence }, "” "]),
      { strong: "Gold and prediction: " },
      partList(gold, empty),
    ]);
  if (items.length + correct.length === 0) return [];
  return [
    heading(2, "Examples"),
    paragraph(
      `The examples are drawn at random with a fixed seed.${
        hasLabels(run.config)
          ? " The quoted sentence names the label; a gold label without a name has the sentence that states it most likely, by the words of the training rows with the label. Without a clear one, there is no quote."
          : ""
      }`,
    ),
    ...(items.length === 0 ? [] : [paragraph({ strong: "Erroneous predictions." }), { type: "list" as const, items }]),
    ...(correct.length === 0
      ? []
      : [paragraph({ strong: "Correct predictions." }), { type: "list" as const, items: correct }]),
  ];
}

/** Wrong labels of which an example names the causes; the workbook has all. */
const mostWrongLabels = 4;

type WrongLabel = NonNullable<Example["wrong_labels"]>[number];
const isValue = ({ expected, given }: WrongLabel): boolean => expected !== undefined || given !== undefined;

/** The wrong values of a case: "Wrong: cost: expected 3, answered 4 (invented). 5 of 6 values are right." */
function valueList(errors: readonly WrongLabel[], gold: number): readonly Span[] {
  const hidden = errors.length - mostWrongLabels;
  const shown = errors
    .slice(0, mostWrongLabels)
    .flatMap((error, at): readonly Span[] => [
      ...(at === 0 ? [] : ["; "]),
      { emph: error.label },
      `: ${valuesText(error)}${error.causes.length === 0 ? "" : ` (${error.causes.map(causeText).join(", ")})`}`,
    ]);
  const right = gold - errors.filter(({ expected }) => expected !== undefined).length;
  return [
    { strong: "Wrong: " },
    ...shown,
    `${hidden > 0 ? `; and ${plural(hidden, "further wrong value")}` : ""}. Right: ${right} of ${plural(gold, "value")}.`,
  ];
}

/** The causes of the wrong labels of a case: "Causes: gallstone omitted (overlooked)." */
function causeList(errors: NonNullable<Example["wrong_labels"]>): readonly Span[] {
  const known = errors.flatMap(({ label, kind, causes }) => {
    const texts = causes.map(causeText).join(", ");
    return causes.length === 0 ? [] : [label === "" ? texts : `${label} ${kind} (${texts})`];
  });
  const hidden = known.length - mostWrongLabels;
  const shown = known.slice(0, mostWrongLabels).join("; ");
  if (known.length === 0) return [];
  return [{ strong: " Causes: " }, `${shown}${hidden > 0 ? `; and ${plural(hidden, "further wrong label")}` : ""}.`];
}

/** Examples of correct predictions. */
const mostCorrect = 5;

const partList = (parts: readonly string[], empty: string): string =>
  parts.length === 0 ? `${empty}.` : parts.join("; ").replace(/(?<![.!?])$/, ".");
