import type { Command } from "commander";
import { askDaemonAt } from "../opensmtpd/ask.ts";
import { serveTable } from "../opensmtpd/table.ts";
import { listenerOf } from "./configuration.ts";

const EXAMPLES = `
Not for people: smtpd(8) starts it. /usr/libexec/opensmtpd/table-mtasts, mode 0755:
  #!/bin/sh
  exec /usr/local/bin/mta-sts opensmtpd-table "$@"

and in smtpd.conf: table sts mtasts:/etc/mta-sts/config.yaml
docs/mtas.md has the whole configuration and its limits.
Exit codes: 0 smtpd has ended, 2 usage or configuration.`;

export function addOpenSmtpdTable(program: Command): void {
  program
    .command("opensmtpd-table")
    .description("table helper for OpenSMTPD: asks the daemon for smtpd(8)")
    .argument("[config]", "YAML configuration of the daemon (default: as for serve)")
    .addHelpText("after", EXAMPLES)
    .action(async (config: string | undefined) => {
      const { address } = listenerOf(config, "opensmtpd");
      await serveTable(process.stdin, process.stdout, askDaemonAt(address));
    });
}
