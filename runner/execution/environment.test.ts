import { resolve } from "node:path";
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

test("an empty variable of the hub is an absent one", () => {
  const names = Object.keys(childEnvironment({ HF_HOME: "", HF_ENDPOINT: "", HF_HUB_CACHE: "" }, download));
  expect(names.filter((name) => ["HF_HOME", "HF_ENDPOINT", "HF_HUB_CACHE"].includes(name))).toEqual([]);
});

test("a proxy that the network step cannot use is an error before it starts", () => {
  const env = { ALL_PROXY: "socks5://me:secret@proxy:1" };
  expect(() => childEnvironment(env, download)).toThrow(/^ALL_PROXY is no address of an HTTP proxy$/);
  expect(childEnvironment(env, request)).not.toHaveProperty("ALL_PROXY");
});

test("paths are those that this process reads, whatever the working folder and the variables of the step", () => {
  const env = { HOME: "/h", SCRATCH: "/s", HF_HOME: "$SCRATCH/hf", HF_HUB_CACHE: "~/hub", SSL_CERT_FILE: "own.pem" };
  expect(childEnvironment({ ...env, HF_TOKEN_PATH: "${SCRATCH}/token" }, download)).toMatchObject({
    HF_HOME: "/s/hf",
    HF_HUB_CACHE: "/h/hub",
    HF_TOKEN_PATH: "/s/token",
    SSL_CERT_FILE: resolve("own.pem"),
  });
});

test("Weights & Biases records neither the repository nor the machine", () => {
  const off = { WANDB_DISABLE_GIT: "true", WANDB_X_DISABLE_META: "true", WANDB_X_DISABLE_MACHINE_INFO: "true" };
  expect(childEnvironment({ WANDB_DISABLE_GIT: "false", WANDB_API_KEY: "k" }, request)).toMatchObject(off);
  expect(childEnvironment({ WANDB_API_KEY: "k" }, request)).not.toHaveProperty("WANDB_API_KEY");
});
