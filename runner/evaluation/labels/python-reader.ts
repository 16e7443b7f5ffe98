import type { PythonReader } from "../../plugins/tasks/task.ts";

/**
 * Python code that splits `answer` as data/labels/split.ts does, except that unpaired brackets count only where they
 * are.
 */
export function pythonReader(separator: string): PythonReader {
  return {
    imports: ["json", "re"],
    lines: [
      '# A label in double quotes is a JSON string. A separator within brackets does not separate. "None" means no label.',
      `separator = re.escape(${JSON.stringify(separator)})`,
      String.raw`quoted = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'`,
      String.raw`plain = rf"(?:\([^()]*\)|\[[^][]*\]|\{{[^{{}}]*\}}|(?!{separator}).)*"`,
      String.raw`pieces = re.findall(rf"\s*(?:({quoted})|({plain}))\s*(?:{separator}|$)", answer, re.DOTALL)`,
      "labels = [(json.loads(text) if text else other).strip() for text, other in pieces]",
      "print([label for label in dict.fromkeys(labels) if label])",
    ],
  };
}
