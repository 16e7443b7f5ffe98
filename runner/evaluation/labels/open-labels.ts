import { allowedAnswers } from "../../data/answers.ts";
import { isObject, isScalar, parseJson } from "../../data/json-value.ts";
import { basicForm } from "../../data/labels/basic.ts";
import { parseLexicon } from "../../data/labels/lexicon.ts";
import { parseAnswer } from "../../data/labels/parse.ts";
import { distinct, splitLabels, writeLabel } from "../../data/labels/split.ts";
import { type Groups, parseGroups, parseSynonyms } from "../../data/labels/synonyms.ts";
import { type Synonyms, viewLabels, viewOf, views } from "../../data/labels/views.ts";
import { voteLabels } from "../../data/labels/vote.ts";
import { labelCounts } from "../../data/labels.ts";
import { studyLabels } from "../../data/study-labels.ts";
import { betweenLabels, oversample, targetWriter } from "../../data/target.ts";
import type { LabelGroups, OpenTask, Parsed, TaskFiles } from "../../plugins/tasks/task.ts";
import { formatDiagnostic } from "../../util/code-frame.ts";
import type { Result, SourceText } from "../../util/diagnostic.ts";
import { UserError } from "../../util/user-error.ts";
import { labelDetails, labelScorer } from "./score.ts";
import {
  groupsKey,
  lexiconKey,
  type ParsingSettings,
  type ScoringSettings,
  synonymsKey,
  type TrainingSettings,
} from "./settings.ts";
import { defaultSoftDistance, type Labels, type Scoring } from "./table.ts";

const objectHelp = "write a text, or a list of texts and numbers; data.columns.target: label.name reads a key of it";

/** What is wrong with the labels of a row that has exactly one. */
function unlessOne(labels: Labels): { readonly problem?: string; readonly help?: string } {
  if (labels.length === 1) return {};
  const what = labels.length === 0 ? "no label" : `${labels.length} labels`;
  return {
    problem: `the cell has ${what}, and the task has exactly one for each row`,
    help: labels.length === 0 ? "fill it in, or remove the row" : "keep one label, or use task: label_set",
  };
}

/** A label task with its settings and files. It loads the answer parser and the YAML parser, so only opening a task imports it. */
export function openLabels(
  { separator }: ParsingSettings,
  files: TaskFiles,
  scoring: ScoringSettings | undefined,
  isSingle: boolean,
): OpenTask<Labels, Labels> {
  const synonyms = parsed("synonyms", files(synonymsKey), parseSynonyms);
  const groups = parsed("groups", files(groupsKey), parseGroups);
  const lexicon = parsed("lexicon", files(lexiconKey), parseLexicon);
  const labelGroups = groups && groupsOfLabels(groups, synonyms);
  const scores: Scoring = {
    minCases: scoring?.min_cases,
    credit: { groupsOf: labelGroups?.groupsOf, softDistance: scoring?.soft_distance ?? defaultSoftDistance },
  };
  const byView = new Map(views.map((view) => [view, viewOf(view, synonyms)]));
  const cut = isSingle ? "" : separator;
  return {
    readCell(cell) {
      const list = typeof cell === "string" ? listIn(cell) : cell;
      if (isObject(cell))
        return { text: cell as string, target: [], problem: "the cell is an object", help: objectHelp };
      if (list === "no labels")
        return { text: cell as string, target: [], problem: "the list has an item that is no text or number" };
      const text = list
        ?.map((label) => (isSingle ? label : writeLabel(label.trim(), separator)))
        .join(betweenLabels(separator));
      const target = list ? distinct(list.map((label) => label.trim())) : splitLabels(cell as string, cut);
      return { text: text ?? (cell as string), target, ...(isSingle ? unlessOne(target) : {}) };
    },
    prepareTraining(train, training) {
      const { targets, oversample: repeat } = training as unknown as TrainingSettings;
      const of = viewOf(targets.view, synonyms);
      const counts = labelCounts(train, of);
      return {
        rows: repeat
          ? oversample(train, {
              ...repeat,
              groupsOf: ({ gold }) => viewLabels(gold, of),
              counts: new Map(counts.map(({ label, count }) => [label, count])),
            })
          : train,
        write: targetWriter({ of, order: targets.order, separator, isSingle, counts }),
        labels: studyLabels(train, isSingle),
        answers: allowedAnswers(train, { of, counts, separator, isSingle }),
      };
    },
    parseAnswer(text, { labels, finish }): Parsed<Labels> {
      const answer = parseAnswer(text, { separator, isSingle, known: labels, finish });
      return { prediction: answer.labels, parsed: answer.parsed, notes: answer.notes };
    },
    vote: (answers, minShare) => {
      const read = answers.map(({ prediction, ...answer }) => ({ ...answer, labels: prediction }));
      const { labels, ...joined } = voteLabels(read, minShare, isSingle);
      return { ...joined, prediction: labels };
    },
    scorer: (cases) => labelScorer(cases, synonyms, scores),
    parts: (value, view) => viewLabels(value, byView.get(view) as (label: string) => string),
    details: (cases, vocabulary) =>
      labelDetails(cases, { vocabulary, synonyms, groups: labelGroups, scoring: scores, isSingle }),
    separator,
    groups: labelGroups,
    namesOf: (label) => synonyms?.variantsOf?.(label) ?? [],
    lexicon,
  };
}

/** The labels of a cell that is a JSON list; undefined for any other text. */
function listIn(cell: string): readonly string[] | "no labels" | undefined {
  if (!/^\s*\[/.test(cell) || !/\]\s*$/.test(cell)) return undefined;
  try {
    const list = parseJson(cell);
    if (!Array.isArray(list)) return undefined;
    return list.every(isScalar) ? list.map(String) : "no labels";
  } catch {
    return undefined;
  }
}

/** The groups of a label by its basic form, else by that of its canonical form. */
export function groupsOfLabels(groups: Groups, synonyms: Synonyms | undefined): LabelGroups {
  const known = new Map<string, readonly string[]>();
  const members = new Map<string, string[]>();
  for (const [label, own] of groups) {
    for (const group of own) {
      const list = members.get(group) ?? [];
      list.push(label);
      members.set(group, list);
    }
  }
  return {
    groupsOf(label) {
      let own = known.get(label);
      if (own === undefined) {
        own = groups.get(basicForm(label)) ?? groups.get(synonyms?.canonical(label) ?? "") ?? [];
        known.set(label, own);
      }
      return own;
    },
    labelsIn: (group) => members.get(group) ?? [],
  };
}

/** A file of the study, parsed. Throws UserError that shows every error at its place. */
function parsed<T>(
  code: string,
  source: SourceText | undefined,
  parse: (source: SourceText) => Result<T>,
): T | undefined {
  if (source === undefined) return undefined;
  const result = parse(source);
  if (result.ok) return result.value;
  throw new UserError(code, result.diagnostics.map((one) => formatDiagnostic(one)).join("\n"), {
    status: "invalid",
    diagnostics: result.diagnostics,
  });
}
