import { repository } from "../../hub/names.ts";
/** The `upload` section. */
export const upload = {
  type: "object",
  additionalProperties: false,
  required: ["repo"],
  properties: {
    repo: {
      type: "string",
      pattern: repository,
      description:
        "Model repository on the Hugging Face Hub, owner/name: letters, digits and single . - _ inside, no .git at the end, at most 96 characters in the name.",
      examples: ["my-lab/kidney-labels"],
    },
    private: {
      type: "boolean",
      default: true,
      description: "Create a private repository, and refuse to upload to a public one.",
      examples: [false],
    },
    content: {
      type: "string",
      enum: ["adapter", "merged"],
      default: "adapter",
      description: "Upload the adapter, or the model with the adapter merged into the base.",
      examples: ["merged"],
    },
    formats: {
      type: "array",
      items: { type: "string" },
      uniqueItems: true,
      description:
        "Add the model in these formats, each in a folder of its own: a format, or format:type with the number format of the weights. A run writes them and scores them on validation rows. Absent: none.",
      examples: [["gguf"], ["gguf:q4_k_m", "gguf:q8_0"]],
    },
    base_license: {
      type: "string",
      minLength: 1,
      description: "Licence of the base model, such as apache-2.0.",
      examples: ["apache-2.0"],
    },
    license: {
      type: "string",
      minLength: 1,
      description: "Licence of the uploaded model. Absent: the licence of the base model.",
      examples: ["cc-by-4.0"],
    },
    base_model: {
      type: "string",
      pattern: repository,
      description: "Hub id of the base model, owner/name, if model.base is a folder or a bundled model.",
      examples: ["HuggingFaceTB/SmolLM2-135M-Instruct"],
    },
    predictions: {
      type: "string",
      pattern: repository,
      description:
        "Data set repository for the predictions of every arm, without the input texts. Absent: they are not uploaded.",
      examples: ["my-lab/kidney-predictions"],
    },
    language: {
      type: "array",
      items: { type: "string", pattern: "^[a-z]{2,3}$" },
      minItems: 1,
      uniqueItems: true,
      description: "Languages of the texts as ISO 639 codes, for the model card.",
      examples: [["en"]],
    },
    tags: {
      type: "array",
      items: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
      uniqueItems: true,
      description: "Tags of the model card, such as the domain of the texts.",
      examples: [["medical"]],
    },
    authors: {
      type: "array",
      items: { type: "string", minLength: 1 },
      minItems: 1,
      uniqueItems: true,
      description: "Names for the citation in the model card. Absent: the owner of `upload.repo`.",
      examples: [["Ada Lovelace"]],
    },
    intended_use: {
      type: "string",
      minLength: 1,
      description: "What the model is for and who may use it, for the model card.",
      examples: ["Research on label extraction from English reports."],
    },
    out_of_scope: {
      type: "string",
      minLength: 1,
      description: "What the model must not be used for, for the model card.",
      examples: ["Decisions about patients."],
    },
    example: {
      type: "string",
      minLength: 1,
      maxLength: 2000,
      description:
        "A made-up input for the code in the model card. It must not come from the data. Absent: an ellipsis, or a test case if `data.origin.publish` is true.",
      examples: ["There is a simple cyst in the left kidney."],
    },
  },
  description: "Upload of the model. Absent: nothing is uploaded.",
} as const;

/** The `upload` section with the names of model formats. */
export function uploadSection(formats: readonly string[]) {
  const { properties } = upload;
  return {
    ...upload,
    properties: { ...properties, formats: { ...properties.formats, items: { type: "string", enum: formats } } },
  };
}
