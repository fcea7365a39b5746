import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { ABI_MAJOR, ABI_MINOR } from "../../assembly/abi.ts";
import { Core } from "../../host/core/core.ts";
import { loadCore } from "../../host/core/load.ts";
import { type RecordedLine, readHeader, readStep } from "../../host/core/step-record.ts";
import { printable } from "../../host/observe/printable.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";
import { asJson, print, styled } from "./output.ts";

const EXAMPLES = `
Examples:
  $ mta-sts serve --record /tmp/decisions.jsonl     write decisions down while the daemon runs
  $ mta-sts replay /tmp/decisions.jsonl             make each of them again and compare, byte for byte
  $ mta-sts replay --portable /tmp/decisions.jsonl  the same with the core as plain JavaScript

Needs neither daemon nor network. The last line may be cut: the daemon may have been ended while it wrote.
Exit codes: 0 every decision came out the same, 1 one did not, 2 the file cannot be read or is no record.`;

interface Options {
  readonly json?: true;
  readonly portable?: true;
}

/** Where the record and this program part. */
interface Difference {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly domain: string;
  readonly event: string;
  readonly now: number;
  readonly recorded: number;
  readonly replayed: number | null;
  /** First octet of OUT that differs; null when only the status or the length does. */
  readonly octet: number | null;
}

interface Replayed {
  readonly decisions: number;
  /** The last line was cut and left out. */
  readonly cut: boolean;
  readonly abi: string;
  readonly difference: Difference | null;
}

export function addReplay(program: Command): void {
  program
    .command("replay")
    .description("make recorded decisions again and compare them byte for byte")
    .argument("<file>", "a record that `mta-sts serve --record` wrote")
    .option("--portable", "with the core as plain JavaScript instead of WebAssembly")
    .option("--json", "one JSON object on standard output")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, options: Options) => replay(file, options));
}

async function replay(file: string, { json, portable }: Options): Promise<void> {
  const core = portable ? new Core((await import("../../host/core/portable.ts")).portableExports) : await loadCore();
  const replayed = await replayFile(core, file);
  const build = portable ? "portable" : "wasm";
  print(json ? asJson({ version: 1, build, ...replayed }) : toText(replayed, build));
  process.exitCode = replayed.difference === null ? EXIT.good : EXIT.no;
}

async function replayFile(core: Core, file: string): Promise<Replayed> {
  try {
    return await replayLines(core, createInterface({ input: createReadStream(file), crlfDelay: Infinity }), file);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(EXIT.usage, `cannot read ${printable(file)}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function replayLines(core: Core, lines: AsyncIterable<string>, file: string): Promise<Replayed> {
  let number = 0;
  let abi: string | null = null;
  let decisions = 0;
  let cut = false;
  for await (const line of lines) {
    number++;
    if (abi === null) abi = abiOf(line, file);
    else if (cut) throw notARecord(file, number - 1);
    else {
      const step = readStep(line);
      if (!step) {
        cut = true; // right only for the last one
        continue;
      }
      const difference = compare(core, step, number);
      if (difference) return { decisions, cut, abi, difference };
      decisions++;
    }
  }
  if (abi === null) throw notARecord(file, 1);
  return { decisions, cut, abi, difference: null };
}

function abiOf(line: string, file: string): string {
  const header = readHeader(line);
  if (!header) throw notARecord(file, 1);
  if (Number(header.abi.split(".")[0]) !== ABI_MAJOR)
    throw new CommandFailure(
      EXIT.usage,
      `${printable(file)} was recorded with ABI ${printable(header.abi)}, this program has ${ABI_MAJOR}.${ABI_MINOR}`,
    );
  return header.abi;
}

const notARecord = (file: string, line: number): CommandFailure =>
  new CommandFailure(EXIT.usage, `${printable(file)}, line ${line}: this is no record of decisions`);

function compare(core: Core, { domain, event, now, request, status, output }: RecordedLine, line: number) {
  const again = core.replay(request);
  if (again?.status === status && Buffer.compare(again.output, output) === 0) return null;
  const octet = again ? again.output.findIndex((value, i) => value !== output[i]) : -1;
  const place = { line, domain, event, now };
  return { ...place, recorded: status, replayed: again?.status ?? null, octet: octet < 0 ? null : octet };
}

function toText({ decisions, cut, difference }: Replayed, build: string): string {
  const end = cut ? "; the last line was cut and is left out" : "";
  if (!difference) return `${styled("green", "the same")}: ${decisions} decisions, ${build} core, byte for byte${end}`;
  const { line, domain, event, now, recorded, replayed, octet } = difference;
  return [
    `${styled("red", "different")} after ${decisions} that are the same, ${build} core`,
    `line ${line}: event ${printable(event)} of ${printable(domain)} at ${new Date(now * 1000).toISOString()}`,
    `recorded status ${recorded}, now ${replayed ?? "the request does not fit"}${octet === null ? "" : `, first difference in octet ${octet} of the output`}`,
  ].join("\n");
}
