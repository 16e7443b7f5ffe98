import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ParseOptions, parseAnswer } from "./parse.ts";
import { writeLabel } from "./split.ts";

/** `npm run soak` sets it: more of everything. */
const soak = process.env.EXP_FAULTS !== undefined;
const options: ParseOptions = { separator: "," };
const read = (text: string, more: Partial<ParseOptions> = {}) => parseAnswer(text, { ...options, ...more });

type Fixture = {
  readonly name: string;
  readonly text: string;
  /** null: a parse failure. */
  readonly labels: readonly string[] | null;
  readonly known?: readonly string[];
  readonly separator?: string;
  readonly single?: boolean;
  readonly finish?: string;
};

/** Answers of models, with the labels that a person reads in them. */
const fixtures = JSON.parse(
  readFileSync(new URL("./fixtures/answers.json", import.meta.url), "utf8"),
) as readonly Fixture[];
const usual = ["Renal cyst", "Gallstone", "Hernia", "Kidney stone", "Fatty liver", "Pleural effusion"];

describe("an answer of a model is read as a person reads it", () => {
  it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))("%s", (_, fixture) => {
    const { text, labels, known = usual, separator = ",", single = false, finish } = fixture;
    const answer = read(text, { separator, isSingle: single, known: new Set(known), finish });
    expect({ labels: answer.labels, parsed: answer.parsed }).toEqual({ labels: labels ?? [], parsed: labels !== null });
  });
});

describe("an answer is read as its labels", () => {
  const both = ["Renal cyst", "Adrenal hyperplasia"];
  const forms: Record<string, string> = {
    plain: "Renal cyst, Adrenal hyperplasia",
    "full stop": "Renal cyst, Adrenal hyperplasia.",
    heading: "Diagnosis: Renal cyst, Adrenal hyperplasia",
    "bold heading": "**Diagnoses:** Renal cyst, Adrenal hyperplasia",
    "markdown heading": "### Diagnosis\nRenal cyst, Adrenal hyperplasia",
    "heading in words": "The most likely diagnoses are: Renal cyst, Adrenal hyperplasia",
    "heading without colon": "The diagnoses are Renal cyst and, Adrenal hyperplasia".replace(" and,", ","),
    "lead on its own line": "Based on the report, I see:\n\nRenal cyst, Adrenal hyperplasia",
    "lead on the line": "Sure! Here are the labels: Renal cyst, Adrenal hyperplasia",
    bullets: "- Renal cyst\n- Adrenal hyperplasia",
    "bullets with blank lines": "* Renal cyst\n\n* Adrenal hyperplasia",
    numbers: "1. Renal cyst\n2. Adrenal hyperplasia",
    "numbers on one line": "1) Renal cyst, 2) Adrenal hyperplasia",
    "numbers with reasons":
      "1. **Renal cyst**: 3 cm, no wall.\n2. **Adrenal hyperplasia** - both limbs are thick and long",
    "lines and reason": "Renal cyst\nAdrenal hyperplasia\n\nThe left kidney shows a cyst, as said.",
    "bold numbers with bullets below":
      "**Final Diagnosis:**\n\n**1. Renal cyst**\n- 3 cm, left\n\n**2. Adrenal hyperplasia**\n- both sides\n\nPlease correlate clinically.",
    "numbers with sentences below": "1. Renal cyst\nThe left kidney has one.\n2. Adrenal hyperplasia\nBoth are thick.",
    "two lists": "1. Renal cyst\n2. Adrenal hyperplasia\nNext steps:\n1. Ultrasound\n2. Rest",
    "a sentence after the labels":
      "Renal cyst, Adrenal hyperplasia. The left kidney has a cyst, and the adrenals are thick.",
    "text in json": '{"diagnosis": "Renal cyst, Adrenal hyperplasia"}',
    "colon lead on its own line": "Based on the findings, the diagnoses are:\n- Renal cyst\n- Adrenal hyperplasia",
    explanation: "Renal cyst, Adrenal hyperplasia\nExplanation: the left kidney, the right adrenal",
    json: '["Renal cyst", "Adrenal hyperplasia"]',
    "json object": '{"reason": "x", "labels": ["Renal cyst", "Adrenal hyperplasia"]}',
    "json objects": '[{"label": "Renal cyst", "score": 0.9}, {"label": "Adrenal hyperplasia"}]',
    "json flags": '{"Renal cyst": true, "Hernia": false, "Adrenal hyperplasia": true}',
    "json fence": '```json\n["Renal cyst", "Adrenal hyperplasia"]\n```',
    "json in text": 'Answer: ["Renal cyst", "Adrenal hyperplasia"]\nThese follow from the text.',
    "json cut short": '["Renal cyst", "Adrenal hyperplasia", "Her',
    "python list": "['Renal cyst', 'Adrenal hyperplasia']",
    "list without quotes": "[Renal cyst, Adrenal hyperplasia]",
    think: "<think>\nCyst, hernia?\n</think>\n\nRenal cyst, Adrenal hyperplasia",
    "think without start": "Cyst, hernia?\n</think>\nRenal cyst, Adrenal hyperplasia",
    "empty think": "<think>\n\n</think>\n\nRenal cyst, Adrenal hyperplasia",
    "reasoning and final answer": "Diagnosis: maybe Hernia\nNo.\nFinal answer: Renal cyst, Adrenal hyperplasia",
    "end token": "Renal cyst, Adrenal hyperplasia<|im_end|>\n<|im_start|>user\nNext, please",
    "role and next turn": "assistant\nRenal cyst, Adrenal hyperplasia\nuser\nNext, please",
    markdown: "**Renal cyst**, *Adrenal hyperplasia*",
    code: "`Renal cyst`, `Adrenal hyperplasia`",
    quotes: '"Renal cyst", “Adrenal hyperplasia”',
    "quotes around all": '"Renal cyst, Adrenal hyperplasia"',
    and: "Renal cyst, and Adrenal hyperplasia.",
    repeated: `${"Renal cyst, Adrenal hyperplasia, ".repeat(500)}Renal cyst`,
    thinking: "<thinking>Cyst, hernia?</thinking>\nRenal cyst, Adrenal hyperplasia",
    "think in brackets": "[THINK]Cyst, hernia?[/THINK]Renal cyst, Adrenal hyperplasia",
    channels:
      "<|channel|>analysis<|message|>Hernia?<|end|><|start|>assistant<|channel|>final<|message|>Renal cyst, Adrenal hyperplasia",
    "answer tags": "So it is <answer>Renal cyst, Adrenal hyperplasia</answer> then",
    boxed: "Answer: \\boxed{Renal cyst, Adrenal hyperplasia}",
    "python dictionary": "{'labels': ['Renal cyst', 'Adrenal hyperplasia'], 'sure': True}",
    assignment: "Labels = [Renal cyst, Adrenal hyperplasia]",
    "numbers in running text": "1. Renal cyst 2. Adrenal hyperplasia",
    letters: "a) Renal cyst\nb) Adrenal hyperplasia",
    ticks: "✅ Renal cyst\n✅ Adrenal hyperplasia",
    boxes: "- [x] Renal cyst\n- [ ] Hernia\n- [x] Adrenal hyperplasia",
    "windows lines": "Renal cyst\r\nAdrenal hyperplasia\r\n",
  };
  for (const [name, text] of Object.entries(forms)) {
    it(name, () => expect(read(text)).toMatchObject({ labels: both, parsed: true }));
  }
});

describe("an answer without labels", () => {
  for (const text of [
    "None",
    "none.",
    "No abnormality",
    "No significant abnormalities detected.",
    "[]",
    '{"labels": []}',
    "Diagnosis: None",
    "**Normal**",
    "N/A",
    "- None",
    "The report is normal.",
    "There is no evidence of any abnormality.",
  ]) {
    it(`${JSON.stringify(text)} is the empty set`, () =>
      expect(read(text)).toMatchObject({ labels: [], parsed: true, notes: expect.arrayContaining(["none"]) }));
  }
  it("a label of the study is not the empty set", () =>
    expect(read("Normal", { known: new Set(["Normal"]) })).toMatchObject({ labels: ["Normal"], parsed: true }));
  it("a label of the study in another case is not the empty set", () =>
    expect(read("normal.", { known: new Set(["Normal"]) }).labels).toEqual(["normal"]));
  it("none next to a label is ignored", () => expect(read("Hernia, none").labels).toEqual(["Hernia"]));
});

describe("an answer that cannot be read", () => {
  const cases: [string, string][] = [
    ["", "empty"],
    [" \n", "empty"],
    ["<think>Let me see. Renal cyst, hernia", "truncated"],
    ["I'm sorry, but I cannot help with that.", "refusal"],
    [`The ${"long ".repeat(40)}sentence`, "prose"],
  ];
  for (const [text, note] of cases) {
    it(`${JSON.stringify(text.slice(0, 30))}: ${note}`, () =>
      expect(read(text)).toMatchObject({ labels: [], parsed: false, notes: expect.arrayContaining([note]) }));
  }
});

describe("labels are kept", () => {
  const whole = [
    "Hydronephrosis (possible)",
    "Fracture (T12, L1)",
    "[left] cyst",
    "cyst [left]",
    "Crohn's disease",
    "3 cm cyst",
    "1.5 cm cyst",
    "Type-2 lesion",
    "Stage: IV",
  ];
  it.each(whole)("%s", (label) => expect(read(`${label}, Hernia`).labels).toEqual([label, "Hernia"]));
  it("a known label of any form", () => {
    const known = new Set(["1. Grade.", "None", `S${"o long".repeat(100)}`]);
    expect(read([...known].join(", "), { known }).labels).toEqual([...known]);
  });
  it("a known label that contains the separator", () =>
    expect(read("**Cyst, left.**", { isSingle: true, known: new Set(["Cyst, left"]) }).labels).toEqual(["Cyst, left"]));
  describe("of the study are split at other separators", () => {
    const known = new Set(["Renal cyst", "Hernia", "Cyst and stone"]);
    const cases: [string, string[]][] = [
      ["Renal cyst and Hernia", ["Renal cyst", "Hernia"]],
      ["Cyst and stone, renal cyst & hernia.", ["Cyst and stone", "renal cyst", "hernia"]],
      ["Renal cyst; Hernia", ["Renal cyst", "Hernia"]],
      ["**Renal cyst** | Hernia", ["Renal cyst", "Hernia"]],
      ["Renal cyst and swelling", ["Renal cyst and swelling"]],
    ];
    it.each(cases)("%s", (text, labels) => expect(read(text, { known }).labels).toEqual(labels));
  });
  it("a single label is the first", () =>
    expect(read("Renal cyst, Hernia", { isSingle: true })).toMatchObject({
      labels: ["Renal cyst"],
      notes: ["several"],
    }));
  it("generation that hit its limit is noted", () =>
    expect(read("Renal cyst, Her", { finish: "length" }).notes).toEqual(["truncated"]));
});

const plainWord = fc
  .stringMatching(/^[B-Zc-z][a-z]{5,9}$/)
  .filter(
    (word) =>
      !/^(normal|nothing|should|showed|montre|zeigen|wurden|werden|report|option|choice|detected|present|absent)/i.test(
        word,
      ),
  );
const plainLabel = fc
  .tuple(
    fc.array(plainWord, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("", " (possible)", " [left]", "-2", " (a/b)", "'s"),
  )
  .map(([parts, end]) => `x${parts.join(" ")}${end}`);
const fragments = fc.constantFrom(
  "<thinking>",
  "</thinking>",
  "[THINK]",
  "[/THINK]",
  "<|channel|>final<|message|>",
  "<answer>",
  "</answer>",
  "\\boxed{",
  "{'labels': ['",
  "']}",
  "a) ",
  "✅ ",
  "[x] ",
  "[ ] ",
  " and ",
  "; ",
  " | ",
  " / ",
  "<think>",
  "</think>",
  "<|im_end|>",
  "assistant",
  "user",
  "\n",
  "\n\n",
  ", ",
  ",",
  "- ",
  "1. ",
  "2) ",
  "* ",
  "**",
  "`",
  "```",
  "```json\n",
  '"',
  "'",
  "[",
  "]",
  "{",
  "}",
  '["',
  '"]',
  '{"labels": ["',
  ":",
  "Diagnosis:",
  "Final answer: ",
  "Explanation:",
  "None",
  "no abnormality",
  ".",
  "..",
  "…",
  "and ",
  "Sure, here:",
  "I'm sorry, ",
  "Renal cyst",
  "Hernia",
  "(possible)",
  "(",
  ")",
  "\\",
  "\\n",
  " ",
  "_",
  "#",
  "## ",
  "true",
  "\u2028",
  "\ufeff",
  "é",
  "🙂",
  "\ud800",
);
const messy = fc.oneof(
  fc
    .array(fc.oneof(fragments, fc.string({ unit: "binary", maxLength: 4 })), { maxLength: 30 })
    .map((parts) => parts.join("")),
  fc.string({ unit: "grapheme" }),
);

const messyLabel = messy.map((text) => text.trim()).filter((text) => text !== "");

describe("properties", () => {
  it("a well-formed list is returned unchanged", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(plainLabel, { minLength: 1, maxLength: 9 }),
        fc.constantFrom(",", ";", "|"),
        (labels, separator) => {
          expect(read(labels.join(`${separator} `), { separator })).toEqual({ labels, parsed: true, notes: [] });
        },
      ),
      { numRuns: 1000 },
    );
  });
  it("a target with labels of the study is read as these labels, which may have any form", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(messyLabel, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(",", ";", "|", "\n", " and "),
        (labels, separator) => {
          const text = labels.map((label) => writeLabel(label, separator)).join(`${separator} `);
          expect(read(text, { separator, known: new Set(labels) })).toEqual({ labels, parsed: true, notes: [] });
        },
      ),
      { numRuns: soak ? 200_000 : 4000 },
    );
  });
  it("one label of the study is read as this label, which may have any form", () => {
    fc.assert(
      fc.property(messyLabel, (label) => {
        const answer = read(label, { isSingle: true, known: new Set([label, "other"]) });
        expect(answer).toEqual({ labels: [label], parsed: true, notes: [] });
      }),
      { numRuns: soak ? 200_000 : 2000 },
    );
  });
  it("anything is read without an error, and unread without labels", () => {
    fc.assert(
      fc.property(
        messy,
        fc.constantFrom(",", ";", "|", "\n"),
        fc.boolean(),
        fc.constantFrom(new Set<string>(), new Set(["Renal cyst", "Hernia", "None", "a and b", "1"])),
        (text, separator, isSingle, known) => {
          const { labels, parsed } = read(text, { separator, isSingle, known });
          expect(labels.every((label) => label !== "" && label === label.trim())).toBe(true);
          if (!parsed) expect(labels).toEqual([]);
        },
      ),
      { numRuns: soak ? 200_000 : 4000 },
    );
  });
  it("a long answer of anything is read in linear time: a megabyte in a soak, 64 kB else", () => {
    const bodies = [
      "a",
      "[",
      "{",
      '["',
      '["a",',
      "\n",
      "- ",
      "1. ",
      "**",
      "<think>",
      "</think>",
      "```",
      ", ",
      " ",
      "(",
      "a, ",
      '{"a":',
      "\\",
      "Final answer:\n",
      "the ",
      "Diagnosis: the ",
      ".",
      '"',
      ": ",
      " - ",
      "* * ",
      "\n \n",
      "[ ",
      "a:\n",
      "- a\nb\n",
      "1. a\n2. b\n",
      "a. B ",
      "Final answer: a\n",
      "1. a 2. b ",
      "<answer>",
      "\\boxed{",
      "['a', ",
      "{'a': ['b'",
      "a and ",
      "[ ] ",
      "ab-",
      "( ",
      "['",
      "\\text{",
      "\\(",
      "|-|\n",
      "| a |\n|---|\n",
      "{a: ",
      '"\\',
      '",',
      "<|",
      "<label>",
      "Renal cyst: yes, ",
      "No renal cyst, ",
      "A. ",
      "。",
      "、",
      "### Explanation\n",
      "is ",
      "\\boxed{a} ",
      "Final ",
    ];
    for (const body of bodies) {
      const text = body.repeat(Math.ceil((soak ? 2 ** 20 : 2 ** 16) / body.length));
      const before = process.cpuUsage();
      read(text);
      read(text, { known: new Set(["Renal cyst"]) });
      read(`Renal cyst, ${text}`, { known: new Set(["Renal cyst", "a", "a, b", "ab-"]) });
      // A quadratic step would take minutes of this process's own CPU time.
      expect(process.cpuUsage(before).user, JSON.stringify(body)).toBeLessThan(10e6);
    }
  }, 600_000);
});
