import type { Columns } from "./columns.ts";

/** Records that other fine-tuning tools document as tables: the columns that must exist, and their roles. */
const documented: readonly { readonly has: readonly string[]; readonly roles: Columns }[] = [
  {
    has: ["question", "choices", "solution"],
    roles: { inputs: { question: "question", choices: "choices" }, target: "solution" },
  },
  ...["article", "context", "passage"].map((name) => ({
    has: [name, "question", "answer"],
    roles: { inputs: { [name]: name, question: "question" }, target: "answer" },
  })),
  ...(
    [
      ["question", "answer"],
      ["article", "summary"],
      ["prompt", "completion"],
      ["prompt", "generation"],
      ["prompt", "response"],
      ["INSTRUCTION", "RESPONSE"],
    ] as const
  ).map(([input, target]) => ({ has: [input, target], roles: { input, target } })),
];

/** The roles of the columns of a documented table; undefined for any other. */
export function documentedRoles(columns: readonly string[]): Columns | undefined {
  return documented.find(({ has }) => has.every((name) => columns.includes(name)))?.roles;
}
