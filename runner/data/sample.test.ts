import { expect, it } from "vitest";
import { sampleRows } from "./sample.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it("counts rows, and not the line breaks inside them", () => {
  const text = 'id,input,target\n1,"a\nb",c\n2,"d",e\n';
  expect(sampleRows("x.csv", bytes(text), text.length)?.count).toBe(2);
  expect(sampleRows("x.jsonl", bytes('{"id": 1}\n{"id": 2}\n'), 20)).toEqual({ count: 2, characters: 10 });
});

it("estimates the rows of a large file from its beginning", () => {
  const text = `id,input,target\n${"1,some text,label\n".repeat(100)}`;
  const found = sampleRows("x.csv", bytes(text), 100 * text.length);
  expect(found?.count).toBeGreaterThan(9_000);
  expect(found?.count).toBeLessThan(11_000);
});

it("returns nothing for a workbook or an empty file", () => {
  expect(sampleRows("x.xlsx", bytes("PK"), 2)).toBeUndefined();
  expect(sampleRows("x.csv", bytes(""), 0)).toBeUndefined();
});
