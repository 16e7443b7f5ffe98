import { describe, expect, it } from "vitest";
import { absolutePathIn, secretIn, sentenceIn } from "./leak-patterns.ts";
import { RowSearch } from "./row-search.ts";

const row = "The liver shows a 12 mm cyst in segment four; kidneys, spleen and pancreas are normal.";
const long = `${row} There is no free fluid. The aorta is of regular calibre without any sign of dissection or aneurysm.`;

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const hex = (text: string): string => Buffer.from(text).toString("hex");
const swapped = (text: string): string =>
  text
    .split(" ")
    .map((one, at) => (at % 20 === 10 ? "banana" : one))
    .join(" ");
const cyrillic: Readonly<Record<string, string>> = { a: "а", e: "е", o: "о", p: "р", c: "с", x: "х", i: "і", s: "ѕ" };

describe("a decorated or encoded row is found", () => {
  const attacks: Readonly<Record<string, (text: string) => string>> = {
    base64,
    "base64 without a boundary": (text) => `https://x.example/data/${base64(text)}`,
    "base64 for addresses": (text) => Buffer.from(text).toString("base64url"),
    "base64 in lines": (text) => base64(text).replaceAll(/.{40}/g, "$&\n"),
    "base64 in lines of a JSON string": (text) => JSON.stringify(base64(text).replaceAll(/.{40}/g, "$&\n")),
    "base64 twice": (text) => base64(base64(text)),
    hex,
    "hex in upper case": (text) => hex(text).toUpperCase(),
    "hex with spaces": (text) => hex(text).replaceAll(/../g, "$& "),
    "hex of base64": (text) => hex(base64(text)),
    "escapes of bytes": (text) => hex(text).replaceAll(/../g, "\\x$&"),
    "a URL": encodeURIComponent,
    "a URL in a URL": (text) => encodeURIComponent(encodeURIComponent(text)),
    "every letter as %XX": (text) => hex(text).replaceAll(/../g, "%$&"),
    "decimal entities": (text) => [...text].map((one) => `&#${one.codePointAt(0)};`).join(""),
    "hexadecimal entities": (text) => [...text].map((one) => `&#x${one.codePointAt(0)?.toString(16)};`).join(""),
    "named entities": (text) => text.replaceAll(" ", "&nbsp;"),
    "soft hyphens": (text) => [...text].join("\u00ad"),
    "entities of soft hyphens": (text) => text.replaceAll("e", "&shy;e"),
    "zero-width spaces": (text) => [...text].join("\u200b"),
    "word joiners and variation selectors": (text) => [...text].join("\u2060\ufe0f"),
    "tokens of a tokenizer": (text) => JSON.stringify(text.split(" ").map((one) => `Ġ${one}`)),
    "soft line breaks": (text) => text.replaceAll(/.{7}/g, "$&=\n"),
    accents: (text) => text.replaceAll("e", "é").replaceAll("a", "a\u0301"),
    "full-width letters": (text) =>
      text.replaceAll(/[!-~]/g, (one) => String.fromCodePoint((one.codePointAt(0) as number) + 0xfee0)),
    "Cyrillic letters": (text) => text.replaceAll(/[aeopcxis]/g, (one) => cyrillic[one] as string),
    "no spaces": (text) => text.replaceAll(" ", ""),
    "spaces between letters": (text) => [...text.replaceAll(" ", "")].join(" "),
    "dots between letters": (text) => [...text].join("."),
    "one word of twenty swapped": swapped,
    "one word of twenty removed": (text) =>
      text
        .split(" ")
        .filter((_, at) => at % 20 !== 10)
        .join(" "),
    "swapped, in Cyrillic and base64": (text) =>
      base64(swapped(text).replaceAll(/[aeo]/g, (one) => cyrillic[one] as string)),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    it(name, () => {
      for (const text of [row, long])
        expect([...new RowSearch({ a: "nothing", b: `before ${attack(text)} after` }).textsWith(text)]).toEqual(["b"]);
    });
  }

  const german =
    "Im rechten Leberlappen größere Läsion, Gefäße und übrige Organe unauffällig, keine Ödeme, kein Aszites";
  const named: Readonly<Record<string, string>> = { ä: "&auml;", ö: "&ouml;", ü: "&uuml;", ß: "&szlig;", Ö: "&Ouml;" };
  const written: Readonly<Record<string, string>> = { ä: "ae", ö: "oe", ü: "ue", ß: "ss", Ö: "Oe" };
  const bytes = (text: string): readonly number[] => [...Buffer.from(text)];
  const forms: Readonly<Record<string, (text: string) => string>> = {
    "JSON with escapes of other letters": (text) =>
      text.replaceAll(/[^\0-\x7f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`),
    "HTML with named letters": (text) => text.replaceAll(/[äöüßÖ]/g, (one) => named[one] as string),
    "HTML with tags": (text) => text.replaceAll(/(\S+) /g, "<b>$1</b> "),
    "HTML with tags within words": (text) => text.replaceAll(/[a-z]{2}/g, "$&<i></i>"),
    "letters that replace umlauts": (text) => text.replaceAll(/[äöüßÖ]/g, (one) => written[one] as string),
    "quoted-printable": (text) =>
      bytes(text)
        .map((one) => (one > 126 ? `=${one.toString(16).toUpperCase()}` : String.fromCharCode(one)))
        .join(""),
    "UTF-8 read as Latin-1": (text) => Buffer.from(text).toString("latin1"),
    "UTF-8 read as Windows-1252": (text) => Buffer.from(text).toString("latin1").replaceAll("\u009f", "Ÿ"),
    "a list of bytes": (text) => JSON.stringify(bytes(text)),
    "a list of hexadecimal bytes": (text) =>
      JSON.stringify(bytes(text).map((one) => one.toString(16).padStart(2, "0"))),
    "base64 in pieces": (text) => JSON.stringify(base64(text).match(/.{1,20}/g)),
    "base64 in a quoted e-mail": (text) => base64(text).replaceAll(/.{30}/g, "$&\n> "),
  };
  for (const [name, form] of Object.entries(forms))
    it(`in German, as ${name}`, () =>
      expect(new RowSearch({ a: `before ${form(german)} after` }).textsWith(german).size).toBe(1));

  it("in Japanese, Greek and Russian", () => {
    const texts = [
      "肝右葉に直径十二ミリの嚢胞を認める。腎臓と脾臓は正常である。",
      "Το ήπαρ έχει μία κύστη δώδεκα χιλιοστών στο τέταρτο τμήμα και τα νεφρά είναι φυσιολογικά",
      "В печени определяется киста размером двенадцать миллиметров в четвёртом сегменте, почки без изменений",
    ];
    for (const text of texts)
      for (const attack of [base64, hex, encodeURIComponent, (one: string) => one.toUpperCase()])
        expect(new RowSearch({ a: attack(text) }).textsWith(text).size, text).toBe(1);
  });
});

it("digests, base64 of digests and the words of a row in another order are no rows", () => {
  let state = 1;
  const random = (): string => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state.toString(16).padStart(8, "0");
  };
  const digests = Array.from({ length: 5_000 }, () => Array.from({ length: 8 }, random).join(""));
  const text = JSON.stringify({ digests, base64: digests.map((one) => Buffer.from(one, "hex").toString("base64")) });
  const search = new RowSearch({ a: text, b: row.split(" ").reverse().join(" ") });
  expect(search.textsWith(row).size).toBe(0);
});

describe("secrets are recognised by their form", () => {
  const letters = (count: number): string => "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA".repeat(4).slice(0, count);
  const digits = (count: number): string => "0123456789abcdef".repeat(8).slice(0, count);
  // Put together here, so that no scanner of secrets reports this file.
  const secrets: Readonly<Record<string, string>> = {
    "Hugging Face": `hf_${letters(34)}`,
    OpenAI: `sk-${letters(48)}`,
    "OpenAI project": `sk-proj-${letters(40)}`,
    Anthropic: `sk-ant-api03-${letters(40)}`,
    GitHub: `ghp_${letters(36)}`,
    "GitHub, fine-grained": `github_pat_${letters(60)}`,
    GitLab: `glpat-${letters(20)}`,
    "AWS id": `AKIA${"A1B2".repeat(4)}`,
    "AWS secret": `aws_secret_access_key = ${letters(40)}`,
    "AWS secret in JSON": `{"SecretAccessKey": "${letters(38)}/+"}`,
    Google: `AIza${letters(35)}`,
    "Google OAuth": `GOCSPX-${letters(28)}`,
    "Azure storage": `DefaultEndpointsProtocol=https;AccountName=x;AccountKey=${letters(86)}==`,
    "Azure signature": `https://x.blob.core.windows.net/y?sv=1&sig=${letters(43)}%3D`,
    "Azure client": `${letters(3)}8Q~${letters(34)}`,
    Slack: `xoxb-${digits(12)}-${letters(24)}`,
    "Slack webhook": `https://hooks.slack.com/services/T${letters(8)}/B${letters(8)}/${letters(24)}`,
    npm: `npm_${letters(36)}`,
    PyPI: `pypi-${letters(120)}`,
    Docker: `dckr_pat_${letters(27)}`,
    Groq: `gsk_${letters(52)}`,
    Stripe: `sk_live_${letters(24)}`,
    "Weights & Biases": `WANDB_API_KEY=${digits(40)}`,
    Databricks: `dapi${digits(32)}`,
    password: `password: "${letters(20)}"`,
    "a key in a variable of an environment": `MISTRAL_API_KEY=${letters(32)}`,
    "a password in a variable of an environment": `export DB_PASSWORD="${letters(20)}"`,
    "a password in an address": `postgres://me:${letters(8)}@db.example.org/x`,
    bearer: `Authorization: Bearer ${letters(40)}`,
    "basic authentication": `"Authorization": "Basic ${base64("user:pa55word!")}"`,
    xAI: `xai-${letters(80)}`,
    NVIDIA: `nvapi-${letters(64)}`,
    Linear: `lin_api_${letters(40)}`,
    Vault: `hvs.${letters(90)}`,
    Doppler: `dp.pt.${letters(43)}`,
    Pinecone: `pcsk_${letters(60)}`,
    LangSmith: `lsv2_pt_${letters(32)}_${letters(10)}`,
    "login of .netrc": `machine api.wandb.ai\n  login user\n  password ${digits(40)}`,
    Kaggle: `{"username":"me","key":"${digits(32)}"}`,
    "Docker login": `{"auths": {"https://index.docker.io/v1/": {"auth": "${base64("me:pa55word!")}"}}}`,
    PostgreSQL: `host\ndb.example.org:5432:prod:me:${letters(12)}`,
    curl: `curl -s -u me:${letters(12)} https://example.org`,
    "session cookie": `Cookie: sessionid=${letters(32)}`,
    Twilio: `SK${digits(32)}`,
    Mailgun: `key-${digits(32)}`,
    Shopify: `shpat_${digits(32)}`,
    Atlassian: `ATATT3xFfGF0${letters(60)}`,
    Postman: `PMAK-${digits(24)}-${digits(34)}`,
    "New Relic": `NRAK-${letters(27).toUpperCase()}`,
    Notion: `ntn_${letters(46)}`,
    Sentry: `sntrys_${letters(60)}`,
    Grafana: `glsa_${letters(32)}_${digits(8)}`,
    Perplexity: `pplx-${letters(48)}`,
    Fireworks: `fw_${letters(24)}`,
    Together: `tgp_v1_${letters(43)}`,
    Tavily: `tvly-${letters(32)}`,
    Jina: `jina_${letters(60)}`,
    Figma: `figd_${letters(40)}`,
    age: `AGE-SECRET-KEY-1${letters(58).toUpperCase()}`,
    PuTTY: "PuTTY-User-Key-File-3: ssh-ed25519",
    RubyGems: `rubygems_${digits(48)}`,
    Heroku: `HRKU-${letters(36)}`,
    Square: `sq0csp-${letters(43)}`,
    Discord: `M${letters(24)}.${letters(6)}.${letters(27)}`,
    "a token in a variable of an environment": `export GITLAB_TOKEN=${letters(24)}`,
    "a short password in a variable of an environment": "MLFLOW_TRACKING_PASSWORD=tr0ub4dor",
    "private key": "-----BEGIN RSA PRIVATE KEY-----",
    "OpenSSH key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "a token with a zero-width space": `hf_${letters(20)}\u200b${letters(14)}`,
    "a full-width token": `ｈｆ_${letters(34)}`,
  };
  for (const [name, secret] of Object.entries(secrets))
    it(name, () => expect(secretIn(`key: ${secret}\n`)).toBeDefined());

  it("and names of variables, special tokens and digests are none", () => {
    const text = [
      "hf_hub_download, task-specific-layers-of-the-model, HF_TOKEN, AWS_SECRET_ACCESS_KEY is not set",
      '"eos_token": "<|endoftext|>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]',
      `"sha256": "${digits(64)}", "commit": "${digits(40)}", "api_key_env": "OPENAI_API_KEY"`,
      "set HF_TOKEN to a token with write access; password: none",
      "https://example.org:8080/a@b, a basic classification-of-the-2nd-kind, MODEL_API_KEY: see the documentation",
    ].join("\n");
    expect(secretIn(text)).toBeUndefined();
  });
});

describe("places on a machine", () => {
  const found: readonly (readonly [name: string, text: string, path: string])[] = [
    ["a.json", JSON.stringify({ note: "see /home/me/model" }), "/home/me"],
    ["a.md", "see %2Fsrv%2Fown%2Fproject%2Fx", "/srv/own/project"],
    ["a.md", "weights: ~/models/x", "~/models"],
    ["a.json", JSON.stringify({ base: "~/models/x" }), "~/models"],
    ["a.md", "see C:/Users/jane/x", "C:/Users/jane"],
    ["a.md", "see /lustre08/jane/x", "/lustre08/jane"],
    ["a.md", "see /export/home/x", "/export/home"],
    ["a.md", "weights: ~jane/models/x", "~jane/models/x"],
    ["a.md", "see /storage/jane/x", "/storage/jane"],
    ["a.md", "see ／home／jane／x", "/home/jane"],
    ["a.md", "see &#47;home&#47;jane/x", "/home/jane"],
    ["a.md", "see smb://nas/share/x", "smb://nas/share/x"],
    ["a.md", "share \\\\server\\share\\x", "\\\\server\\share"],
    ["a.json", JSON.stringify({ base: "\\\\server\\share\\x" }), "\\\\server\\share"],
    ["a.jsonl", `{"text": "fine"}\n${JSON.stringify({ text: "\\\\server\\share" })}\n`, "\\\\server\\share"],
    ["a.md", "see file:///etc/x", "file:///etc/x"],
    ["a.json", JSON.stringify({ base: "file://server/x" }), "file://server/x"],
  ];
  for (const [name, text, path] of found)
    it(`${text} in ${name}`, () => expect(absolutePathIn(name, text, ["/srv/own/project"])).toBe(path));

  it("are no shares, units and escapes", () => {
    for (const text of ["~10/20 cases", "a \\\\ b", "mg/dL", "~half/quarter", "\\\\alpha\\\\beta", "Profile: x/y"])
      expect(absolutePathIn("README.md", text, []), text).toBeUndefined();
  });
});

describe("labels", () => {
  const sentences = [
    "Jane Roe born 12.03.1961",
    "John Smith, 1961-03-12, liver cyst",
    "Patient seen on March 3, 2019",
    "jane.roe@example.org",
    "https://example.org/patient/1",
    "MRN 00123456",
    "call 030 1234 5678",
    "Liver cyst. Follow-up in May",
    "Jane Roe, geb. Müller",
    "the patient was sent home by her doctor",
    Array.from({ length: 21 }, (_, at) => `word${at}`).join(" "),
    "liver\ncyst",
    "Roe geb. 1961",
    "Roe *1961",
    "1961年3月12日",
    "Patient Roe, MRN 12345",
    "Jane\u200b Roe b\u00adorn 12.03.1961",
  ];
  for (const label of sentences)
    it(`${JSON.stringify(label)} is a sentence`, () => expect(sentenceIn(label)).toBeDefined());

  it("that name a class are accepted", () => {
    const labels = [
      "liver cyst",
      "follow-up",
      "COVID-19",
      "Stage 3b/4",
      "HER2+",
      "5-10 mm",
      "ICD-10 C34.1",
      "Malignant neoplasm of upper lobe, right bronchus or lung",
      "Type 2 diabetes mellitus with diabetic chronic kidney disease",
      "No finding",
      "may be benign",
      "The findings are most consistent with Renal cyst and clinical correlation is advised",
    ];
    expect(labels.filter((label) => sentenceIn(label) !== undefined)).toEqual([]);
  });
});
