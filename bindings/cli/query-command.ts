import type { Command } from "commander";
import { domainArgument } from "./arguments.ts";
import { controlPath, readConfig } from "./configuration.ts";
import { ControlClient, ControlRefused, ControlUnreachable } from "./control-client.ts";
import { lookUpLive } from "./live-lookup.ts";
import { asJson, print, progress } from "./output.ts";
import { type DaemonAnswer, exitCodeOf, toJson, toText } from "./query-report.ts";

const EXAMPLES = `
Examples:
  $ mta-sts query example.com
  $ mta-sts query bücher.example --json
  $ mta-sts query example.com && echo "has a policy that can be used"

Looks the domain up now, the way the daemon would if it knew nothing yet, and shows what the daemon holds.
Exit codes: 0 a valid policy, 1 no policy or none that can be used, 2 usage, 3 cannot be said now (DNS or policy host).`;

interface Options {
  readonly json?: true;
  readonly config?: string;
  readonly socket?: string;
}

export function addQuery(program: Command): void {
  program
    .command("query")
    .description("look a domain's policy up now and explain each step")
    .argument("<domain>", "the domain that mail is sent to", domainArgument)
    .option("--json", "one JSON object on standard output")
    .option("--config <file>", "YAML configuration, for resolver, CA file and control socket")
    .option("--socket <path>", "control socket of the daemon (default: that of the configuration)")
    .addHelpText("after", EXAMPLES)
    .action(async (domain: string, options: Options) => query(domain, options));
}

async function query(domain: string, options: Options): Promise<void> {
  const config = readConfig(options.config);
  const found = await lookUpLive(domain, config);
  progress("asking the daemon");
  const daemon = await askDaemon(domain, options.socket ?? controlPath(config));
  print(options.json ? asJson(toJson(found, daemon)) : toText(found, daemon));
  process.exitCode = exitCodeOf(found);
}

async function askDaemon(domain: string, socket: string | null): Promise<DaemonAnswer> {
  if (socket === null) return { reached: false, socket, why: "the configuration has no control socket to ask it on" };
  try {
    return { reached: true, socket, view: await new ControlClient(socket).show(domain) };
  } catch (error) {
    if (!(error instanceof ControlUnreachable || error instanceof ControlRefused)) throw error;
    return { reached: false, socket, why: error.message };
  }
}
