import type { Command } from "commander";
import { domainArgument } from "./arguments.ts";
import { EXIT } from "./exit-codes.ts";
import { explanationText } from "./explanation.ts";
import { asJson, print, say } from "./output.ts";
import { type ControlOptions, withDaemon } from "./with-daemon.ts";

const EXAMPLES = `
Examples:
  $ mta-sts explain example.com
  $ mta-sts explain example.com --json

Asks the running daemon: what is known, since when and until when, what was tried last, what would be answered now and
why. Nothing is looked up and nothing changes; a live lookup is: mta-sts query example.com
Exit codes: 0 explained, 1 nothing is known of the domain, 2 usage, 3 no daemon answers.`;

interface Options extends ControlOptions {
  readonly json?: true;
}

export function addExplain(program: Command): void {
  program
    .command("explain")
    .description("what the daemon knows of a domain, and why it answers as it does")
    .argument("<domain>", "the domain that mail is sent to", domainArgument)
    .option("--json", "one JSON object on standard output")
    .option("--socket <path>", "control socket of the daemon (default: that of the configuration)")
    .option("--config <file>", "YAML configuration that names the control socket")
    .addHelpText("after", EXAMPLES)
    .action(async (domain: string, options: Options) => explain(domain, options));
}

async function explain(domain: string, options: Options): Promise<void> {
  const explanation = await withDaemon(options, (client) => client.explain(domain));
  if (explanation === null) {
    if (options.json) print(asJson({ version: 1, domain, mtaSts: null }));
    say(
      `nothing is known of ${domain}, the next mail to it starts a lookup; a live lookup is: mta-sts query ${domain}`,
    );
    process.exitCode = EXIT.no;
  } else print(options.json ? asJson(explanation) : explanationText(explanation));
}
