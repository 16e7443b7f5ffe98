import { describe, expect, it } from "vitest";
import { cpuTime } from "../testing/cpu-time.ts";
import { compileTemplate, foldSystem } from "./template.ts";

const values = { input: "a <5mm cyst & more", labels: ["A", "B"], examples: [] };

describe("compileTemplate", () => {
  it("turns blocks into messages and leaves the text as it is", () => {
    const render = compileTemplate(
      "{{#system}}\nBe brief.\n{{/system}}\n{{#user}}\n{{input}}\nLabels: {{#each labels}}{{this}};{{/each}}\n{{/user}}\n",
    );
    expect(render(values)).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "a <5mm cyst & more\nLabels: A;B;" },
    ]);
    expect(render(values)).toHaveLength(2);
  });

  it("removes white space at the ends of a message, which some chat templates remove", () => {
    const [message] = compileTemplate("{{#user}}\n  {{input}}\n{{/user}}")({ ...values, input: " \tcyst\n\n" });
    expect(message?.content).toBe("cyst");
  });

  it("does not read the input as a template", () => {
    const [message] = compileTemplate("{{#user}}{{input}}{{/user}}")({ ...values, input: "{{labels}} {{{x}}}" });
    expect(message?.content).toBe("{{labels}} {{{x}}}");
  });

  it.each([
    ["{{#user}}{{finding}}{{/user}}", /"finding" is no variable/],
    ["{{#user}}{{#if}}{{/user}}", /./],
    ["hello {{#user}}{{input}}{{/user}}", /outside/],
    ["{{#system}}x{{/system}}", /last block must be/],
    ["{{#user}}{{constructor.constructor}}{{/user}}", /./],
    ["{{#user}}{{__proto__.x}}{{/user}}", /./],
    ["{{#user}}{{> partial}}{{/user}}", /line 1, column 10: {{> }}/],
    ["{{#user}}\n  {{#*inline 'a'}}x{{/inline}}{{/user}}", /line 2, column 3: {{#\* }}/],
    ["{{* a}}", /line 1, column 1/],
    ["{{#> layout}}x{{/layout}}", /line 1, column 1/],
    ["{{#user}}{{log input}}{{/user}}", /line 1, column 10: .*"log"/],
    ["{{#user}}{{'log' input}}{{/user}}", /"log"/],
    ["{{#user}}{{#log input}}x{{/log}}{{/user}}", /"log"/],
    ["{{#user}}{{#if (log input)}}x{{/if}}{{/user}}", /"log"/],
    [`{{#user}}\n{{input}}${" ".repeat(40_000)}{{/user}}`, /line 2, column 10: .*white-space/],
    [`{{#user}}${"\n".repeat(40_000)}{{/user}}`, /white-space/],
    [`${"{{#if input}}".repeat(4000)}`, /tags/],
    ["{{#user}}{{lookup input 'constructor'}}{{/user}}", undefined],
  ])("refuses %j", (text, message) => {
    if (message === undefined) {
      expect(compileTemplate(text)(values)[0]?.content).not.toContain("function");
      return;
    }
    expect(() => compileTemplate(text)(values)).toThrow(expect.objectContaining({ code: "template" }));
    expect(() => compileTemplate(text)(values)).toThrow(message);
  });
});

describe("a template that grows without bounds", () => {
  const labels = Array.from({ length: 1000 }, (_, at) => `label ${at}`);
  const nested = (depth: number, body: string): string =>
    `{{#user}}${"{{#each @root.labels}}".repeat(depth)}${body}${"{{/each}}".repeat(depth)}{{/user}}`;

  it.each([
    ["repeats without text", nested(4, ""), { labels }],
    ["repeats with text", nested(4, "0123456789"), { labels }],
    ["has slow repetitions", nested(3, "{{#if @root.input}}{{/if}}".repeat(490)), { labels }],
    ["repeats a long input in loops", nested(1, "{{@root.input}}"), { labels, input: "x".repeat(100_000) }],
    ["repeats a long input", `{{#user}}${"{{input}}".repeat(900)}{{/user}}`, { input: "x".repeat(10_000) }],
  ])("and %s is refused", (_, text, more) => {
    const started = cpuTime();
    expect(() => compileTemplate(text)({ ...values, ...more })).toThrow(
      expect.objectContaining({ code: "template-too-large" }),
    );
    expect(cpuTime() - started).toBeLessThan(30_000);
  });

  it("ends with an error if the text is longer than a string can be", () => {
    const text = `{{#user}}${"{{input}}".repeat(900)}{{/user}}`;
    expect(() => compileTemplate(text)({ ...values, input: "x".repeat(1_000_000) })).toThrow(
      expect.objectContaining({ code: "template" }),
    );
  });

  it("may list a thousand labels for every case", () => {
    const render = compileTemplate("{{#user}}{{#each labels}}{{this}}{{#unless @last}}, {{/unless}}{{/each}}{{/user}}");
    for (let at = 0; at < 300; at++) expect(render({ ...values, labels })[0]?.content).toBe(labels.join(", "));
  });
});

it("folds the text of system messages into the next message of the user", () => {
  const folded = foldSystem([
    { role: "system", content: "Be brief." },
    { role: "system", content: "Use labels." },
    { role: "user", content: "cyst" },
    { role: "user", content: "stone" },
  ]);
  expect(folded).toEqual([
    { role: "user", content: "Be brief.\n\nUse labels.\n\ncyst" },
    { role: "user", content: "stone" },
  ]);
});
