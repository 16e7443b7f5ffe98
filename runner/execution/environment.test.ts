import { expect, test } from "vitest";
import { childEnvironment } from "./environment.ts";

const request = { python: "/env/bin/python", cores: 1 };
const download = { ...request, network: true, secrets: ["HF_TOKEN"] };

test("a download stays offline if HF_HUB_OFFLINE says so", () => {
  expect(childEnvironment({ HF_HUB_OFFLINE: "yes" }, download)).toMatchObject({ HF_HUB_OFFLINE: "1" });
  expect(childEnvironment({ HF_HUB_OFFLINE: "0" }, download)).not.toHaveProperty("HF_HUB_OFFLINE");
});

test("HUGGING_FACE_HUB_TOKEN is the token if HF_TOKEN is not set", () => {
  const old = { HUGGING_FACE_HUB_TOKEN: "hf_old" };
  expect(childEnvironment(old, download)).toMatchObject({ HF_TOKEN: "hf_old" });
  expect(childEnvironment({ ...old, HF_TOKEN: "hf_new" }, download)).toMatchObject({ HF_TOKEN: "hf_new" });
  expect(childEnvironment(old, request)).not.toHaveProperty("HF_TOKEN");
});
