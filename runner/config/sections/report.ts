import { filePath } from "./scalars.ts";

/** What `report` says. */
export const report = {
  type: "object",
  additionalProperties: false,
  properties: {
    pdf: { type: "boolean", default: true, description: "Write a PDF report." },
    html: { type: "boolean", default: true, description: "Write an HTML report." },
    xlsx: { type: "boolean", default: true, description: "Write an Excel workbook." },
    notes: { ...filePath, description: "Markdown with what a person must write. Relative to this YAML." },
  },
  default: {},
  description: "What is written for people.",
} as const;
