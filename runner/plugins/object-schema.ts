/** JSON Schema of a section of an experiment file: of `train` for a backend, of `generate` for an engine. */
export type ObjectSchema = {
  readonly type: "object";
  readonly properties: Readonly<Record<string, object>>;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
};
