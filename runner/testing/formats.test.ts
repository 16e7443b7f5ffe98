/** Data files in the forms of other tools, from the file to the prompts that the model gets. */
import ExcelJS from "exceljs";
import { expect } from "vitest";
import { type CommandResult, errorCodes, expectFailure, type PlanJson } from "./command.ts";
import { type Rig, test } from "./rig.ts";

type Prompt = { readonly id: string; readonly messages: readonly unknown[]; readonly target: string };

/** Writes an experiment whose training file is `train`, of which half is held out as test rows. */
function write(rig: Rig, data: string, train: string, template = "{{#user}}{{input}}{{/user}}"): string {
  rig.write("forms/t.hbs", template);
  rig.write(`forms/${train.split("\n", 1)[0]}`, train.slice(train.indexOf("\n") + 1));
  rig.write(
    "forms/x.yaml",
    `name: forms
task: text
data: {${data}, test: {fraction: 0.5}}
model: {base: smollm2-135m}
prompt: {template: t.hbs}
evaluate: {bootstrap: {resamples: 100}}
baselines: []
report: {xlsx: false}
`,
  );
  return "forms/x.yaml";
}

/** The prompts of the test rows. */
async function prompts(rig: Rig, file: string): Promise<readonly Prompt[]> {
  await rig.build(file, "--until", "prompt.zero_shot");
  const plan = JSON.parse(await rig.output("plan", file, "--json")) as PlanJson;
  const key = plan.steps.find(({ id }) => id === "prompt.zero_shot")?.key;
  const { object } = rig.readJson(`artifacts/store/keys/${key}.json`) as { readonly object: string };
  const lines = rig.read(`artifacts/store/objects/${object}/eval.jsonl`).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Prompt);
}

/** Questions and answers of which no two are alike; case N is the item N - 1. */
const cases = [
  ["What is a fern", "It is a green plant with fronds", "Where would that grow indoors", "In damp shade"],
  ["Name the tallest conifer", "Redwood", "How old may this be", "Two thousand years"],
  ["Does moss have roots", "No, only rhizoids", "And what about lichens then", "They have rhizines"],
  ["Which tree sheds needles", "Larch does every autumn", "When will they return", "Around April"],
] as const;
const caseOf = ({ id }: Prompt) => cases[Number(id) - 1] as (typeof cases)[number];
const user = (content: string) => ({ role: "user", content });

test("a chat of several turns keeps its earlier turns in the prompt", async ({ rig }) => {
  const chat = ([first, answer, second, target]: (typeof cases)[number]) => ({
    conversations: [
      { from: "human", value: first },
      { from: "gpt", value: answer },
      { from: "human", value: second },
      { from: "gpt", value: target },
    ],
    system: "Be brief.",
  });
  const file = write(
    rig,
    "format: chat, train: {file: sharegpt.json}",
    `sharegpt.json\n${JSON.stringify(cases.map(chat), null, 2)}`,
    "{{#system}}You know plants.{{/system}}{{#user}}{{input}}{{/user}}",
  );
  for (const prompt of await prompts(rig, file)) {
    const [first, answer, second, target] = caseOf(prompt);
    expect(prompt.messages).toEqual([
      { role: "system", content: "You know plants.\n\nBe brief." },
      user(first),
      { role: "assistant", content: answer },
      user(second),
    ]);
    expect(prompt.target).toBe(target);
  }
});

test("alpaca records need one line", async ({ rig }) => {
  const record = ([instruction, output, input]: (typeof cases)[number]) => ({ instruction, input, output });
  const file = write(
    rig,
    "format: alpaca, train: {file: alpaca.json}",
    `alpaca.json\n${JSON.stringify(cases.map(record))}`,
  );
  for (const prompt of await prompts(rig, file)) {
    const [instruction, output, input] = caseOf(prompt);
    expect([prompt.messages, prompt.target]).toEqual([[user(`${instruction}\n\n${input}`)], output]);
  }
});

test("several input columns are variables, which exp check knows", async ({ rig }) => {
  const rows = cases.map(([headline, place, text]) => `${JSON.stringify({ headline, text, out: { place } })}\n`);
  const data = "columns: {inputs: {title: headline, body: text}, target: out.place}, train: {file: rows.jsonl}";
  const template = "{{#user}}{{title}}: {{#if body}}{{body}}{{/if}}{{/user}}";
  const file = write(rig, data, `rows.jsonl\n${rows.join("")}`, template);
  expect((await rig.start(["check", file]).ended).code).toBe(0);
  for (const prompt of await prompts(rig, file)) {
    const [title, place, body] = caseOf(prompt);
    expect([prompt.messages, prompt.target]).toEqual([[user(`${title}: ${body}`)], place]);
  }

  rig.write("forms/t.hbs", "{{#user}}{{titel}}{{/user}}");
  const wrong = await rig.start(["check", file]).ended;
  expect([errorCodes(wrong), wrong.stderr]).toEqual([
    ["template"],
    expect.stringContaining("input, body, title, labels"),
  ]);
});

test("columns that a format lacks, and records that are none, are errors", async ({ rig }) => {
  const check = async (data: string, train: string) => {
    const ended = await rig.start(["check", write(rig, data, train)]).ended;
    return [errorCodes(ended), ended.stderr] as const;
  };
  expect((await check("train: {file: a.json}", 'a.json\n[{"a": "x", "b": "y"}]'))[0]).toEqual([
    "missing-key",
    "missing-key",
  ]);
  const [codes, text] = await check("format: alpaca, train: {file: a.json}", 'a.json\n[{"a": "x", "output": "y"}]');
  expect([codes, text]).toEqual([["missing-column"], expect.stringContaining('no column "instruction"')]);
  const tool = JSON.stringify([
    {
      messages: [
        { role: "tool", content: "x" },
        { role: "assistant", content: "y" },
      ],
    },
  ]);
  expect((await check("format: chat, train: {file: a.json}", `a.json\n${tool}`))[0]).toEqual(["broken-record"]);
});

test("data.oversample repeats conversations by a column, and needs one where answers are not labels", async ({
  rig,
}) => {
  const chats = cases.map(([question, , , answer], at) => ({
    messages: [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ],
    meta: { site: at === 0 ? "north" : "south" },
  }));
  const audited = (setting: string): Promise<CommandResult> => {
    const data = `format: chat, train: {file: a.json}, oversample: {${setting}rare_below: 2}`;
    return rig.exp("data", write(rig, data, `a.json\n${JSON.stringify(chats)}`), "--set", "data.test={file: b.json}");
  };
  rig.write(
    "forms/b.json",
    JSON.stringify([
      {
        messages: [
          { role: "user", content: "Is peat old" },
          { role: "assistant", content: "Yes" },
        ],
      },
    ]),
  );
  expectFailure(await audited(""), 2, "missing-key", "by: site");
  expect((await audited("by: meta.site, ")).stdout).toMatch(/rows in an epoch, with copies +5\b/);
});

test("exp init --data takes an object with many keys, or a deep one, as one column", async ({ rig }) => {
  const keys = Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => [`k${at}`, at]));
  const row = { text: "The liver shows a cyst.", keys, deep: JSON.parse(`${'{"a":'.repeat(500)}1${"}".repeat(500)}`) };
  const rows = Array.from({ length: 20 }, (_, at) => `${JSON.stringify({ ...row, label: at % 2 ? "yes" : "no" })}\n`);
  rig.write("many.jsonl", rows.join(""));
  await rig.output("init", "many", "--data", "many.jsonl");
  expect(rig.read("many/experiments/first.yaml")).toContain('{"input":"text","target":"label"}');
});

test("exp init --data writes an experiment that matches the file", async ({ rig }) => {
  const plants = [...Array(12).keys()].map((at) => [
    `n${at}`,
    `${cases[at % 4]?.join(" ")} ${at}`,
    at % 2 ? "dry" : "wet",
  ]);
  rig.write(
    "mine.csv",
    `note_id,note,label\n${plants.map((row) => `${row.join(",").replaceAll("No, ", "No ")}\n`).join("")}`,
  );
  const sets = plants.map(
    ([id, note, label], at) => `${id},${note?.replaceAll(",", "")},"${label}${at % 3 ? ", pest" : ""}"\n`,
  );
  rig.write("sets.csv", `note_id,note,label\n${sets.join("")}`);
  rig.write("a\nname: other\n#.csv", rig.read("mine.csv"));
  const message = (role: string, content: string) => ({ role, content });
  const chats = cases.map(([q, a]) => ({ messages: [message("user", q), message("assistant", a)] }));
  const nested = plants.map(([id, note, label]) => ({ id, source: { note }, output: { labels: [label, "plant"] } }));
  rig.write("nested.jsonl", nested.map((one) => `${JSON.stringify(one)}\n`).join(""));
  rig.write("chat.jsonl", chats.map((one) => `${JSON.stringify(one)}\n`).join(""));
  const teams = plants.map(([id, note, label]) => `X-${id},${note?.replaceAll(",", "")},${label}\n`);
  rig.write("team.csv", `ticket,words,team\n${teams.join("")}`);
  const answers = plants.map(([, note, label]) => ({ instruction: note, input: "", response: label }));
  rig.write("gpt.json", JSON.stringify(answers));
  // The answers are a list in a column that no name tells, after a column with one value in all rows.
  const marks = plants.map(
    ([id, note], at) => `${id},Help,${note?.replaceAll(",", "")},${at % 3 ? "dry; pest" : "wet"}\n`,
  );
  rig.write("marks.csv", `ticket,subject,words,found\n${marks.join("")}`);
  const second = new ExcelJS.Workbook();
  second.addWorksheet("Notes").addRow(["written in spring"]);
  second.addWorksheet("Plants").addRows([["id", "note", "label"], ...plants]);
  await second.xlsx.writeFile(rig.path("second.xlsx"));
  rig.write("few.csv", "id,text,label\n1,hello there,a\n2,good bye,b\n2,hello you,a\n");
  const workbook = new ExcelJS.Workbook();
  const sheet = workbook.addWorksheet("Plants");
  sheet.mergeCells("A1:C1");
  sheet.getCell("A1").value = "Plants of the year";
  sheet.addRows([["id", "note", "label"], ...plants]);
  await workbook.xlsx.writeFile(rig.path("title.xlsx"));
  const lists = plants.map(([id, note, label]) => `${id},${note?.replaceAll(",", "")},"[""${label}"", ""plant""]"\n`);
  rig.write("lists.csv", `note_id,note,tags\n${lists.join("")}`);
  const beds = plants.map(([id, note, label]) => `${id},${note?.replaceAll(",", "")},${label},${label}\n`);
  rig.write("beds.csv", `id,note,soil,bed\n${beds.join("")}`);
  for (const [file, lines] of [
    ["lists.csv", ["task: label_set", '"target":"tags"']],
    ["title.xlsx", ['title.xlsx", header_row: 2}', 'columns: {"id":"id","input":"note","target":"label"}']],
    ["second.xlsx", ['second.xlsx", sheet: "Plants"}']],
    ["marks.csv", ["task: label_set", '"input":"words","target":"found"', 'labels: {separator: ";"}']],
    ["few.csv", ["task: single_label", 'columns: {"input":"text","target":"label"}']],
    ["team.csv", ["task: single_label", 'columns: {"id":"ticket","input":"words","target":"team"}']],
    ["gpt.json", ["format: alpaca", 'columns: {"target":"response"}']],
    ["mine.csv", ["task: single_label", 'columns: {"id":"note_id","input":"note","target":"label"}']],
    ["sets.csv", ["task: label_set", "labels: {}"]],
    ["nested.jsonl", ["task: label_set", '{"id":"id","input":"source.note","target":"output.labels"}']],
    ["chat.jsonl", ["task: text", "format: chat"]],
    ["a\nname: other\n#.csv", ["name: first", 'Written from "a\\nname: other\\n#.csv"']],
  ] as const) {
    const study = `study-${file.slice(0, 4).replace(/\W/g, "")}`;
    await rig.output("init", study, "--data", file);
    const yaml = rig.read(`${study}/experiments/first.yaml`);
    for (const line of lines) expect(yaml).toContain(line);
    const checked = await rig.start(["check", `${study}/experiments/first.yaml`]).ended;
    expect([checked.code, checked.stderr]).toEqual([0, ""]);
  }
  expect(await rig.output("init", "again", "--data", "few.csv")).toContain('the column "id" has values that repeat');
  const said = await rig.output("init", "once-more", "--data", "beds.csv");
  expect(said).toContain("input: note, target: bed\nother columns that could be the target: soil\n");
});

test("a glob is read as one table, and each of its files has a digest of its own", async ({ rig }) => {
  const part = (rows: readonly (readonly string[])[]) =>
    `question,answer\n${rows.map((row) => row.join(",")).join("\n")}\n`;
  const texts = cases.map(([first, answer]) => [first, `"${answer}"`]);
  rig.write("forms/part-2.csv", part(texts.slice(2)));
  const data = 'columns: {input: question, target: answer}, train: {file: "part-*.csv"}';
  const file = write(rig, data, `part-1.csv\n${part(texts.slice(0, 2))}`);
  rig.write("forms/answers.jsonl", cases.map((_, at) => `{"id":"${at + 1}","text":"Redwood"}\n`).join(""));
  rig.edit(file, "report:", "generate: {engine: replay, file: answers.jsonl}\nreport:");
  const manifest = rig.manifest((await rig.build(file)).manifest);
  expect(manifest.config.data.train.file).toEqual(["forms/part-1.csv", "forms/part-2.csv"]);
  expect(Object.keys(manifest.provenance.sources)).toEqual(
    expect.arrayContaining(["forms/part-1.csv", "forms/part-2.csv"]),
  );
  expect(await rig.output("show", "forms")).toContain(
    "Recorded evaluations of forms/part-1.csv to forms/part-2.csv (2 files)",
  );

  const reasons = async (): Promise<string> => {
    const plan = JSON.parse(await rig.output("plan", file, "--json")) as PlanJson;
    return JSON.stringify(plan.steps.find(({ id }) => id === "data"));
  };
  expect(await reasons()).toContain('"cached"');
  rig.write("forms/part-3.csv", part([["How tall is ivy", "Thirty metres"]]));
  expect(await reasons()).toContain("train.files: 2 -> 3");
  rig.write("forms/part-3.csv", "question,answer,by\nHow tall is ivy,Thirty metres,me\n");
  const ended = await rig.exp("data", file);
  expect(errorCodes(ended)).toContain("other-columns");
  expect(ended.stderr).toContain("forms/part-3.csv:1");
});

test("exp init --data and exp predict read the files of a quoted glob", async ({ rig }) => {
  rig.write("in/a-1.csv", "id,text,label\n1,a fern,plant\n2,a moss,plant\n");
  rig.write("in/a-2.csv", "id,text,label\n3,a crow,bird\n4,an owl,bird\n");
  expect(await rig.output("init", "made", "--data", "in/a-*.csv")).toContain("4 rows");
  expect(rig.read("made/experiments/first.yaml")).toContain('train: {file: "../../in/a-*.csv"}');
  await rig.output("check", "made/experiments/first.yaml");
});

test("exp init --data knows the records that other tools document", async ({ rig }) => {
  const say = (role: string, content: string) => [{ role, content }];
  const records: readonly (readonly [record: (at: number) => object, columns: object])[] = [
    [
      (at) => ({ question: `q${at}`, category: "art", answer: `a long answer ${at}` }),
      { input: "question", target: "answer" },
    ],
    [
      (at) => ({ article: `a${at}`, question: `q${at}`, answer: "yes" }),
      { inputs: { article: "article", question: "question" }, target: "answer" },
    ],
    [
      (at) => ({ question: `q${at}`, choices: ["a", "b"], solution: "a", explanation: `e${at}` }),
      { inputs: { question: "question", choices: "choices" }, target: "solution" },
    ],
    [(at) => ({ prompt: `p${at}`, generation: `g${at}` }), { input: "prompt", target: "generation" }],
    [
      (at) => ({ id: `T-${at}`, prompt: `p ${at}`, completion: `c ${at}` }),
      { id: "id", input: "prompt", target: "completion" },
    ],
    [
      (at) => ({ prompt: say("user", `q${at}`), completion: say("assistant", `a${at}`) }),
      { input: "prompt", target: "completion" },
    ],
    [(at) => ({ note: `a pump ${at}`, fields: { part: "pump", number: at } }), { input: "note", target: "fields" }],
  ];
  for (const [at, [record, columns]] of records.entries()) {
    const lines = [1, 2, 3, 4, 5, 6].map((row) => `${JSON.stringify(record(row))}\n`);
    rig.write("records.jsonl", lines.join(""));
    await rig.output("init", `made-${at}`, "--data", "records.jsonl");
    expect(rig.read(`made-${at}/experiments/first.yaml`)).toContain(`columns: ${JSON.stringify(columns)}\n`);
    if ("inputs" in columns) await rig.output("check", `made-${at}/experiments/first.yaml`);
  }
});

test("exp init --data says what to write for a file that is no table of inputs and answers", async ({ rig }) => {
  const rows = [1, 2, 3].map((at) => ({ text: `a plant ${at}`, label: "fern" }));
  const messages = (role: string) => [{ role, content: "Hello" }];
  const files: Readonly<Record<string, readonly [content: string, code: string, words: string]>> = {
    "rows.json": [JSON.stringify({ data: rows }), "missing-column", 'write the list of "data" as the whole file'],
    "pairs.jsonl": ['{"prompt":"p","chosen":"a","rejected":"b"}\n', "unsupported-column", '"chosen"'],
    "lists.jsonl": [
      `${JSON.stringify({ asked: messages("user"), answer: messages("assistant") })}\n`.repeat(3),
      "unsupported-column",
      'into one list in the column "messages"',
    ],
    "judged.jsonl": ['{"prompt":"p","completion":"c","label":true}\n', "unsupported-column", '"label"'],
    "steps.jsonl": ['{"prompt":"p","completions":["c"],"labels":[true]}\n', "unsupported-column", '"labels"'],
    "tools.jsonl": ['{"messages":[{"role":"tool","content":"x"}]}\n', "broken-record", "has the role tool"],
    "title.csv": ["Report,,\nid,text,label\n1,a fern,green\n", "missing-column", "remove the lines above"],
    "texts.jsonl": ['{"text":"t"}\n', "missing-column", "add a column with the right answers"],
  };
  for (const [name, [content, code, words]] of Object.entries(files)) {
    rig.write(name, content);
    expectFailure(await rig.exp("init", "made", "--data", name), 2, code, words);
  }
  expectFailure(await rig.exp("init", "made", "--data", "owner/name"), 2, "missing-file", "{hub: owner/name}");
  const page = "https://huggingface.co/datasets/owner/name";
  expectFailure(await rig.exp("init", "made", "--data", page), 2, "missing-file", "{hub: owner/name}");
  rig.write("bare.csv", "a fern,green\na moss,green\nan oak,red\n");
  expect(await rig.output("init", "made", "--data", "bare.csv")).toContain('"green" is also a value of its column');
});
