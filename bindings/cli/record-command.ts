import type { Command } from "commander";
import type { SelectedRecord } from "../../host/core/core.ts";
import { loadCore } from "../../host/core/load.ts";
import type { Leniency } from "../../host/core/names.ts";
import { leniencyOption } from "./arguments.ts";
import { EXIT } from "./exit-codes.ts";
import { asJson, print, say, styled } from "./output.ts";

const EXAMPLES = `
Examples:
  $ mta-sts parse-record "v=STSv1; id=20240101T000000;"
  $ mta-sts parse-record --json "v=spf1 -all" "v=STSv1; id=1"

Each argument is one TXT record found at _mta-sts.DOMAIN, without the quotes that dig shows around it.
Exit codes: 0 exactly one valid record, 1 none, several or not valid, 2 usage.`;

interface Options {
  readonly json?: true;
  readonly leniency?: readonly Leniency[];
}

export function addParseRecord(program: Command): void {
  program
    .command("parse-record")
    .description("check the TXT records of _mta-sts.DOMAIN as a sending MTA reads them")
    .argument("<txt...>", "the text of each TXT record")
    .option("--json", "one JSON object on standard output")
    .option("--leniency <names>", "accept named deviations, separated by commas", leniencyOption)
    .addHelpText("after", EXAMPLES)
    .action(async (texts: readonly string[], options: Options) => parseRecord(texts, options));
}

async function parseRecord(texts: readonly string[], { json, leniency = [] }: Options): Promise<void> {
  const selected = (await loadCore()).selectRecord(texts, leniency);
  if (!selected.ok && texts.some((text) => text.startsWith('"')))
    say("the quotes that dig prints around a record are no part of it");
  print(json ? asJson({ version: 1, ...selected }) : toText(selected));
  process.exitCode = selected.ok ? EXIT.good : EXIT.no;
}

function toText(selected: SelectedRecord): string {
  if (!selected.ok)
    return `${styled("red", "not valid")}: ${selected.reason} (${selected.code}, octet ${selected.offset} of the record)`;
  const needed = selected.leniencies.length === 0 ? "" : `\nneeded leniency: ${selected.leniencies.join(", ")}`;
  return `${styled("green", "valid")}, id ${selected.id}${needed}`;
}
