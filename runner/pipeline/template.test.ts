import { describe, expect, it } from "vitest";
import { compileTemplate } from "./template.ts";

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
    ["{{#user}}{{> /etc/passwd}}{{/user}}", /./],
    ["{{#user}}{{lookup input 'constructor'}}{{/user}}", undefined],
  ])("refuses %s", (text, message) => {
    if (message === undefined) {
      expect(compileTemplate(text)(values)[0]?.content).not.toContain("function");
      return;
    }
    expect(() => compileTemplate(text)(values)).toThrow(expect.objectContaining({ code: "template" }));
    expect(() => compileTemplate(text)(values)).toThrow(message);
  });
});
