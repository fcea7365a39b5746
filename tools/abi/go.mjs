// abi.json -> bindings/go/abi.go: a type with a String method for every group that a caller meets, plain constants for
// offsets and sizes.

/** Group -> Go type, prefix of its constants, and what the type is. */
const TYPES = {
  error: ["Code", "Code", "is an error of the core, as a number that is never reused"],
  leniency: ["Leniency", "Lenient", "is a set of allowances, none of them on by default"],
  mode: ["Mode", "Mode", "is the mode of a policy (RFC 8461 §3.2)"],
  event: ["Event", "Event", "is what happened to a Policy Domain"],
  flag: ["Flag", "Flag", "is a set of facts that a step is told beside its event"],
  "on-failure": ["OnFailure", "OnFailure", "is what a failing discovery means while nothing is held"],
  "record-outcome": ["RecordOutcome", "Record", "is what the TXT query came to"],
  "fetch-outcome": ["FetchOutcome", "Fetch", "is what the GET came to"],
  effect: ["EffectKind", "Effect", "is what a step asks its host to do"],
  status: ["Status", "Status", "is what a lookup learned"],
  verdict: ["Verdict", "Verdict", "is what to honour now"],
  reason: ["Reason", "Reason", "is why a decision is to be asked for again later"],
  "result-type": ["ResultType", "Result", "is a result type of RFC 8460 §4.3"],
  notice: ["NoticeKind", "Notice", "is something that an operator must hear of"],
  action: ["Action", "Action", "is what to do with an MX host"],
  "plan-reason": ["PlanReason", "Plan", "is why an MX host is not used as the policy asks"],
  session: ["Session", "Session", "is how far an SMTP session came"],
  chain: ["Chain", "Chain", "is what a certificate chain is worth, apart from the name"],
  judgement: ["JudgeVerdict", "Judge", "is what to do with a message after a session"],
  "dane-state": ["DANEState", "DANE", "is what DNS says of an MX host as far as DANE is concerned"],
  addresses: ["Addresses", "Addresses", "is how the addresses of an MX host were found"],
  base: ["Base", "Base", "is which name the TLSA records of an MX host stand under"],
  why: ["Why", "Why", "is what a session lacked"],
};
const FLAGS = new Set(["leniency"]);

const INITIALISMS = new Set(["ID", "TTL", "DNS", "TLS", "MX", "STS", "TLSA", "TLSRPT", "DANE", "DNSSEC", "PKIX", "MS"]);
const camel = (name) =>
  name
    .split("_")
    .map((part) => (INITIALISMS.has(part) ? part : part[0] + part.slice(1).toLowerCase()))
    .join("");

function goName({ group, name }) {
  const [, prefix] = TYPES[group];
  const bare = name.replace(
    /^(E|LENIENT|MODE|EVENT|FLAG|ON_FAILURE|RECORD|FETCH|EFFECT|STATUS|VERDICT|REASON|RESULT|NOTICE|ACTION|PLAN|SESSION|CHAIN|JUDGE|WHY|DANE|ADDRESS|BASE)_/,
    "",
  );
  return prefix + camel(bare);
}

const privateName = (name) => {
  const [first, ...rest] = name.split("_");
  return first.toLowerCase() + rest.map(camel).join("");
};

/** Lines as gofmt aligns them: every column as wide as its widest cell. */
function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map(
    (row) =>
      `\t${row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join(" ")
        .trimEnd()}`,
  );
}

/** A switch that gives a text for each number that has one, and calls `otherwise` for all others. */
function textOf(signature, constants, text, otherwise) {
  const cases = constants.flatMap((c) => [`\tcase ${goName(c)}:`, `\t\treturn ${JSON.stringify(text(c))}`]);
  return [`${signature} {`, "\tswitch value {", ...cases, "\t}", `\treturn ${otherwise}`, "}", ""];
}

function typed(group, constants) {
  const [type, , what] = TYPES[group];
  const base = group === "error" ? "int32" : "uint32";
  const rows = constants.map((c) => [goName(c), type, `= ${c.number}`, `// ${c.meaning || c.word || "nothing"}`]);
  const out = [`// ${type} ${what}.`, `type ${type} ${base}`, "", "const (", ...aligned(rows), ")", ""];
  const worded = constants.filter(({ word }) => word !== null);
  if (worded.length === 0) return out;
  if (FLAGS.has(group)) {
    const members = worded.map((c) => `${goName(c)}`).join(", ");
    out.push(...textOf(`func (value ${type}) word() string`, worded, ({ word }) => word, '""'));
    out.push("// String names every member of the set, with commas between them.");
    out.push(`func (value ${type}) String() string {`, `\treturn wordsOf(value, ${members})`, "}", "");
    return out;
  }
  out.push("// String is the word that logs, metrics and JSON use; a number without a word is printed as such.");
  out.push(...textOf(`func (value ${type}) String() string`, worded, ({ word }) => word, "numberOf(value)"));
  if (group !== "error") return out;
  out.push("// Sentence says what was wrong.");
  out.push(...textOf(`func (value ${type}) Sentence() string`, constants, ({ meaning }) => meaning, "numberOf(value)"));
  return out;
}

/** @returns the text of abi.go, as gofmt writes it */
export function goConstants({ version, constants }) {
  const groups = groupBy(constants);
  const out = [
    "// Code generated by tools/abi.mjs from assembly/abi.ts and docs/abi.md. DO NOT EDIT.",
    "",
    "package mtasts",
    "",
    "// The version of the ABI that this package was made for.",
    "const (",
    `\tABIMajor = ${version.major}`,
    `\tABIMinor = ${version.minor}`,
    ")",
    "",
  ];
  const plain = [];
  for (const [group, members] of groups) {
    if (TYPES[group] !== undefined) out.push(...typed(group, members));
    else plain.push(...members.filter(({ name }) => !name.startsWith("ABI_")));
  }
  out.push("// Offsets, sizes and limits of docs/abi.md.", "const (");
  out.push(...aligned(plain.map((c) => [privateName(c.name), `= ${c.number}`])), ")", "");
  return out.join("\n");
}

function groupBy(constants) {
  const groups = new Map();
  for (const constant of constants) groups.set(constant.group, [...(groups.get(constant.group) ?? []), constant]);
  return groups;
}
