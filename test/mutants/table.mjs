// The table of planted faults in docs/assurance.md, between its two markers: one row a fault, in the order of the list.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { project } from "../fuzz/build.mjs";
import { mutants } from "./list.mjs";

const page = join(project, "docs/assurance.md");
const BEGIN = "<!-- planted faults: written by npm run mutants -->";
const END = "<!-- end of planted faults -->";
const HEAD = ["| fault | in | unit tests | oracle | fuzzing | differential |", "| --- | --- | --- | --- | --- | --- |"];
const CHECKS = ["unit", "oracle", "fuzz", "differential"];

const NOT_RUN = "not run";
/** How a result reads: a dash for a check that does not look there. */
export const cell = (found) => (found === undefined ? NOT_RUN : found === null ? "-" : found ? "found" : "missed");

const key = ({ fault, file }) => `| ${fault} | \`${file}\` |`;

/** Writes the row of one fault; a check that did not run keeps its last word. Rows that left the list go. */
export function writeRow(mutant, result) {
  const [before, table, after] = split();
  const last = table
    .find((row) => row.startsWith(key(mutant)))
    ?.slice(key(mutant).length + 1, -2)
    .split(" | ");
  const cells = CHECKS.map((check, i) =>
    cell(result[check]) === NOT_RUN && last ? last[i] : cell(result[check]),
  ).join(" | ");
  const rows = [...table.filter((row) => !row.startsWith(key(mutant))), `${key(mutant)} ${cells} |`];
  const sorted = mutants.flatMap((one) => rows.filter((row) => row.startsWith(key(one))));
  writeFileSync(page, `${before}${BEGIN}\n\n${[...HEAD, ...sorted].join("\n")}\n\n${END}${after}`);
}

/** The page before the table, the rows, the page behind it. */
function split() {
  const text = readFileSync(page, "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${page}: the markers of the table of planted faults are gone`);
  const lines = text.slice(begin + BEGIN.length, end).split("\n");
  return [
    text.slice(0, begin),
    lines.filter((line) => line.startsWith("| ") && !HEAD.includes(line)),
    text.slice(end + END.length),
  ];
}

/** The rows as they stand on the page: which fault, in which file, and what the checks said. */
export function tableRows() {
  return split()[1].map((row) => {
    const [fault, file, ...found] = row.slice(2, -2).split(" | ");
    return { fault, file: file.replaceAll("`", ""), found };
  });
}
