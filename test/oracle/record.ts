// Requirements section A (RFC 8461 §3.1), from the grammar and the RRset rules; leniency AMB-02.
import { isOutsidePrintable, readList } from "./octets.ts";
import { type Refusal, refuse } from "./verdict.ts";

export interface RecordFound {
  readonly id: string;
  readonly leniencies: readonly string[];
}

const NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,31}";
const VALUE = "[\\x21-\\x3a\\x3c\\x3e-\\x7e]+";
const DELIMITER = "[ \\t]*;[ \\t]*";
/** record := "v=STSv1" ( delim field )+ delim? */
const RECORD = new RegExp(`^v=STSv1(?:${DELIMITER}${NAME}=${VALUE})+(?:${DELIMITER})?$`);

/** The id of one record, or undefined: the grammar, then the first `id` (R-8461-3.1-11, -12, -17; AMB-05). */
function idOf(record: string): string | undefined {
  if (!RECORD.test(record)) return undefined;
  const first = record.split(/[ \t]*;[ \t]*/).find((field) => field.startsWith("id="));
  return first !== undefined && /^id=[A-Za-z0-9]{1,32}$/.test(first) ? first.slice(3) : undefined;
}

/** Why a record is none: what a reader meets first, from left to right. Blanks behind the last field may be excused. */
function whyNot(record: string, blanksExcused: boolean): Refusal {
  let at = "v=STSv1".length;
  let hasId = false;
  const take = (run: RegExp): string => {
    const found = run.exec(record.slice(at))?.[0] ?? "";
    at += found.length;
    return found;
  };
  /** Something else was expected at `at`; an octet that no record may hold is named as that (R-8461-3.1-04). */
  const unexpected = (error: string, from: number): Refusal => {
    const octet = record[at];
    return octet !== undefined && isOutsidePrintable(octet) ? refuse("record-character", at) : refuse(error, from, at);
  };
  while (at < record.length) {
    const delimiterAt = at;
    if (take(/^[ \t]*;[ \t]*/) === "") {
      take(/^[ \t]*/);
      if (blanksExcused && at === record.length) break;
      return unexpected("record-delimiter", delimiterAt);
    }
    if (at === record.length) break;
    const fieldAt = at;
    const name = take(/^[A-Za-z0-9_.-]*/);
    if (name !== "" && !new RegExp(`^${NAME}$`).test(name)) return refuse("record-field", fieldAt, at);
    if (name === "" || record[at] !== "=") return unexpected("record-field", fieldAt);
    at++;
    const valueAt = at;
    const value = take(/^[\x21-\x3a\x3c\x3e-\x7e]*/);
    const isId: boolean = name === "id" && !hasId;
    if (isId && !/^[A-Za-z0-9]{1,32}$/.test(value)) return refuse("record-id", valueAt, at);
    if (value === "") return unexpected("record-value", valueAt);
    hasId ||= isId;
  }
  return refuse("record-no-id", record.replace(/[ \t]+$/, "").length, record.length);
}

/** RDATA of TXT: its character-strings joined with nothing between (R-8461-3.1-02); undefined when it is cut. */
function joinStrings(rdata: string): string | undefined {
  let joined = "";
  for (let at = 0; at < rdata.length; at += 1 + rdata.charCodeAt(at)) {
    if (at + 1 + rdata.charCodeAt(at) > rdata.length) return undefined;
    joined += rdata.slice(at + 1, at + 1 + rdata.charCodeAt(at));
  }
  return joined;
}

const trim = (text: string): string => text.replace(/^[ \t]+/, "").replace(/[ \t]+$/, "");

/** The RRset as docs/abi.md lays it out. Each RR is a candidate of its own (R-8461-3.1-03). */
export function selectRecord(rrset: string, lenient: readonly string[]): RecordFound | Refusal | "no-record" {
  const list = readList(rrset);
  const records = list?.map(({ at, item }) => ({ at, text: joinStrings(item) }));
  if (records === undefined || records.some(({ text }) => text === undefined))
    return refuse("request", 0, rrset.length);
  const blanksExcused = lenient.includes("outer-blanks");
  const candidates = records
    .map(({ at, text = "" }) => ({ at, text, read: blanksExcused ? trim(text) : text }))
    // R-8461-3.1-20: the literal prefix counts among several RRs; AMB-01: a single RR is judged by the grammar alone.
    .filter(({ read }) => read.startsWith(records.length > 1 ? "v=STSv1;" : "v=STSv1"));
  const [only, second] = candidates;
  if (only === undefined) return "no-record";
  // R-8461-3.1-21: the count is taken before the syntax is looked at.
  if (second !== undefined) return refuse("record-several", second.at, candidates.at(-1)?.at);
  const id = idOf(only.read);
  if (id === undefined) return whyNot(blanksExcused ? only.text.replace(/^[ \t]+/, "") : only.text, blanksExcused);
  return { id, leniencies: idOf(only.text) === undefined ? ["outer-blanks"] : [] };
}
