import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { formatAddress } from "../../host/config/addresses.ts";
import { reasonOf } from "../../host/config/unreadable.ts";
import { printable } from "../../host/observe/printable.ts";
import { eximConfig, PLAIN_VALUE } from "../exim/config.ts";
import { makeDenyCa } from "../exim/deny-ca.ts";
import { listenerOf } from "./configuration.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";
import { print } from "./output.ts";

const EXAMPLES = `
Examples:
  $ mta-sts exim-config                        writes /etc/exim4/mta-sts
  $ mta-sts exim-config --ca-file /etc/ssl/certs/ca-certificates.crt /etc/exim/mta-sts

The daemon must listen for Exim, in its configuration:
  listen:
    - exim: { path: unix:/run/mta-sts/exim.sock, group: Debian-exim }

Writes main.conf, routers.conf, transports.conf and deny-ca.pem; then says where each is included.
Exit codes: 0 written, 2 usage or configuration, 3 the directory cannot be written.`;

interface Options {
  readonly config?: string;
  readonly caFile: string;
}

export function addEximConfig(program: Command): void {
  program
    .command("exim-config")
    .description("write the routers and transports that make Exim enforce")
    .argument("[directory]", "where the files go", plain, "/etc/exim4/mta-sts")
    .option("--config <file>", "YAML configuration of the daemon (default: as for serve)")
    .option(
      "--ca-file <file>",
      "CAs that MX hosts are verified against; system: those of the TLS library",
      caFile,
      "system",
    )
    .addHelpText("after", EXAMPLES)
    .action((directory: string, options: Options) => writeEximConfig(resolve(directory), options));
}

/** A value goes into Exim's configuration as it is: nothing in it may mean something there. */
function plain(text: string): string {
  if (PLAIN_VALUE.test(text)) return text;
  throw new InvalidArgumentError(
    `${printable(text, 100)} has characters that mean something to Exim; choose a plain path`,
  );
}

/** Exim sends in clear to hosts without a policy when it cannot read its CA file. */
function caFile(text: string): string {
  if (text === "system") return text;
  const file = plain(text);
  if (!isAbsolute(file) || !existsSync(file))
    throw new InvalidArgumentError(`${printable(text, 100)} is no absolute path of a file that exists`);
  return file;
}

function writeEximConfig(directory: string, { config, caFile }: Options): void {
  const files = eximConfig({ socket: socketOf(config), directory: plain(directory), caFile });
  const denyCa = join(directory, "deny-ca.pem");
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    chmodSync(directory, 0o755);
    // Kept when it is there: an Exim that runs may be reading it.
    if (!existsSync(denyCa)) replace(denyCa, makeDenyCa());
    for (const [name, text] of Object.entries(files)) replace(join(directory, name), text);
  } catch (error) {
    const message = `${printable(directory)} cannot be written: ${reasonOf(error)}; run as root or name another directory`;
    throw new CommandFailure(EXIT.temporary, message, { cause: error });
  }
  print(instructions(directory));
}

/**
 * Each message makes an Exim that reads these files: it must find the old one or the new one, whole, and be allowed to
 * read it whatever the umask.
 */
function replace(path: string, text: string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text);
  chmodSync(temporary, 0o644);
  renameSync(temporary, path);
}

/** The first `exim` listener of the configuration, as ${readsocket} names it. */
function socketOf(configFile: string | undefined): string {
  const { address } = listenerOf(configFile, "exim");
  if (address.transport === "tcp" && (address.port === 0 || ["0.0.0.0", "::"].includes(address.host)))
    throw new CommandFailure(
      EXIT.usage,
      `Exim cannot ask at ${formatAddress(address)}; give the exim listener a port and an address, best a unix socket`,
    );
  const socket = address.transport === "unix" ? resolve(address.path) : `inet:${formatAddress(address)}`;
  if (!PLAIN_VALUE.test(socket))
    throw new CommandFailure(
      EXIT.usage,
      `${printable(socket)} has characters that mean something to Exim; move the socket`,
    );
  return socket;
}

function instructions(directory: string): string {
  return `Written to ${directory}. In Exim's configuration:

  before "begin":            .include ${directory}/main.conf
  after "begin routers":     .include ${directory}/routers.conf    (and remove the dnslookup router for other domains)
  after "begin transports":  .include ${directory}/transports.conf

The domain list "local_domains" must exist. Then: exim -bV, and exim -bt somebody@gmail.com
names mta_sts_enforce while the daemon runs. docs/mtas.md has the rest.`;
}
