import { asCell, isScalar, parseJson } from "../../data/json-value.ts";
import { splitLabels } from "../../data/labels/split.ts";
import { lineEnd, lineStart } from "../../data/lines.ts";
import { Problems } from "../../data/problems.ts";
import type { Result } from "../../util/diagnostic.ts";
import { suggestion } from "../../util/suggest.ts";

/** One case of a predictions file: gold and predicted labels, as written. */
export type FileCase = {
  readonly id: string;
  readonly gold: readonly string[];
  readonly pred: readonly string[];
  /** False if the line has `"parsed": false`, as a run writes it for an answer that could not be read. */
  readonly parsed?: boolean;
  /** The patient, site or document of the case, if the file has it. */
  readonly group?: string;
};

/** The keys or columns of a predictions file. */
export type Names = {
  readonly id: string;
  readonly gold: string;
  readonly pred: string;
  /** Keys that the predictions of a line without `pred` may have. */
  readonly otherPred?: readonly string[] | undefined;
  /** Which of the two the file must have. The other one is the empty set. */
  readonly sides: readonly ("gold" | "pred")[];
  /**
   * The text between two labels. Without it, labels in one text are an error. Empty: each side is one text, a JSON
   * object, which is read as its text, or null without an answer.
   */
  readonly separator?: string | undefined;
  /** The key or column with the group of a case. Absent: the key `group` of JSON Lines, if a line has it. */
  readonly group?: string | undefined;
};

/** The default names. */
export const ownNames: Names = { id: "id", gold: "gold", pred: "pred", sides: ["gold", "pred"] };

/**
 * Reads lines of `{"id", "gold": [labels], "pred": [labels]}`; other keys are left alone, empty lines skipped. Bytes
 * are read as UTF-8, or as UTF-16 with its mark; other encodings are errors at the first line that shows them. Each
 * invalid line is an error with its span: invalid JSON, not an object, a missing or duplicate id, labels that are not a
 * list of texts and numbers. A number is the text that the file has: 1.0 is not 1.
 */
export function readPredictions(
  content: string | Uint8Array,
  path: string,
  names: Names = ownNames,
): Result<FileCase[]> {
  const text = typeof content === "string" ? content : decode(content);
  const problems = new Problems({ path, text });
  const broken = typeof content === "string" ? undefined : firstBroken(content);
  if (broken !== undefined) {
    const start = lineStart(text, broken);
    problems.add(start, lineEnd(text, start), "encoding", "the line is not UTF-8", "save the file as UTF-8");
    return problems.result();
  }
  const cases: FileCase[] = [];
  const firstLine = new Map<string, number>();
  let line = 0;
  for (let start = text.startsWith("\ufeff") ? 1 : 0; start < text.length; ) {
    line++;
    const end = lineEnd(text, start);
    const row = text.slice(start, end);
    if (row.trim() !== "") {
      const one = readLine(row, names, (code, message, help) => problems.add(start, end, code, message, help));
      const before = one && firstLine.get(one.id);
      if (one && before !== undefined) {
        problems.add(
          start,
          end,
          "duplicate-id",
          `the id ${JSON.stringify(one.id)} is also in line ${before}`,
          "keep one line for each case",
        );
      } else if (one) {
        firstLine.set(one.id, line);
        cases.push(one);
      }
    }
    start = end + (text.startsWith("\r\n", end) ? 2 : 1);
  }
  if (!problems.any && cases.length === 0)
    problems.add(0, 0, "empty-file", "the file has no predictions", shapeOf(names));
  return problems.any ? problems.result() : { ok: true, value: cases, warnings: [] };
}

const utf16 = (bytes: Uint8Array): "utf-16le" | "utf-16be" | undefined => {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  return bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : undefined;
};

function decode(bytes: Uint8Array): string {
  return new TextDecoder(utf16(bytes) ?? "utf-8").decode(bytes);
}

/** Number (from 1) of the first line that is not UTF-8. */
function firstBroken(bytes: Uint8Array): number | undefined {
  if (utf16(bytes)) return undefined;
  const strict = new TextDecoder("utf-8", { fatal: true });
  const sound = (from: number, to: number): boolean => {
    try {
      strict.decode(bytes.subarray(from, to));
      return true;
    } catch {
      return false;
    }
  };
  if (sound(0, bytes.length)) return undefined;
  let start = 0;
  for (let line = 1; ; line++) {
    const feed = bytes.indexOf(10, start);
    if (feed < 0 || !sound(start, feed)) return line;
    start = feed + 1;
  }
}

/** The option of `exp score` that names a key or column: gold in a file of its own has options of its own. */
export function optionOf(side: "id" | "gold" | "pred", { sides }: Pick<Names, "sides">): string {
  if (sides.includes("pred")) return side;
  return side === "id" ? "gold-id" : "gold-column";
}

/** How to name another key or column in place of one that is missing. */
export function otherName(name: string, names: readonly string[], option: string): string {
  return [suggestion(name, names, "it has"), `--${option} names another one`]
    .filter((part) => part !== undefined)
    .join("; ");
}

type Complain = (code: string, message: string, help?: string) => void;

/** The shape of a line, for help texts. */
function shapeOf({ id, sides, ...names }: Names): string {
  return `each line is {"${id}": "..."${sides.map((side) => `, "${names[side]}": ["..."]`).join("")}}`;
}

function readLine(row: string, names: Names, complain: Complain): FileCase | undefined {
  let value: unknown;
  try {
    value = parseJson(row);
  } catch (error) {
    const bare = /[[:,\s](NaN|-?Infinity|None|True|False)\b/.exec(row)?.[1];
    if (bare) complain("invalid-json", `${bare} is not JSON`, "write null, true, false or a finite number");
    else if (row.includes("\ufffd") || row.includes("\0"))
      complain("encoding", "the file is not UTF-8", "save it as UTF-8");
    else if (row.trim() === "[")
      complain("invalid-json", "this is one JSON array", "write one JSON object a line (JSON Lines)");
    else complain("invalid-json", `not JSON: ${(error as Error).message}`, "each line is one JSON object");
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    complain("not-an-object", "the line is not a JSON object", shapeOf(names));
    return undefined;
  }
  const fields = value as Record<string, unknown>;
  const id = fields[names.id];
  const named = isScalar(id) && typeof id !== "boolean" ? String(id) : undefined;
  if (named === undefined || named === "") {
    complain(
      "missing-id",
      id === undefined || id === "" ? "the line has no id" : "the id is neither text nor a number",
    );
    return undefined;
  }
  const hasPred = Object.hasOwn(fields, names.pred);
  const other = hasPred ? undefined : names.otherPred?.find((key) => Object.hasOwn(fields, key));
  const keys = { gold: names.gold, pred: other ?? names.pred };
  const of = (side: "gold" | "pred"): readonly string[] | undefined => {
    if (!names.sides.includes(side)) return [];
    const key = keys[side];
    if (Object.hasOwn(fields, key)) return labels(fields[key], key, names.separator, complain);
    complain("missing-key", `the line has no "${key}"`, otherName(key, Object.keys(fields), optionOf(side, names)));
    return undefined;
  };
  const gold = of("gold");
  const pred = of("pred");
  const isUnreadable = names.sides.includes("pred") && fields.parsed === false;
  const group = fields[names.group ?? "group"];
  const isGroup = isScalar(group) && typeof group !== "boolean" && group !== "";
  if (names.group !== undefined && !isGroup)
    complain("missing-group", `the line has no "${names.group}"`, "give each case a group: a text or a number");
  return (
    gold &&
    pred && {
      ...{ id: named, gold, pred },
      ...(isUnreadable ? { parsed: false } : {}),
      ...(isGroup ? { group: String(group) } : {}),
    }
  );
}

function labels(
  value: unknown,
  key: string,
  separator: string | undefined,
  complain: Complain,
): readonly string[] | undefined {
  if (isScalar(value) && separator !== undefined) return splitLabels(String(value), separator);
  if (value === null && separator === "") return [];
  if (separator === "" && typeof value === "object" && value !== null && !Array.isArray(value) && !isScalar(value))
    return [asCell(value) as string];
  if (typeof value === "string")
    complain("not-a-list", `"${key}" is a text`, 'write a list of labels: ["first", "second"], or give --separator');
  else if (!Array.isArray(value)) complain("not-a-list", `"${key}" is not a list of labels`);
  else {
    const odd = value.findIndex((label) => !isScalar(label));
    if (odd < 0) return value.map(String);
    const what = Array.isArray(value[odd]) ? "a nested list" : value[odd] === null ? "null" : "an object";
    complain("not-a-label", `"${key}" item ${odd + 1} is ${what}`, "each label is one text or number");
  }
  return undefined;
}
