import { describe, expect, it } from "vitest";
import { compareCase } from "../error-analysis/case.ts";
import { textCauses } from "./causes.ts";
import { openText } from "./open-text.ts";

const input = "At noon the old feed pump in hall A leaked because a seal was worn and nobody saw it for 40 minutes";
const gold = "Feed pump leak in hall A: worn seal, 40 min standstill";
const caseOf = (given: string, target = gold) =>
  compareCase({ id: "1", gold: target, prediction: given, parsed: given !== "", notes: [] }, (value) =>
    openText.parts(value as string, "raw"),
  );
const named = (given: string, target = gold, text = input): readonly string[] =>
  textCauses.errors(caseOf(given, target), text, "raw")[0]?.causes ?? [];

describe("causes of a wrong text", () => {
  it.each([
    ["feed pump leak in hall A, worn seal, 40 min standstill", ["other_words"]],
    ["Feed pump leak in hall A: worn seal, 45 min standstill", ["unsupported_number", "missing_number"]],
    ["Feed pump leak in hall B: worn seal, 40 min standstill", ["unsupported_name", "missing_name"]],
    ["Feed pump leak in hall A: worn seal", ["missing_number"]],
    ["Worn seal", ["too_short", "missing_number", "missing_name"]],
    ["at noon the old feed pump in hall A leaked", ["copied_span", "missing_number"]],
    [`${input}; ${input}; ${input}`, ["too_long", "copied_span"]],
    ["", ["no_answer"]],
  ])("%s", (given, names) => {
    expect(named(given)).toEqual(names);
  });
  it("takes the first word of a sentence, and words of a text that capitalises most, for no names", () => {
    expect(named("Leak in hall A: Seal was worn for 40 min")).not.toContain("unsupported_name");
    expect(named("The Old Pump Broke Down For 40 Minutes")).not.toContain("unsupported_name");
  });
  it("does not expect what the input lacks", () => {
    expect(named("worn seal in a pump", "Worn seal in pump SN-99 since 2019", input)).not.toContain("missing_number");
    expect(named("a", "Quarterly revenue grows", input)).toContain("target_not_in_input");
  });
});

describe("the quote of a wrong text", () => {
  const quoted = (given: string, cause: string, target = gold) => {
    const one = caseOf(given, target);
    const [error] = textCauses.errors(one, input, "raw");
    const quote = error && textCauses.quote(error, cause, one, input);
    return [quote?.sentence, quote?.trigger ? quote.sentence.slice(quote.trigger.start, quote.trigger.end) : null];
  };
  it("marks what shows the cause, in the answer or in the target", () => {
    const wrong = "Feed pump leak in hall A: worn seal, 45 min standstill";
    expect(quoted(wrong, "unsupported_number")).toEqual([wrong, "45"]);
    expect(quoted(wrong, "missing_number")).toEqual([gold, "40"]);
    expect(quoted("", "no_answer")).toEqual([gold, null]);
  });
  it("is cut around a place in a long text", () => {
    const long = `${"a word and ".repeat(60)}77 litres ${"a word and ".repeat(60)}`.trim();
    const [sentence, place] = quoted(long, "unsupported_number");
    expect(place).toBe("77");
    expect(sentence?.length).toBeLessThan(250);
  });
});
