/** Records in the forms that LLaMA-Factory, axolotl and TRL document. */
import { expect, test } from "vitest";
import { type Columns, columnsFor, type RecordFormat } from "./columns.ts";
import { readRows } from "./rows.ts";
import { readTable } from "./table.ts";

async function read(record: object, format: RecordFormat, columns: Partial<Columns> = {}) {
  const table = await readTable({ path: "data.json", bytes: Buffer.from(JSON.stringify([record])) });
  if (!table.ok) throw new Error("not read");
  const rows = readRows(table.value, columnsFor(format, columns), (cell) => ({ text: String(cell), target: cell }), {
    format,
  });
  if (!rows.ok) return rows.diagnostics.map(({ code, message }) => `${code}: ${message}`);
  const [row] = rows.value;
  return [row?.turns ?? [], row?.fields?.input ?? row?.input, row?.answer];
}

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = { role: "system", content: "S" };

const said = [
  { from: "human", value: "q1" },
  { from: "gpt", value: "a1" },
  { from: "human", value: "q2" },
  { from: "gpt", value: "a2" },
];
const shapes: Readonly<Record<string, readonly [object, RecordFormat, Partial<Columns>, readonly unknown[]]>> = {
  "alpaca with system and history": [
    { instruction: "i", input: "x", output: "o", system: "S", history: [["q", "a"]] },
    "alpaca",
    {},
    [[system, user("q"), assistant("a")], "i\n\nx", "o"],
  ],
  "alpaca without input": [{ instruction: "i", output: "o" }, "alpaca", {}, [[], "i", "o"]],
  "gpteacher, alpaca_chat": [
    { instruction: "i", input: "", response: "o" },
    "alpaca",
    { target: "response" },
    [[], "i", "o"],
  ],
  sharegpt: [
    { conversations: said, system: "S", tools: "" },
    "chat",
    {},
    [[system, user("q1"), assistant("a1")], "q2", "a2"],
  ],
  "messages of OpenAI": [{ messages: [system, user("q"), assistant("a")] }, "chat", {}, [[system], "q", "a"]],
  chat_template: [{ conversations: [user("q"), assistant("a")] }, "chat", {}, [[], "q", "a"]],
  pygmalion: [
    {
      conversations: [
        { role: "user", value: "q" },
        { role: "assistant", value: "a" },
      ],
    },
    "chat",
    {},
    [[], "q", "a"],
  ],
  "prompt and completion as messages": [
    { prompt: [system, user("q")], completion: [assistant("a")] },
    "chat",
    { input: "prompt", target: "completion" },
    [[system], "q", "a"],
  ],
  "messages and a text": [
    { prompt: [user("q1"), assistant("a1"), user("q2")], completion: "42" },
    "chat",
    { input: "prompt", target: "completion" },
    [[user("q1"), assistant("a1")], "q2", "42"],
  ],
  "messages and a list of labels": [
    { prompt: [user("q")], labels: ["a", "b"] },
    "chat",
    { input: "prompt", target: "labels" },
    [[], "q", "a,b"],
  ],
  "messages with weights": [
    {
      conversations: [
        { from: "human", value: "q", train: false },
        { from: "assistant", value: "a", train: true },
      ],
    },
    "chat",
    {},
    [[], "q", "a"],
  ],
  "prompt and completion": [
    { prompt: "p", completion: "c" },
    "table",
    { input: "prompt", target: "completion" },
    [[], "p", "c"],
  ],
  metharme: [{ prompt: "p", generation: "g" }, "table", { input: "prompt", target: "generation" }, [[], "p", "g"]],
  oasst: [{ INSTRUCTION: "i", RESPONSE: "r" }, "table", { input: "INSTRUCTION", target: "RESPONSE" }, [[], "i", "r"]],
  context_qa: [
    { article: "t", question: "q", answer: "a" },
    "table",
    { inputs: { article: "article", question: "question" }, target: "answer" },
    [[], "t\n\nq", "a"],
  ],
};

for (const [name, [record, format, columns, expected]] of Object.entries(shapes)) {
  test(`${name} is read`, async () => {
    expect(await read(record, format, columns)).toEqual(expected);
  });
}

const tool = [said[0], { from: "function_call", value: "{}" }, { from: "observation", value: "r" }, said[3]];
const refused: Readonly<Record<string, readonly [object, RecordFormat, string, Partial<Columns>?]>> = {
  "a prompt that ends with an answer": [
    { prompt: [user("q"), assistant("a")], completion: "x" },
    "chat",
    "broken-record: row 1: the last message is not the user's",
    { input: "prompt", target: "completion" },
  ],
  "calls of tools": [{ conversations: tool }, "chat", "broken-record: row 1: message 2 has the role function_call"],
  "descriptions of tools": [{ conversations: said, tools: "[{}]" }, "chat", 'unsupported-column: the column "tools"'],
  "preferences as conversations": [
    { conversations: said.slice(0, 3), chosen: said[3], rejected: said[1] },
    "chat",
    'unsupported-column: the column "chosen"',
  ],
  preferences: [
    { instruction: "i", input: "", chosen: "a", rejected: "b" },
    "alpaca",
    'missing-column: the file has no column "output"',
  ],
  "judged answers": [
    { instruction: "i", output: "o", kto_tag: false },
    "alpaca",
    'unsupported-column: the column "kto_tag"',
  ],
  "judged conversations": [
    { messages: [user("q"), assistant("a")], label: true },
    "chat",
    'unsupported-column: the column "label"',
  ],
  images: [
    { messages: [user("<image>q"), assistant("a")], images: ["x.png"] },
    "chat",
    'unsupported-column: the column "images"',
  ],
  "a plain text": [{ text: "t" }, "chat", 'missing-column: the file has no column "messages"'],
};
for (const [name, [record, format, expected, columns]] of Object.entries(refused)) {
  test(`${name} are errors`, async () => {
    expect((await read(record, format, columns))[0]).toContain(expected);
  });
}
