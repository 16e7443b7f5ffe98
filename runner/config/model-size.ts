import { knownShape, parameters, shapeOf } from "../plugins/model-shape.ts";

/** Parameters of a dense Qwen3 by its hub id, known without the network; undefined for any other model. */
export function knownParameters(hubId: string): number | undefined {
  const shape = knownShape(hubId);
  return shape && parameters(shape);
}

/** Parameters of a dense decoder by the text of its config.json; undefined where the config is of another kind. */
export function parametersOf(configJson: string): number | undefined {
  const shape = shapeOf(configJson);
  return shape && parameters(shape);
}
