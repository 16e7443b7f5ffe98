import { knownShape, parameters, shapeOf } from "../plugins/model-shape.ts";

/** Number of parameters of a dense Qwen3 by its hub id, without the network; undefined for any other model. */
export function knownParameters(hubId: string): number | undefined {
  const shape = knownShape(hubId);
  return shape && parameters(shape);
}

/** Number of parameters from the text of a config.json; undefined if it does not describe a dense decoder. */
export function parametersOf(configJson: string): number | undefined {
  const shape = shapeOf(configJson);
  return shape && parameters(shape);
}
