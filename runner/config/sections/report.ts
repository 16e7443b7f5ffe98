import { filePath } from "./scalars.ts";

/** The `report` section. */
export const report = {
  type: "object",
  additionalProperties: false,
  properties: {
    pdf: { type: "boolean", default: true, description: "Write a PDF report.", examples: [false] },
    html: { type: "boolean", default: true, description: "Write an HTML report.", examples: [false] },
    xlsx: { type: "boolean", default: true, description: "Write an Excel workbook.", examples: [false] },
    notes: {
      ...filePath,
      description: "Markdown file with the sections that the authors write, relative to this YAML file.",
      examples: ["notes.md"],
    },
    final: {
      type: "boolean",
      description:
        "The report is ready to hand in: it has no list of what the authors still have to write, and exp report warns about each missing part. Absent: the list ends the report.",
      examples: [true],
    },
  },
  default: {},
  description: "Files for readers.",
} as const;
