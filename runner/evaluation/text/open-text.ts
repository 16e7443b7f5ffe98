import { basicForm } from "../../data/labels/basic.ts";
import { withoutWrapping } from "../../data/labels/chat-markup.ts";
import type { Note } from "../../data/labels/note.ts";
import type { View } from "../../data/labels/views.ts";
import type { Measured, ScoredCases } from "../../plugins/metrics/metric.ts";
import type { OpenTask, ScoredCase } from "../../plugins/tasks/task.ts";
import { integer } from "../../util/format.ts";
import { textCauses } from "./causes.ts";
import { textStrata } from "./strata.ts";
import { rougeTokens } from "./tokens.ts";

/** A text in a view: as it is without outer whitespace, or in its basic form. */
const formOf = (text: string, view: View): string => (view === "raw" ? text.trim() : basicForm(text));

/** Cases as the metrics score them, in a view. The prediction of an answer that could not be read is null. */
export function textScorer(cases: readonly ScoredCase<string, string | null>[]): (view: View) => ScoredCases {
  return (view) => {
    const forms = cases.map(({ target, prediction, parsed = true, judgement, similarity }) => ({
      measured: { judgement, similarity },
      gold: formOf(target, view),
      given: parsed && prediction !== null ? formOf(prediction, view) : null,
    }));
    return {
      n: cases.length,
      space: undefined,
      target: (row) => forms[row]?.gold,
      prediction: (row) => forms[row]?.given,
      measured: (row) => forms[row]?.measured,
      isCorrect: (row) => forms[row]?.gold === forms[row]?.given,
      isSame: (other) =>
        other.n === cases.length &&
        forms.every(
          ({ gold, given, measured }, row) =>
            other.target(row) === gold && other.prediction(row) === given && isEqual(other.measured?.(row), measured),
        ),
    };
  };
}

const isEqual = (one: Measured = {}, other: Measured = {}): boolean =>
  one.judgement === other.judgement && one.similarity === other.similarity;

/** The task of free texts. Answers are read without chat markup; nothing else of an answer is changed. */
export const openText: OpenTask<string, string | null> = {
  readCell(cell) {
    const text = typeof cell === "string" ? cell : cell.join("\n");
    const target = text.trim();
    if (target.length <= longestText) return { text, target };
    const problem = `the target has ${integer(target.length)} characters; at most ${integer(longestText)} can be scored`;
    return { text, target, problem, help: "split the row, or leave it out" };
  },
  prepareTraining: (rows) => ({ rows, write: (target) => target, labels: [], answers: null }),
  parseAnswer(text, { finish }) {
    const notes = new Set<Note>();
    if (finish === "length") notes.add("truncated");
    const whole = withoutWrapping(text, notes).trim();
    if (whole.length > longestText) notes.add("truncated");
    const answer = whole
      .slice(0, longestText)
      .replace(/[\ud800-\udbff]$/, "")
      .trim();
    if (answer === "") return { prediction: null, parsed: false, notes: [...notes.add("empty")] };
    if (isRepeated(answer)) notes.add("repeated");
    return { prediction: answer, parsed: true, notes: [...notes] };
  },
  scorer: textScorer,
  parts(value, view) {
    const form = value === null ? "" : formOf(value, view);
    return form === "" ? [] : [form];
  },
  strata: textStrata,
  causes: textCauses,
};

/**
 * Characters of a target or an answer that are scored. ROUGE-L takes time in the product of both lengths: 20 ms for two
 * texts of this length in words of five letters.
 */
export const longestText = 100_000;

/** Words of a part that an answer may not end with three times in a row. */
const longestPeriod = 40;

/**
 * Whether a text ends in a part that occurs at least three times in a row: a model that loops. Single words need six.
 */
function isRepeated(text: string): boolean {
  const tokens = rougeTokens(text);
  for (let period = 1; period <= longestPeriod; period++) {
    const length = period * Math.max(3, Math.ceil(6 / period));
    if (length > tokens.length) return false;
    const end = tokens.slice(-length);
    if (end.every((token, at) => token === end[at % period])) return true;
  }
  return false;
}
