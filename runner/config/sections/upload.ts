const hubName = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?";

/** The hub's rules: no -- or .., no - or . at an end, no .git at the end, at most 96 characters in owner and name. */
export const repository = `^(?!.*(?:--|\\.\\.|\\.git$))${hubName}/${hubName}$`;

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
  },
  description: "Upload of the model. Absent: nothing is uploaded.",
} as const;
