// abi.json -> bindings/c/mta_sts_abi.h: one enumerator per number, and tables from numbers to words.

/** Groups whose numbers have words, and the function that gives them. */
const WORDS = {
  error: "error",
  mode: "mode",
  event: "event",
  "on-failure": "on_failure",
  "record-outcome": "record_outcome",
  "fetch-outcome": "fetch_outcome",
  effect: "effect",
  status: "status",
  verdict: "verdict",
  reason: "reason",
  "result-type": "result_type",
  notice: "notice",
  action: "action",
  "plan-reason": "plan_reason",
  session: "session",
  chain: "chain",
  judgement: "judgement",
  why: "why",
  "dane-state": "dane_state",
  addresses: "addresses",
  base: "base",
  leniency: "leniency",
};

const safe = (meaning) => meaning.replaceAll("*/", "* /");
const number = ({ number: value }) => (value > 0x7fffffff ? `0x${value.toString(16)}u` : String(value));

function line(constant) {
  const remark = constant.meaning === "" ? "" : ` /* ${safe(constant.meaning)} */`;
  return `#define MTA_STS_${constant.name} ${number(constant)}${remark}`;
}

function wordTable(group, members) {
  const rows = members.map((c) => `  X(${c.number}, ${JSON.stringify(c.word ?? "")})`).join(" \\\n");
  return [`#define MTA_STS_WORDS_${WORDS[group].toUpperCase()}(X) \\`, rows, ""];
}

/** @returns the text of mta_sts_abi.h */
export function cConstants({ version, constants }) {
  const out = [
    "/* Made by tools/abi.mjs from assembly/abi.ts and docs/abi.md; do not edit. */",
    "#ifndef MTA_STS_ABI_H",
    "#define MTA_STS_ABI_H",
    "",
  ];
  const groups = new Map();
  for (const constant of constants) groups.set(constant.group, [...(groups.get(constant.group) ?? []), constant]);
  for (const [group, members] of groups) {
    out.push(`/* ${group} */`, ...members.map(line), "");
    if (WORDS[group] !== undefined) out.push(...wordTable(group, members));
  }
  out.push(`#define MTA_STS_ABI_VERSION ((${version.major} << 16) | ${version.minor})`, "", "#endif", "");
  return out.join("\n");
}
