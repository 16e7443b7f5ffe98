/**
 * The rules of the search for leaks, as data. A new kind of secret, path or look-alike letter is one line here, and one line in
 * leak-rules.test.ts.
 */

/** Kinds of secrets and their shapes. The name completes "FILE contains ...". */
export const secretRules: readonly (readonly [name: string, shape: RegExp])[] = [
  ["a Hugging Face token", /\b(?:hf|api_org)_[A-Za-z0-9]{20,}/],
  ["an API key", /\bsk-(?:[a-z]+[0-9]*-)*[A-Za-z0-9_-]{20,}/],
  ["a GitHub token", /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/],
  ["a GitLab token", /\bgl(?:pat|dt|rt|ptt|ft|soat|agent|imt|cbt|oas)-[A-Za-z0-9_-]{20,}/],
  ["an AWS key", /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/],
  ["an AWS secret key", /aws.{0,30}?(?:secret|key).{0,30}?[=:"'\s]([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/i],
  ["an AWS secret key", /secret.?access.?key.{0,10}?[=:"'\s]([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/i],
  ["a Google API key", /\bAIza[A-Za-z0-9_-]{35}/],
  ["a Google OAuth secret", /\bGOCSPX-[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9_-]{20,}|\b1\/\/0[A-Za-z0-9_-]{30,}/],
  ["an Azure key", /\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}/i],
  ["an Azure signature", /[?&]sig=[A-Za-z0-9%+/]{40,}/i],
  ["an Azure client secret", /(?<![\w~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}/],
  ["a Slack token", /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}/],
  ["a Slack webhook", /hooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9/_-]{20,}/],
  ["an npm token", /\bnpm_[A-Za-z0-9]{36}\b/],
  ["a PyPI token", /\bpypi-[A-Za-z0-9_-]{50,}/],
  ["a Docker token", /\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}/],
  ["a Groq key", /\bgsk_[A-Za-z0-9]{40,}/],
  ["a Replicate token", /\br8_[A-Za-z0-9]{30,}/],
  ["a Databricks token", /\bdapi[0-9a-f]{32}\b/],
  ["a DigitalOcean token", /\bdo[opr]_v1_[0-9a-f]{64}\b/],
  ["a Stripe key", /\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{20,}/],
  ["a SendGrid key", /\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{30,}/],
  ["a Telegram token", /\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b/],
  ["an API key of xAI", /\bxai-[A-Za-z0-9]{40,}/],
  ["an API key of NVIDIA", /\bnvapi-[A-Za-z0-9_-]{40,}/],
  ["a Linear key", /\blin_(?:api|oauth)_[A-Za-z0-9]{30,}/],
  ["a Vault token", /\bhv[sbr]\.[A-Za-z0-9_-]{24,}/],
  ["a Doppler token", /\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9]{40,}/],
  ["a Pinecone key", /\bpcsk_[A-Za-z0-9_-]{40,}/],
  ["a LangSmith key", /\blsv2_(?:pt|sk)_[A-Za-z0-9]{30,}/],
  [
    "credentials of a request",
    /\bauthorization["']?\s*[:=]\s*["']?(?:basic|token)\s+[A-Za-z0-9+/=_-]{8,}|\bbearer\s+(?=\S*\d)[A-Za-z0-9+/._~-]{20,}/i,
  ],
  ["a password in an address", /:\/\/[^\s:/@"'<>]{1,64}:[^\s:/@"'<>]{3,200}@[A-Za-z0-9]/],
  ["a login of .netrc", /\bmachine\s+\S+\s+login\s+\S+\s+password\s+\S{6,}/],
  ["a Kaggle key", /"username"\s*:\s*"[^"]+",\s*"key"\s*:\s*"[0-9a-f]{32}"/],
  ["a Docker login", /"auths"[\s\S]{0,200}?"auth"\s*:\s*"[A-Za-z0-9+/=]{12,}"/],
  ["a password of PostgreSQL", /^[\w.-]+:\d{4,5}:[^:\s]+:[^:\s]+:[^:\s]{6,}$/m],
  ["a password of a command", /\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[ =]\S+:\S{6,}|\bsshpass\s+-p\s*\S{6,}/],
  ["a session cookie", /\bcookie["']?\s*[:=]\s*["']?[\w.-]*sess[\w.-]*=[\w%.-]{16,}/i],
  ["a Twilio key", /\bSK[0-9a-f]{32}\b/],
  ["a Mailgun key", /\bkey-[0-9a-f]{32}\b/],
  ["a Shopify token", /\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b/],
  ["an Atlassian token", /\bATATT3[A-Za-z0-9_=-]{40,}/],
  ["a Postman key", /\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b/],
  ["a New Relic key", /\bNRAK-[A-Z0-9]{27}\b/],
  ["a Notion token", /\b(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})\b/],
  ["a Sentry token", /\bsntry[su]_[A-Za-z0-9+/=_-]{40,}/],
  ["a Grafana token", /\bgl(?:sa|c)_[A-Za-z0-9+/=_]{32,}/],
  ["a Perplexity key", /\bpplx-[A-Za-z0-9]{40,}/],
  ["a Fireworks key", /\bfw_[A-Za-z0-9]{22,}\b/],
  ["a Together key", /\btgp_v1_[A-Za-z0-9_-]{40,}/],
  ["a Tavily key", /\btvly-[A-Za-z0-9-]{30,}/],
  ["a Jina key", /\bjina_[A-Za-z0-9_]{50,}/],
  ["a Figma token", /\bfigd_[A-Za-z0-9_-]{40,}/],
  ["an age key", /\bAGE-SECRET-KEY-1[A-Z0-9]{50,}/],
  ["a PuTTY key", /\bPuTTY-User-Key-File-\d/],
  ["a RubyGems key", /\brubygems_[0-9a-f]{48}\b/],
  ["a Heroku key", /\bHRKU-[A-Za-z0-9_-]{30,}/],
  ["a Square secret", /\bsq0csp-[A-Za-z0-9_-]{40,}/],
  ["a Discord token", /\b[MNO][A-Za-z0-9]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}\b/],
  ["a Weights & Biases key", /wandb.{0,20}?key.{0,10}?[=:"'\s][0-9a-f]{40}\b/i],
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/],
  ["a web token", /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\./],
  [
    "a password or key",
    /(?<![A-Za-z0-9])(?:(?:api|access|secret|private|account|[a-z]{1,20}ai)[_-]?key|(?:auth|access|api|bot|[a-z]{2,20})[_-]token|^[ \t]*token|(?:client|jwt|app)[_-]?secret|pass(?:word|wd|phrase)|[a-z]{2,20}[_-]pass)["']?\s*[:=]\s*["']?(?=[A-Za-z0-9+/_-]*\d)(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{16,}/im,
  ],
  [
    "a password",
    /(?<![A-Za-z0-9])[A-Z]+(?:_[A-Z]+)*_(?:PASSWORD|PASSWD|PASSPHRASE|PWD)\s*[:=]\s*["']?(?=\S*\d)[^\s"']{8,}/,
  ],
];

const folders =
  "home\\d*|Users|root|tmp|mnt|media|scratch\\d*|content|kaggle|workspace|private|Volumes|gpfs\\d*|lustre\\d*|nfs\\d*|export|net|fsx|srv|work|proj(?:ects?)?\\d*|var|opt|data\\d*|storage\\d*|cluster|users|g?scratch|[pc]fs\\d*|beegfs|raid\\d*|ssd\\d*|hpc|dss|afs|ceph|lab|vol\\d*";

/** Shapes of places on a machine within a text. */
export const pathRules: readonly RegExp[] = [
  new RegExp(`(?<![\\w./:~-])/(?:${folders})/[\\w.@+-]+`),
  /\b[A-Za-z]:\\+(?:[\w .-]+\\+)+/,
  /\b[A-Za-z]:\/(?:Users|Windows|Program Files|Data|Temp|Projects?|Work)\/[\w.@+ -]+/i,
  // A home folder: ~/x and ~name/x/y.
  /(?<![\w~/.-])~(?:\/[\w.@+-]+|[a-z_][a-z0-9_-]*\/[\w.@+-]+\/[\w.@+-]+)/,
  // A network share, also as a JSON string writes it.
  /(?<![\w\\])\\\\[A-Za-z0-9][\w.-]*\\[\w$][\w$.-]*/,
  /(?<![\w\\])\\{4}[A-Za-z0-9][\w.-]*\\{2}[\w$][\w$.-]*/,
  /\b(?:file|smb|cifs|nfs|sftp|ssh|scp):\/{1,3}[^\s"'<>]+/i,
];

/** A value of a JSON file that is an absolute path as a whole. */
export const absolutePath = /^(?:(?:\/[^/\s]+){2,}|[A-Za-z]:\\[^\s\\]+\\)/;

/** What a label of a study never has, with the reason. */
export const labelRules: readonly (readonly [reason: string, shape: RegExp])[] = [
  ["has a date", /\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})\b/],
  [
    "has a date",
    /\b(?:\d{1,2}(?:st|nd|rd|th|\.)? )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,? (?:\d{1,2}(?:st|nd|rd|th)?,? )?(?:19|20)\d\d\b/i,
  ],
  ["has an e-mail address", /(?<![\w.+-])[\w.+-]+@[\w-]+\.[a-z]{2,}/i],
  ["has a web address", /\b(?:https?:\/\/|www\.)\S/i],
  ["has a long number", /\d(?:[ /.-]?\d){6,}/],
  ["has more than one sentence", /[.!?]\s+\p{Lu}/u],
  [
    "has a date of birth",
    /(?<![\p{L}\p{N}])(?:(?:born|dob|geboren|geb\.?)(?=[\s\d:]|$)|d\.o\.b|date of birth|née?(?!\p{L})|nacid[oa](?!\p{L}))|[*†]\s?(?:19|20)\d\d/iu,
  ],
  ["has a date", /\d{4}\s?[年년]\s?\d/],
  [
    "has a record number",
    /(?<!\p{L})(?:MRN|SSN|NHS|patient(?:en)?|pat\.?|case)[ -]?(?:no\.?|nr\.?|id|number|#|:)?[ :#-]{0,3}\d{4,}/iu,
  ],
  ["has more than one line", /[\r\n]/],
];

/** A label with more words than this is a text. Data with labels that a model wrote has sentences of up to 14 words. */
export const longestLabel = 20;

/** Words about a person. A label of five or more words with one of them is a sentence about a person. */
export const personWords = new Set(
  [
    "i he she his her him their my me we us our you your himself herself has had lives mr mrs",
    "ich er sie sein seine ihr ihre mein meine wir hat hatte herr frau",
    "je il elle nous vous son sa ses mon ma monsieur madame",
    "él ella su sus mi mis nosotros tiene señor señora",
  ].flatMap((line) => line.split(" ")),
);

/** Letters of other scripts and forms that look like a Latin letter: pairs of the letter and the Latin one. */
const lookAlikes =
  "аa вb сc ԁd еe ғf ԍg нh һh іi јj кk ӏl мm пn оo рp ԛq гr ѕs тt уy ѵv ԝw хx ʏy зz " +
  "αa βb ϲc δd εe γy ηn ιi κk λl μm νv οo ρp σo τt υu χx ωw ζz " +
  "ɑa ɓb ƈc ɖd đd ðd ɛe əe ƒf ɡg ɢg ħh ɦh ıi ɩi ɪi ʝj ĸk ʟl łl ɭl ɱm ɲn ŋn ɴn øo ɵo ɔo ƥp ʀr ɾr ʂs ŧt ƭt ʈt ʊu ʋv ʍm ƴy ʐz ƶz " +
  "ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ʜh ᴊj ᴋk ᴍm ᴏo ᴘp ꜱs ᴛt ᴜu ᴠv ᴡw ᴢz " +
  "օo ոn սu հh ցg զq քp " +
  "ßs 0o 1l";

export const latinOf: ReadonlyMap<string, string> = new Map(
  lookAlikes.split(" ").map((pair) => [...pair] as unknown as readonly [string, string]),
);
