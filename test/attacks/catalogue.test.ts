import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
/** What concerns the daemon, the Node host or the core; docs/security.md says where the others are. */
const WANTED = [...range(1, 7), ...range(12, 46), ...range(48, 53), 61, 62, 63, 65];
const HERE = new URL("./", import.meta.url);
const TITLE = /^ {2}it\(\n? *(["'])A-(\d\d) (.+?)\1,/gm;
const number = (n: number) => `A-${String(n).padStart(2, "0")}`;

interface Attack {
  readonly number: string;
  readonly sentence: string;
  readonly file: string;
}

const attacks: Attack[] = readdirSync(HERE)
  .filter((file) => file.endsWith(".test.ts"))
  .flatMap((file) =>
    [...readFileSync(new URL(file, HERE), "utf8").matchAll(TITLE)].map(([, , n = "", title = ""]) => ({
      number: `A-${n}`,
      sentence: title.replace(/ \((R-|AMB-)[^)]*\)$/, ""),
      file: `test/attacks/${file}`,
    })),
  )
  .sort((a, b) => a.number.localeCompare(b.number));

describe("the attack catalogue", () => {
  it("has a test for each attack that concerns daemon, host or core, once", () => {
    expect(attacks.map((attack) => attack.number)).toEqual(WANTED.map(number));
  });

  it("stands in docs/security.md as it is tested: number, sentence, file", () => {
    const page = readFileSync(new URL("../../docs/security.md", HERE), "utf8");
    const rows = [...page.matchAll(/^\| (A-\d\d) \| (.+?) \| `(test\/attacks\/[^`]+)` \|$/gm)];
    expect(rows.map(([, n, sentence, file]) => ({ number: n, sentence, file }))).toEqual(attacks);
  });

  it("has a place in docs/security.md for every other attack that was ever listed", () => {
    const page = readFileSync(new URL("../../docs/security.md", HERE), "utf8");
    const mentioned = new Set([...page.matchAll(/A-(\d\d)/g)].map(([name]) => name));
    expect(
      range(1, 66)
        .map(number)
        .filter((name) => !mentioned.has(name)),
    ).toEqual([]);
  });
});
