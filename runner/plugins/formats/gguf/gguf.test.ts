import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { gguf } from "./index.ts";

const u32 = (value: number): Buffer => Buffer.from(new Uint32Array([value]).buffer);
const u64 = (value: number): Buffer => Buffer.from(new BigUint64Array([BigInt(value)]).buffer);
const string = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

test("a family that llama.cpp's converter was not compared with is refused", () => {
  expect(gguf.supports({ model_type: "gpt_oss" })).toBe("a model of type gpt_oss");
  expect(gguf.supports({ model_type: "qwen3" })).toBeUndefined();
  expect(gguf.supports({})).toBeUndefined();
});

test("the line that serves an export quotes its folder", () => {
  expect(gguf.serve("artifacts/a b")).toBe("ollama create NAME -f 'artifacts/a b/Modelfile'");
});

test("the search before an upload reads the texts of a file, and not its vocabulary", () => {
  const folder = mkdtempSync(join(tmpdir(), "gguf-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "model.gguf");
  const head = [Buffer.from("GGUF"), u32(3), u64(1), u64(5)];
  const values = [
    ...[string("tokenizer.tokens"), u32(9), u32(8), u64(2), string("one"), string("two")],
    ...[string("general.tags"), u32(9), u32(8), u64(2), string("three"), string("four")],
    ...[string("a.scores"), u32(9), u32(6), u64(2), u64(0)],
    ...[string("a.size"), u32(10), u64(7)],
    ...[string("general.name"), u32(8), string("from /home/ada")],
  ];
  writeFileSync(file, Buffer.concat([...head, ...values, Buffer.from("weights")]));
  expect(gguf.textsIn(file)).toEqual([
    ...["tokenizer.tokens", "general.tags", "three", "four", "a.scores", "a.size", "general.name", "from /home/ada"],
  ]);
  for (const broken of [Buffer.from("GGUF"), Buffer.from("PK..........."), Buffer.concat([...head, u64(2 ** 50)])]) {
    writeFileSync(file, broken);
    expect(() => gguf.textsIn(file)).toThrow("GGUF");
  }
});
