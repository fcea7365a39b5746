import type { Command } from "commander";
import { printable } from "../../host/observe/printable.ts";
import { domainArgument } from "./arguments.ts";
import type { ControlClient } from "./control-client.ts";
import { type DomainView, describeView, exitCodeOf } from "./domain-view.ts";
import { EXIT } from "./exit-codes.ts";
import { asJson, labelled, print, printSlowly, progress, say, styled } from "./output.ts";
import { type ControlOptions, withDaemon } from "./with-daemon.ts";
import { duration } from "./wording.ts";

const EXAMPLES = `
Examples:
  $ mta-sts cache list
  $ mta-sts cache show example.com --json
  $ mta-sts cache refresh example.com
  $ mta-sts cache forget example.com

Speaks to the running daemon through its control socket: run it as the daemon's user or as root.
Exit codes: 0 done, 1 nothing is known of the domain, 2 usage, 3 no daemon answers or it could not do it now.`;

interface Options extends ControlOptions {
  readonly json?: boolean;
}

type Action = (client: ControlClient, domain: string, json: boolean) => Promise<void>;

export function addCache(program: Command): void {
  const cache = program
    .command("cache")
    .description("see and change what the running daemon remembers")
    .addHelpText("after", EXAMPLES);
  const add = (name: string, description: string, action: Action) => {
    const command = cache.command(name).description(description);
    if (name !== "list") command.argument("<domain>", "the domain that mail is sent to", domainArgument);
    command
      .option("--json", name === "list" ? "one JSON object a line" : "one JSON object on standard output")
      .option("--socket <path>", "control socket of the daemon (default: that of the configuration)")
      .option("--config <file>", "YAML configuration that names the control socket")
      .addHelpText("after", `\nExample:\n  $ mta-sts cache ${name}${name === "list" ? "" : " example.com"}\n`)
      .action(async () => {
        const options = command.opts<Options>();
        await run(action, command.processedArgs[0] ?? "", options);
      });
  };
  add("list", "every stored policy", list);
  add("show", "what is held for a domain", show);
  add("forget", "drop what is held for a domain; the next mail to it starts anew", forget);
  add("refresh", "fetch the policy of a domain now; the held one stays in force meanwhile", refresh);
}

async function run(action: Action, domain: string, { json = false, ...options }: Options): Promise<void> {
  await withDaemon(options, (client) => action(client, domain, json));
}

async function list(client: ControlClient, _domain: string, json: boolean): Promise<void> {
  let count = 0;
  for await (const view of client.list()) {
    count++;
    await printSlowly(json ? asJson(view) : row(view));
  }
  if (count === 0) say("no policies are stored");
}

function row({ domain, policy }: DomainView): string {
  if (policy === null) return `${domain.padEnd(32)} ${styled("dim", "expired")}`;
  const id = printable(policy.id).padEnd(20);
  return `${domain.padEnd(32)} ${policy.mode.padEnd(8)} ${id} expires in ${duration(policy.expiresIn)}`;
}

async function show(client: ControlClient, domain: string, json: boolean): Promise<void> {
  const view = await client.show(domain);
  if (view === null) {
    if (json) print(asJson({ version: 1, domain, verdict: null, policy: null, stored: false }));
    say(`nothing is known of ${domain}; a live lookup is: mta-sts query ${domain}`);
    process.exitCode = EXIT.no;
  } else print(json ? asJson(view) : labelled(domain, `\n${describeView(view)}`));
}

async function forget(client: ControlClient, domain: string, json: boolean): Promise<void> {
  const answer = await client.forget(domain);
  if (json) print(asJson(answer));
  else
    print(
      answer.forgotten
        ? `${domain} is forgotten; the next mail to it starts a new lookup`
        : `nothing was known of ${domain}`,
    );
  process.exitCode = answer.forgotten ? EXIT.good : EXIT.no;
}

async function refresh(client: ControlClient, domain: string, json: boolean): Promise<void> {
  progress(`the daemon looks ${domain} up`);
  const view = await client.refresh(domain);
  print(json ? asJson(view) : labelled(domain, `\n${describeView(view)}`));
  process.exitCode = exitCodeOf(view);
}
