// docs/abi.md is the contract: its tables must say what the code does, its examples must come out as printed.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as abi from "../../assembly/abi.ts";
import * as names from "../../host/core/names.ts";
import { builds, freshWasm, root } from "./builds.ts";
import { callFrame, callText } from "./frames.ts";

// After builds.ts: the state module reserves memory of the portable twin.
const state = await import("../../assembly/state.ts");

const text = readFileSync(join(root, "docs/abi.md"), "utf8");

interface Row {
  readonly name: string;
  readonly number: number;
  /** The cells behind the name. */
  readonly cells: readonly string[];
}

/** Cells of every table row, without the blanks that align them. */
const tableRows: string[][] = text
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .replace(/\\\|/g, "or")
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

/** Rows of the form | number | `NAME` | ... | */
const rows: Row[] = tableRows.flatMap(([number = "", name = "", ...cells]) =>
  /^-?\d+$/.test(number) && /^`[A-Z][A-Z0-9_]+`$/.test(name)
    ? [{ number: Number(number), name: name.slice(1, -1), cells }]
    : [],
);

const constants: Record<string, number> = { ...(abi as Record<string, number>) };
for (const [name, value] of Object.entries(state))
  if (/^S_/.test(name) && typeof value === "number") constants[name] = value;

/** Prefix of the constants, and the words the code has for them by number. */
const words: readonly [string, Readonly<Record<number, string | null | readonly [string, string]>>][] = [
  ["E_", names.ERRORS],
  ["MODE_", names.MODES],
  ["STATUS_", names.STATUSES],
  ["VERDICT_", names.VERDICTS],
  ["REASON_", names.REASONS],
  ["RESULT_", names.RESULT_TYPES],
  ["NOTICE_", names.NOTICES],
  ["ACTION_", names.ACTIONS],
  ["DANE_", names.DANE_STATES],
  ["BASE_", names.BASES],
  ["ADDRESS_", byNumber(names.ADDRESSES)],
  ["PLAN_", names.PLAN_REASONS],
  ["JUDGE_", names.JUDGEMENTS],
  ["WHY_", names.WHYS],
  ["LENIENT_", byNumber(names.LENIENCIES)],
  ["FETCH_", byNumber(names.FETCH_FAILURES)],
  ["SESSION_", byNumber(names.SESSIONS)],
  ["CHAIN_", byNumber(names.CHAINS)],
  ["ON_FAILURE_", byNumber(names.ON_DISCOVERY_FAILURE)],
];
const WITHOUT_WORDS = new Set(["PLAN_ENTRY", "JUDGE_SIZE", "JUDGE_LAST_HOST"]);

function byNumber(table: Readonly<Record<string, number>>): Record<number, string> {
  return Object.fromEntries(Object.entries(table).map(([word, number]) => [number, word]));
}

/** The octets of the code block with this title. */
function hex(title: string): Uint8Array {
  const block = new RegExp(`\`\`\`hex ${title}\\n([0-9a-f \\n]+)\`\`\``).exec(text)?.[1];
  if (block === undefined) throw new Error(`docs/abi.md has no block "${title}"`);
  return Buffer.from(block.replace(/\s/g, ""), "hex");
}

describe("docs/abi.md", () => {
  it("has every constant of the ABI and every field of the state, once, with its number", () => {
    const documented = new Map(rows.map(({ name, number }) => [name, number]));
    expect(rows.map(({ name }) => name).sort(), "a name stands twice").toEqual([...documented.keys()].sort());
    expect(Object.fromEntries([...documented].sort())).toEqual(Object.fromEntries(Object.entries(constants).sort()));
  });

  it.each(words)("has the code's words for %s numbers", (prefix, table) => {
    const described = rows.filter(({ name }) => name.startsWith(prefix) && !WITHOUT_WORDS.has(name));
    expect(described.length).toBeGreaterThanOrEqual(Object.keys(table).length);
    for (const { name, number, cells } of described) {
      const word = table[number];
      if (Array.isArray(word)) expect(cells, name).toEqual([...word]);
      else expect(cells[0], name).toBe(word ?? "");
    }
  });

  it("lists the exports of the module, and no others", () => {
    const listed = tableRows
      .map(([first]) => /^`(mtasts_\w+)`$/.exec(first ?? "")?.[1])
      .filter((name) => name !== undefined);
    const exported = Object.entries(freshWasm())
      .filter(([, value]) => typeof value === "function")
      .map(([name]) => name);
    expect(listed.sort()).toEqual(exported.sort());
  });

  it("names the version that the module says it has", () => {
    const version = freshWasm().mtasts_abi_version();
    expect(text.startsWith(`# ABI of mta-sts.wasm, version ${version >> 16}.${version & 0xffff}\n`)).toBe(true);
  });

  it("gives each part of a request eight octets and each number four", () => {
    for (const prefix of ["Q_", "P_", "J_", "M_"]) {
      const fields = rows.filter(({ name }) => name.startsWith(prefix));
      for (const [i, { name, number, cells }] of fields.slice(0, -1).entries()) {
        const size = name === "Q_TOKEN" ? abi.TOKEN_SIZE : cells[0]?.startsWith("part:") ? 8 : 4;
        expect(fields[i + 1]?.number, name).toBe(number + size);
      }
    }
  });

  it("has a table of contents whose links lead somewhere", () => {
    const headings = new Set(
      [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
        heading
          ?.toLowerCase()
          .replace(/[^\w -]/g, "")
          .replace(/ /g, "-"),
      ),
    );
    for (const [, link] of text.matchAll(/\]\(#([^)]+)\)/g)) expect(headings, link).toContain(link);
  });
});

describe.each(builds)("the worked examples of docs/abi.md, $name build", ({ exports }) => {
  const wholeAnswer = (): Uint8Array => {
    const out = Buffer.from(exports.memory.buffer, exports.mtasts_out_ptr(), exports.mtasts_out_cap());
    return Buffer.from(out.subarray(0, abi.OUT_HEADER + out.readUInt32LE(abi.OUT_LENGTH)));
  };

  it("record_select comes out as printed", () => {
    expect(callText(exports, "mtasts_record_select", hex("record_select in")).status).toBe(1);
    expect(wholeAnswer()).toEqual(hex("record_select out"));
  });

  it("step comes out as printed", () => {
    expect(callFrame(exports, "mtasts_step", hex("step in")).status).toBe(2);
    expect(wholeAnswer()).toEqual(hex("step out"));
  });
});
