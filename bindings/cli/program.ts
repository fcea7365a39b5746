import { styleText } from "node:util";
import { Command } from "commander";
import { addCache } from "./cache-command.ts";
import { addEximConfig } from "./exim-config-command.ts";
import { addExplain } from "./explain-command.ts";
import { addOpenSmtpdTable } from "./opensmtpd-table-command.ts";
import { addParsePolicy } from "./policy-command.ts";
import { addQuery } from "./query-command.ts";
import { addParseRecord } from "./record-command.ts";
import { addReplay } from "./replay-command.ts";
import { addServe } from "./serve-command.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `
Examples:
  $ mta-sts serve                      answer Postfix on 127.0.0.1:8461, and other MTAs as configured
  $ mta-sts query example.com          what does this domain promise, and what would Postfix be told?
  $ mta-sts parse-policy mta-sts.txt   is this policy valid?
  $ mta-sts cache list                 what does the daemon remember?
  $ mta-sts explain example.com        why does it answer as it does for this domain?

Exit codes: 0 good, 1 the answer is no or not valid, 2 usage or configuration, 3 cannot be said or done now.
Each command explains itself with --help; docs/commands.md has it all.`;

/** The `mta-sts` command. Commander throws where it would end the process: main.ts decides on the exit code. */
export function createProgram(): Command {
  const program = new Command("mta-sts")
    .description("MTA-STS (RFC 8461) for sending MTAs: finds, remembers and enforces the policies of other domains")
    .version(`mta-sts ${VERSION}`, "-V, --version", "show the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .showSuggestionAfterError()
    .showHelpAfterError("run with --help for usage and examples")
    .configureHelp({ styleTitle: (title) => styleText("bold", title, { validateStream: false }) })
    .exitOverride()
    .addHelpText("after", EXAMPLES);
  addServe(program);
  addQuery(program);
  addParsePolicy(program);
  addParseRecord(program);
  addCache(program);
  addExplain(program);
  addReplay(program);
  addEximConfig(program);
  addOpenSmtpdTable(program);
  return program;
}
