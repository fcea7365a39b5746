import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { Command } from "commander";
import { reasonOf } from "../../host/config/unreadable.ts";
import type { ParsedPolicy } from "../../host/core/core.ts";
import { loadCore } from "../../host/core/load.ts";
import type { Leniency } from "../../host/core/names.ts";
import { printable } from "../../host/observe/printable.ts";
import { leniencyOption } from "./arguments.ts";
import { styledMode } from "./domain-view.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";
import { asJson, print, progress, styled } from "./output.ts";
import { duration, placeOf } from "./wording.ts";

const EXAMPLES = `
Examples:
  $ mta-sts parse-policy mta-sts.txt
  $ curl -s https://mta-sts.example.com/.well-known/mta-sts.txt | mta-sts parse-policy
  $ mta-sts parse-policy --leniency blank-lines,byte-order-mark --json - < mta-sts.txt

Judges the text alone, not its Content-Type. Leniencies are explained in docs/configuration.md.
Exit codes: 0 valid, 1 not valid, 2 usage.`;

/** What the core refuses is longer than 64 KiB; more than this is not even read. */
const READ_LIMIT = 1024 * 1024;

interface Options {
  readonly json?: true;
  readonly leniency?: readonly Leniency[];
}

export function addParsePolicy(program: Command): void {
  program
    .command("parse-policy")
    .description("check a policy file as a sending MTA reads it")
    .argument("[file]", "the policy, - or nothing for standard input", "-")
    .option("--json", "one JSON object on standard output")
    .option("--leniency <names>", "accept named deviations, separated by commas", leniencyOption)
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, options: Options) => parsePolicy(file, options));
}

async function parsePolicy(file: string, { json, leniency = [] }: Options): Promise<void> {
  const content = await read(file);
  const parsed = (await loadCore()).parsePolicy(content, leniency);
  print(json ? asJson(toJson(parsed, content)) : toText(parsed, content));
  process.exitCode = parsed.ok ? EXIT.good : EXIT.no;
}

async function read(file: string): Promise<Uint8Array> {
  if (file === "-" && process.stdin.isTTY) progress("reading the policy from standard input; end it with Ctrl-D");
  const input: Readable = file === "-" ? process.stdin : createReadStream(file);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of input) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > READ_LIMIT) break;
    }
  } catch (error) {
    const name = file === "-" ? "standard input" : printable(file);
    throw new CommandFailure(EXIT.usage, `${name} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  return Buffer.concat(chunks);
}

function toJson(parsed: ParsedPolicy, content: Uint8Array) {
  if (parsed.ok) return { version: 1, ...parsed };
  const { line, column } = placeOf(content, parsed.offset);
  return { version: 1, ...parsed, line, column };
}

function toText(parsed: ParsedPolicy, content: Uint8Array): string {
  if (!parsed.ok) {
    const { line, column, text } = placeOf(content, parsed.offset);
    const verdict = `${styled("red", "not valid")}: ${parsed.reason} (${parsed.code})`;
    return `${verdict}\nline ${line}, column ${column}: ${text}`;
  }
  return [
    `${styled("green", "valid")}, mode ${styledMode(parsed.mode)}, max_age ${parsed.maxAge} s (${duration(parsed.maxAge)})`,
    ...parsed.mx.map((pattern) => `mx ${pattern}`),
    ...(parsed.leniencies.length === 0 ? [] : [`needed leniency: ${parsed.leniencies.join(", ")}`]),
  ].join("\n");
}
