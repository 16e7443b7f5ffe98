import { expect, test } from "vitest";
import { main } from "../main.ts";
import { escapeControls } from "./control-characters.ts";

const attacks = {
  "clear the screen": "\u001b[2J",
  "set the title": "\u001b]0;title\u0007",
  "write to the clipboard": "\u001b]52;c;cm0gLXJm\u0007",
  "a link": "\u001b]8;;http://host\u001b\\text",
  "hidden text": "\u001b[8m",
  "an 8-bit CSI": "\u009b2J",
  "overwrite the line": "failed\rok",
  backspaces: "a\b\b",
  "reverse the text": "\u202etxt.exe",
  "isolate the text": "\u2066a\u2069",
  delete: "\u007f",
};

test.each(Object.entries(attacks))("%s is escaped, with and without colours", (_, text) => {
  for (const color of [true, false]) {
    const safe = escapeControls(`a ${text} z`, { color });
    expect(safe).toMatch(/^[\x20-\x7e]*$/);
    expect(safe).toMatch(/\\u[0-9a-f]{4}/);
    // In JSON the escape has the meaning of the character.
    expect(JSON.parse(escapeControls(JSON.stringify({ text }), { color }))).toEqual({ text });
  }
});

test("text of other scripts, line breaks and tabs stay", () => {
  const text = "é 日本語 עברית 👩‍⚕️\tb\nc\r\nd";
  expect(escapeControls(text, { color: false })).toBe(text);
});

test("styles stay only if the terminal has colours", () => {
  const text = "\u001b[1;31merror\u001b[0m \u001b[32mok\u001b[39m";
  expect(escapeControls(text, { color: true })).toBe(text);
  expect(escapeControls(text, { color: false })).not.toContain("\u001b");
});

test("a command prints no control character of its arguments", async () => {
  const printed: string[] = [];
  const print = (text: string): void => void printed.push(text);
  const io = { cwd: "/", env: {}, out: print, err: print };
  expect(await main(["check", "\u001b[2Jx\u009b.yaml"], io)).not.toBe(0);
  expect(await main(["\u001b]0;x\u0007"], io)).not.toBe(0);
  expect(printed.join("")).not.toMatch(/(?![\t\n])\p{Control}/u);
});
