import { describe, expect, it } from "vitest";
import { type Names, ownNames, readPredictions } from "./predictions.ts";

const good = '{"id":"a","gold":["x"],"pred":[]}';
const problem = (text: string | Uint8Array) => {
  const result = readPredictions(text, "p.jsonl");
  if (result.ok) return "ok";
  return result.diagnostics
    .map(({ code, span }) => `${span.source.text.slice(0, span.start).split("\n").length}:${code}`)
    .join(" ");
};

describe("predictions are read line by line", () => {
  it("with a byte-order mark, CRLF, blank lines, other keys, numbers as ids and line separators within a label", () => {
    const text = `\ufeff${good}\r\n\r\n{"id":2,"gold":["a\u2028b"],"pred":["é"],"score":1}\r\n`;
    expect(readPredictions(text, "p.jsonl")).toEqual({
      ok: true,
      value: [
        { id: "a", gold: ["x"], pred: [] },
        { id: "2", gold: ["a\u2028b"], pred: ["é"] },
      ],
      warnings: [],
    });
  });
  it("reads numbers as they are written", () =>
    expect(
      readPredictions('{"id":9007199254740993,"gold":[1.0,"x"],"pred":[12345678901234567890]}', "p.jsonl"),
    ).toEqual({
      ok: true,
      value: [{ id: "9007199254740993", gold: ["1.0", "x"], pred: ["12345678901234567890"] }],
      warnings: [],
    }));
  const cases: [string, string, string][] = [
    ["an empty file", "", "1:empty-file"],
    ["no JSON", `${good}\nid,gold`, "2:invalid-json"],
    ["half a line", `${good}\n{"id":"b","gold":["x"],"pr`, "2:invalid-json"],
    ["NaN", '{"id":"b","gold":[NaN],"pred":[]}', "1:invalid-json"],
    ["a text instead of a list", '{"id":"b","gold":"x, y","pred":[]}', "1:not-a-list"],
    ["a nested list", '{"id":"b","gold":[["x"]],"pred":[]}', "1:not-a-label"],
    ["null among labels", '{"id":"b","gold":["x"],"pred":[null]}', "1:not-a-label"],
    ["an object among labels", '{"id":"b","gold":["x"],"pred":[{}]}', "1:not-a-label"],
    ["both sides wrong", '{"id":"b","gold":1}', "1:not-a-list 1:missing-key"],
    ["no id", '{"gold":[],"pred":[]}', "1:missing-id"],
    ["an id of another type", '{"id":null,"gold":[],"pred":[]}', "1:missing-id"],
    ["an id twice", `${good}\n${good}`, "2:duplicate-id"],
    ["an array of cases", `[\n${good}\n]`, "1:invalid-json 3:invalid-json"],
    ["a number", "3", "1:not-an-object"],
  ];
  for (const [name, text, expected] of cases)
    it(`${name} is an error at its line`, () => expect(problem(text)).toBe(expected));
  it("a missing key names the keys of the line and the option for another key", () => {
    const help = (sides: Names["sides"]) => {
      const result = readPredictions('{"id":"a","label":["x"]}', "p.jsonl", { ...ownNames, sides });
      return result.ok ? [] : result.diagnostics.map(({ help }) => help);
    };
    const names = (option: string) => expect.stringMatching(new RegExp(`id, label.*--${option} `));
    expect(help(["gold", "pred"])).toEqual([names("gold"), names("pred")]);
    expect(help(["gold"])).toEqual([names("gold-column")]);
  });
  it("bytes that are not UTF-8 are an error at their line, UTF-16 with a mark is read", () => {
    const accented = `${good}\n{"id":"é","gold":[],"pred":[]}\n`;
    expect(problem(new Uint8Array(Buffer.from(accented, "utf8")))).toBe("ok");
    expect(problem(new Uint8Array(Buffer.from(`\ufeff${accented}`, "utf16le")))).toBe("ok");
    expect(problem(new Uint8Array(Buffer.from(accented, "latin1")))).toBe("2:encoding");
  });
  it("thousands of errors are not listed one by one", () => {
    const result = readPredictions("x\n".repeat(5000), "p.jsonl");
    expect(result.ok ? 0 : result.diagnostics.length).toBe(21);
  });
});
