// abi.json -> bindings/python/src/mtasts/abi.py: an enumeration for every group that a caller meets, plain constants for
// offsets and sizes.

/** Group -> class, the prefix its members lose, and what it is. */
const CLASSES = {
  error: ["Code", "E_", "An error of the core, as a number that is never reused."],
  leniency: ["Leniency", "LENIENT_", "A set of allowances, none of them on by default."],
  mode: ["Mode", "MODE_", "The mode of a policy (RFC 8461 §3.2)."],
  event: ["Event", "EVENT_", "What happened to a Policy Domain."],
  flag: ["Flag", "FLAG_", "Facts that a step is told beside its event."],
  "on-failure": ["OnFailure", "ON_FAILURE_", "What a failing discovery means while nothing is held."],
  "record-outcome": ["RecordOutcome", "RECORD_", "What the TXT query came to."],
  "fetch-outcome": ["FetchOutcome", "FETCH_", "What the GET came to."],
  effect: ["EffectKind", "EFFECT_", "What a step asks its host to do."],
  status: ["Status", "STATUS_", "What a lookup learned."],
  verdict: ["Verdict", "VERDICT_", "What to honour now."],
  reason: ["Reason", "REASON_", "Why a decision is to be asked for again later."],
  "result-type": ["ResultType", "RESULT_", "A result type of RFC 8460 §4.3."],
  notice: ["NoticeKind", "NOTICE_", "Something that an operator must hear of."],
  action: ["Action", "ACTION_", "What to do with an MX host."],
  "plan-reason": ["PlanReason", "PLAN_", "Why an MX host is not used as the policy asks."],
  session: ["Session", "SESSION_", "How far an SMTP session came."],
  chain: ["Chain", "CHAIN_", "What a certificate chain is worth, apart from the name."],
  judgement: ["JudgeVerdict", "JUDGE_", "What to do with a message after a session."],
  "dane-state": ["DaneState", "DANE_", "What DNS says of an MX host as far as DANE is concerned."],
  addresses: ["Addresses", "ADDRESS_", "How the addresses of an MX host were found."],
  base: ["Base", "BASE_", "Which name the TLSA records of an MX host stand under."],
  why: ["Why", "WHY_", "What a session lacked."],
};
const SETS = new Set(["leniency", "flag"]);

function enumeration(group, members) {
  const [name, prefix, what] = CLASSES[group];
  const isSet = SETS.has(group);
  const lines = members.map((member) => {
    const bare = member.name.slice(prefix.length);
    const value = isSet ? member.number : `${member.number}, ${JSON.stringify(member.word ?? "")}`;
    const text = group === "error" ? `${value}, ${JSON.stringify(member.meaning)}` : value;
    return `    ${bare} = ${text}`;
  });
  return [`class ${name}(${isSet ? "WordSet" : "Word"}):`, `    """${what}"""`, "", ...lines, "", ""];
}

/** @returns the text of abi.py */
export function pythonConstants({ version, constants }) {
  const groups = new Map();
  for (const constant of constants) groups.set(constant.group, [...(groups.get(constant.group) ?? []), constant]);
  const plain = [];
  const classes = [];
  for (const [group, members] of groups) {
    if (CLASSES[group] !== undefined) classes.push(...enumeration(group, members));
    else plain.push(...members.filter(({ name }) => !name.startsWith("ABI_") && !name.startsWith("S_")));
  }
  return [
    '"""Made by tools/abi.mjs from assembly/abi.ts and docs/abi.md. Do not edit."""',
    "",
    "from .words import Word, WordSet",
    "",
    "# The version of the ABI that this package was made for.",
    `ABI_MAJOR = ${version.major}`,
    `ABI_MINOR = ${version.minor}`,
    "",
    "",
    ...classes,
    "# Offsets, sizes and limits of docs/abi.md.",
    ...plain.map(({ name, number }) => `${name} = ${number}`),
    "",
  ].join("\n");
}
