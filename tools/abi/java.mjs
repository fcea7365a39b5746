// abi.json -> bindings/java/src/main/java/org/mtasts/Abi.java: an enum for every group that a caller meets, plain constants
// for offsets and sizes.

/** Group -> enum, the prefix its members lose, and what it is. */
const ENUMS = {
  error: ["Code", "E_", "An error of the core, as a number that is never reused."],
  leniency: ["Leniency", "LENIENT_", "An allowance; none is on by default."],
  mode: ["Mode", "MODE_", "The mode of a policy (RFC 8461 §3.2)."],
  event: ["Event", "EVENT_", "What happened to a Policy Domain."],
  flag: ["Flag", "FLAG_", "A fact that a step is told beside its event."],
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

/** Numbers a later minor version of the core may give; the last member stands for all of them. */
const UNKNOWN = 'UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here")';

function enumeration(group, members) {
  const [name, prefix, what] = ENUMS[group];
  const lines = members
    .filter((member) => !/_ALL$/.test(member.name))
    .map((member) => {
      const texts = [member.word ?? "", member.meaning].map((text) => JSON.stringify(text)).join(", ");
      return `    ${member.name.slice(prefix.length)}(${member.number}, ${texts}),`;
    });
  return [
    "",
    `  /** ${what} */`,
    `  public enum ${name} implements Word {`,
    ...lines,
    `    ${UNKNOWN};`,
    "",
    "    private final int number;",
    "    private final String word;",
    "    private final String meaning;",
    "",
    `    ${name}(int number, String word, String meaning) {`,
    "      this.number = number;",
    "      this.word = word;",
    "      this.meaning = meaning;",
    "    }",
    "",
    `    static ${name} of(int number) {`,
    `      return Word.of(values(), number, UNRECOGNIZED);`,
    "    }",
    "",
    "    @Override",
    "    public int number() {",
    "      return number;",
    "    }",
    "",
    "    @Override",
    "    public String word() {",
    "      return word;",
    "    }",
    "",
    "    @Override",
    "    public String meaning() {",
    "      return meaning;",
    "    }",
    "  }",
  ];
}

/** @returns the text of Abi.java */
export function javaConstants({ version, constants }) {
  const groups = new Map();
  for (const constant of constants) groups.set(constant.group, [...(groups.get(constant.group) ?? []), constant]);
  const plain = [];
  const enums = [];
  for (const [group, members] of groups) {
    if (ENUMS[group] !== undefined) enums.push(...enumeration(group, members));
    else plain.push(...members.filter(({ name }) => !name.startsWith("ABI_") && !name.startsWith("S_")));
  }
  const number = (value) => (value > 0x7fffffff ? `(int) ${value}L` : String(value));
  return [
    "// Made by tools/abi.mjs from assembly/abi.ts and docs/abi.md. Do not edit.",
    "package org.mtasts;",
    "",
    "/** The numbers and words of docs/abi.md. */",
    "public final class Abi {",
    "  private Abi() {}",
    "",
    "  /** The version of the ABI that this package was made for. */",
    `  public static final int MAJOR = ${version.major};`,
    "",
    "  /** The least minor version that will do. */",
    `  public static final int MINOR = ${version.minor};`,
    ...enums,
    "",
    ...plain.map((constant) => `  static final int ${constant.name} = ${number(constant.number)};`),
    "}",
    "",
  ].join("\n");
}
