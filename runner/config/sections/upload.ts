const repository = "^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$";

/** What `upload` says. */
export const upload = {
  type: "object",
  additionalProperties: false,
  required: ["repo"],
  properties: {
    repo: {
      type: "string",
      pattern: repository,
      description: "Repository on the Hugging Face hub, owner/name.",
    },
    private: { type: "boolean", default: true, description: "Only the owner sees it." },
    content: { type: "string", enum: ["adapter", "merged"], default: "adapter", description: "What is uploaded." },
    base_license: { type: "string", minLength: 1, description: "Licence of the base model, such as apache-2.0." },
    license: { type: "string", minLength: 1, description: "Licence of what is uploaded. Absent: that of the base." },
    base_model: {
      type: "string",
      pattern: repository,
      description: "Hub id of the base, owner/name, where model.base is a copy of it: a folder or a bundled model.",
    },
    predictions: {
      type: "string",
      pattern: repository,
      description: "Dataset repository for every arm's answers, without the texts they answer. Absent: they stay here.",
    },
  },
  description: "Publish the model. Absent: nothing leaves this machine.",
} as const;
