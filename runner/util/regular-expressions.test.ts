/** Every regular expression of the product takes linear time, also if a long run of characters almost matches. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseSync } from "@swc/core";
import { expect, test } from "vitest";
import { parseAnswer } from "../data/labels/parse.ts";
import { personalKinds } from "../data/personal.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs that expressions restart in: blanks, letters, digits, quotes, brackets, markup, addresses. */
const units = [
  ..." \n\ta1-_/\\([{<\"'`*#:@=,.|%$&é中。",
  ...'a |1 |a.|1.|a-|a@|a:|a=|1)|(a|- |, |. |\n |<a|a\n|```|{{|12-34-|https://a|{"a":|answer is |no '.split("|"),
];
const lengths = [2_500, 20_000] as const;

/** Why an expression may restart: its texts are short. */
const bounded = new Map([["\\B(?=(?:\\d{3})+$)", "digits of a number"]]);

test("regular expressions", { timeout: 120_000 }, () => {
  const slow = [...expressions()]
    .filter(([source]) => !bounded.has(source))
    .flatMap(([source, { flags, file }]) => {
      const pattern = new RegExp(source, flags.includes("g") ? flags : `${flags}g`);
      const found = units.find((unit) => grows(unit, (text) => void text.replace(pattern, "")));
      return found === undefined ? [] : [`${file}: /${source}/ on a run of ${JSON.stringify(found)}`];
    });
  expect(slow).toEqual([]);
});

test.each([
  ["an answer", (text: string) => void parseAnswer(text, { separator: ", ", known: new Set(["a", "b c"]) })],
  ["the search for personal data", (text: string) => void personalKinds(text)],
])("%s", (_, read) => expect(units.filter((unit) => grows(unit, read))).toEqual([]));

/** The literals of the product: source -> flags and the first file. */
function expressions(): Map<string, { readonly flags: string; readonly file: string }> {
  const list = execFileSync("git", ["ls-files", "runner/**/*.ts"], { cwd: root, encoding: "utf8" });
  const files = list.split("\n").filter((file) => file !== "" && !/\.test\.ts$|\.d\.ts$|^runner\/testing\//.test(file));
  const found = new Map<string, { flags: string; file: string }>();
  const visit = (node: unknown, file: string): void => {
    if (Array.isArray(node)) for (const one of node) visit(one, file);
    else if (node !== null && typeof node === "object") {
      const { type, pattern, flags } = node as { type?: string; pattern?: string; flags?: string };
      if (type === "RegExpLiteral" && pattern !== undefined && !found.has(pattern))
        found.set(pattern, { flags: flags ?? "", file });
      for (const value of Object.values(node)) visit(value, file);
    }
  };
  for (const file of files) visit(parseSync(readFileSync(`${root}${file}`, "utf8"), { syntax: "typescript" }), file);
  return found;
}

/** Whether the time of `read` grows faster than a run of `unit`: eight times the length costs more than thirty times. */
function grows(unit: string, read: (text: string) => void): boolean {
  const [short, long] = lengths.map((length) => `x${unit.repeat(Math.ceil(length / unit.length))}\u0001`);
  const least = (text: string, tries: number): number =>
    Math.min(...Array.from({ length: tries }, () => cpuTime(() => read(text))));
  const large = cpuTime(() => read(long as string));
  if (large < 20) return false;
  return Math.min(large, least(long as string, 2)) > 30 * Math.max(least(short as string, 3), 0.2);
}

/** CPU time of this process, ms. */
function cpuTime(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
