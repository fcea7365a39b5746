// The ABI as one object: numbers from assembly/abi.ts and assembly/state.ts, words and meanings from docs/abi.md.
import { readFileSync } from "node:fs";

const CONSTANT = /^export const ([A-Z][A-Z0-9_]*): ([ui]32) = (-?(?:0x[0-9a-f]+|\d+));/gm;

/** Prefix -> what the numbers are. The longest prefix that fits is the group of a constant. */
const GROUPS = {
  E_: "error",
  LENIENT_: "leniency",
  MODE_: "mode",
  EVENT_: "event",
  FLAG_: "flag",
  ON_FAILURE_: "on-failure",
  RECORD_: "record-outcome",
  FETCH_: "fetch-outcome",
  EFFECT_: "effect",
  STATUS_: "status",
  VERDICT_: "verdict",
  REASON_: "reason",
  RESULT_: "result-type",
  NOTICE_: "notice",
  ACTION_: "action",
  PLAN_: "plan-reason",
  SESSION_: "session",
  CHAIN_: "chain",
  JUDGE_: "judgement",
  WHY_: "why",
  DANE_: "dane-state",
  ADDRESS_: "addresses",
  BASE_: "base",
  FACTS_: "facts",
  USAGE_: "tlsa-field",
  SELECTOR_: "tlsa-field",
  MATCHING_: "tlsa-field",
  KIND_: "kind",
  M_: "match-field",
  PEER_: "certificate-field",
  Q_: "step-field",
  TOKEN_: "token-field",
  P_: "plan-field",
  J_: "judge-field",
  S_: "state-field",
  OUT_: "out-field",
};

/** Sizes and flags that share a prefix with numbers of another sort. */
const APART = {
  EFFECT_HEADER: "size",
  PLAN_ENTRY: "size",
  MATCH_ENTRY: "size",
  JUDGE_SIZE: "size",
  JUDGE_LAST_HOST: "judge-flag",
  OUT_CAPACITY: "limit",
};

function groupOf(name) {
  if (APART[name] !== undefined) return APART[name];
  const prefix = Object.keys(GROUPS)
    .filter((start) => name.startsWith(start))
    .sort((a, b) => b.length - a.length)[0];
  return prefix === undefined ? "limit" : GROUPS[prefix];
}

const cellsOf = (line) =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.replaceAll("\\|", "|").replaceAll("`", "").trim());

/** Every table of a page: the cells of its head, and of its rows. */
function tablesOf(text) {
  const tables = [];
  let table = null;
  for (const line of text.split("\n")) {
    const inside = table !== null;
    if (!line.startsWith("|")) table = null;
    else if (!inside) {
      table = { head: cellsOf(line), rows: [] };
      tables.push(table);
    } else if (!/^\|[ :|-]+$/.test(line)) table.rows.push(cellsOf(line));
  }
  return tables;
}

/** Name -> word and meaning, from rows of the form | number | NAME | word? | meaning |. */
function documented(tables) {
  const found = new Map();
  for (const { head, rows } of tables)
    for (const [number, name, ...rest] of rows) {
      if (!/^-?\d+$/.test(number) || !/^[A-Z][A-Z0-9_]+$/.test(name ?? "")) continue;
      const hasWord = head[2] === "word";
      const meaning = (hasWord ? rest.slice(1) : rest).filter((cell) => cell !== "").join("; ");
      found.set(name, { word: (hasWord && rest[0]) || null, meaning });
    }
  return found;
}

function exportsOf(tables) {
  const table = tables.find(({ head }) => head[0] === "export");
  return table.rows.map(([name, parameters, returns]) => ({
    name,
    parameters: parameters === "none" ? [] : parameters.split(",").map((parameter) => parameter.trim()),
    returns,
  }));
}

function constantsOf(source, describe) {
  return [...source.matchAll(CONSTANT)].map(([, name, type, number]) => {
    const { word = null, meaning = "" } = describe.get(name) ?? {};
    return { name, group: groupOf(name), type, number: Number(number), word, meaning };
  });
}

/** @param root the project's folder, with a slash at its end */
export function readAbi(root) {
  const read = (path) => readFileSync(new URL(path, root), "utf8");
  const tables = tablesOf(read("docs/abi.md"));
  const describe = documented(tables);
  const state = constantsOf(read("assembly/state.ts"), describe).filter(({ group }) => group === "state-field");
  const constants = [...constantsOf(read("assembly/abi.ts"), describe), ...state];
  const number = (name) => constants.find((constant) => constant.name === name).number;
  return {
    note: "Made by tools/abi.mjs from assembly/abi.ts and docs/abi.md. Numbers are never reused.",
    version: { major: number("ABI_MAJOR"), minor: number("ABI_MINOR") },
    exports: exportsOf(tables),
    constants,
  };
}
