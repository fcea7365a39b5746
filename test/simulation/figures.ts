import { readFileSync, writeFileSync } from "node:fs";
import { CELLS, Tally } from "./tally.ts";

// node dist/test/simulation/figures.js FILE...: what `npm run simulate -- --json` wrote into these files, as the table of
// docs/assurance.md. With --write it takes the place of the table that is there.

const DOCUMENT = "docs/assurance.md";
const BEGIN = "<!-- figures of the simulation, written by test/simulation/figures.ts -->";
const END = "<!-- end of the figures -->";

interface Run {
  readonly seed: number;
  readonly deliveries: number;
  readonly episodes: number;
  readonly years: number;
  readonly took: number;
  readonly rss: number;
  readonly failed: boolean;
  readonly counts: Readonly<Record<string, number>>;
}

const grouped = (value: number): string => Math.round(value).toLocaleString("en-US");

function table(runs: readonly Run[]): string {
  const tally = new Tally();
  for (const { counts } of runs) for (const [name, times] of Object.entries(counts)) tally.hit(name, times);
  const sum = (of: (run: Run) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const seeds = runs.map(({ seed }) => seed);
  const faults = tally.under("fault: ");
  const rows = [
    ["seeds", `${Math.min(...seeds)} to ${Math.max(...seeds)} (${runs.length})`],
    ["deliveries", grouped(sum(({ deliveries }) => deliveries))],
    ["worlds", grouped(sum(({ episodes }) => episodes))],
    ["years of their time", grouped(sum(({ years }) => years))],
    ["broken promises", grouped(runs.filter(({ failed }) => failed).length)],
    ["most memory of a run", `${grouped(Math.max(...runs.map(({ rss }) => rss)) / 1048576)} MiB`],
    [
      "kinds of faults",
      `${faults.length}, the rarest met ${grouped(Math.min(...faults.map(([, times]) => times)))} times`,
    ],
    ...CELLS.map((cell) => [cell, grouped(tally.of(cell))]),
    ...["fault: ", "publisher: ", "operator: "].flatMap((prefix) =>
      tally.under(prefix).map(([name, times]) => [name, grouped(times)]),
    ),
  ];
  return ["| figure | |", "|---|---|", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
}

const files = process.argv.slice(2).filter((word) => word !== "--write");
const runs = files.map((file) => JSON.parse(readFileSync(file, "utf8")) as Run);
const text = table(runs);
if (process.argv.includes("--write")) {
  const document = readFileSync(DOCUMENT, "utf8");
  const [begin, end] = [document.indexOf(BEGIN) + BEGIN.length, document.indexOf(END)];
  if (begin < BEGIN.length || end < begin) throw new Error(`figures: ${DOCUMENT} has no place for them`);
  writeFileSync(DOCUMENT, `${document.slice(0, begin)}\n\n${text}\n\n${document.slice(end)}`);
} else console.log(text);
