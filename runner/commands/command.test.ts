import { describe, expect, expectTypeOf, it } from "vitest";
import {
  anyNumber,
  argumentUsage,
  choice,
  defineCommand,
  flag,
  flagOf,
  integer,
  list,
  negatedFlag,
  oneOf,
  oneOrMore,
  optional,
  optionalValue,
  optionSummary,
  optionUsage,
  required,
  size,
  value,
} from "./command.ts";
import { commands } from "./index.ts";

const colours = () => ["red", "green"] as const;

describe("an option", () => {
  it.each([
    ["jobs", integer("n", "…", { min: 1 }), "3", 3],
    ["jobs", integer("n", "…", { min: 1, default: 4 }), undefined, 4],
    ["jobs", integer("n", "…", { min: 1 }), undefined, undefined],
    ["maxSize", size("size", "…"), "2GiB", 2 ** 31],
    ["colour", choice("colour", "…", colours), "green", "green"],
    ["set", list("key=value", "…"), ["a=1", "b=2"], ["a=1", "b=2"]],
    ["set", list("key=value", "…"), undefined, []],
    ["dryRun", flag("…"), undefined, false],
    ["upload", negatedFlag("…"), false, false],
    ["upload", negatedFlag("…"), true, true],
    ["file", optionalValue("file", "…"), true, true],
  ])("%s is read", (name, option, given, expected) => {
    expect(option.parse(given, flagOf(name, option))).toEqual(expected);
  });

  it.each([
    [integer("n", "…", { min: 1 }), "0", /--x .*1/],
    [integer("n", "…", { min: 1, max: 9 }), "10", /--x .*1 to 9/],
    [integer("n", "…", { min: 0 }), "", /--x/],
    [integer("n", "…", { min: 0 }), "1.5", /--x/],
    [size("size", "…"), "much", /--x .*much/],
    [choice("colour", "…", colours), "gren", /--x .*red or green/],
  ])("with a wrong value is an error that names it", (option, given, message) => {
    expect(() => option.parse(given, "--x")).toThrow(
      expect.objectContaining({ code: "bad-option", status: "invalid", message: expect.stringMatching(message) }),
    );
  });

  it("has one usage in help, completion and reference", () => {
    expect(optionUsage("acceptStale", list("step", "…"))).toBe("--accept-stale <step>");
    expect(optionUsage("follow", flag("…", { short: "f" }))).toBe("-f, --follow");
    expect(optionUsage("upload", negatedFlag("…"))).toBe("--no-upload");
    expect(optionUsage("suggest", optionalValue("file", "…"))).toBe("--suggest [file]");
    expect(optionSummary(choice("c", "Paint.", colours, { default: "red" }))).toBe(
      "Paint. (one of: red, green; default: red)",
    );
  });
});

describe("an argument", () => {
  it("shows in its usage whether it is needed and repeated", () => {
    const all = [required("run", "…"), optional("run", "…"), oneOrMore("run", "…"), anyNumber("run", "…")];
    expect(all.map(argumentUsage)).toEqual(["<run>", "[run]", "<run...>", "[run...]"]);
  });

  it("that is none of the choices is an error with a suggestion", () => {
    const wrong = expect.objectContaining({ code: "bad-argument", help: 'did you mean "green"?' });
    expect(() => oneOf("colour", "…", colours).parse("gren")).toThrow(wrong);
    expect(() => anyNumber("colour", "…", colours).parse(["red", "gren"])).toThrow(wrong);
  });
});

it("the input of a command has the types of its declarations", () => {
  defineCommand({
    arguments: { run: required("run", "…"), files: anyNumber("file", "…") },
    options: {
      jobs: integer("n", "…", { min: 1 }),
      seed: integer("n", "…", { min: 0, default: 1 }),
      to: value("t", "…"),
    },
    async run(input) {
      expectTypeOf(input).toEqualTypeOf<{
        readonly run: string;
        readonly files: readonly string[];
        readonly jobs: number | undefined;
        readonly seed: number;
        readonly to: string | undefined;
      }>();
      return 0;
    },
  });
});

it("no command has an argument and an option of one name, and every summary is a sentence", async () => {
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const { command } = await load();
    const names = [...Object.keys(command.arguments), ...Object.keys(command.options)];
    expect(new Set(names).size, name).toBe(names.length);
    for (const { summary: own } of [...Object.values(command.arguments), ...Object.values(command.options)])
      expect(own, name).toMatch(/^\S[\s\S]*\.$/);
    expect(summary, name).toMatch(/^[A-Z][\s\S]*\.$/);
  }
});
