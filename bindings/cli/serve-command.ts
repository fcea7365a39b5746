import { type Command, InvalidArgumentError } from "commander";
import { ConfigError } from "../../host/config/problem.ts";
import { createLog } from "../../host/observe/log.ts";
import { printable } from "../../host/observe/printable.ts";
import { StoreError } from "../../host/store/types.ts";
import { refuseUnsafeEnvironment } from "../../host/tls/trust.ts";
import { readConfig } from "./configuration.ts";
import { Daemon } from "./daemon.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";
import { say } from "./output.ts";

/** Milliseconds; stopping is bounded by 5 s for the MTAs, and a disk that hangs must not hold the process for ever. */
const STOP_LIMIT = 10_000;
const ABANDON_LIMIT = 2_000;

const EXAMPLES = `
Examples:
  $ mta-sts serve                                   built-in defaults, or /etc/mta-sts/config.yaml if there is one
  $ mta-sts serve --config ./mta-sts.yaml
  $ MTA_STS_LOG_LEVEL=debug mta-sts serve
  $ mta-sts serve --record /var/lib/mta-sts/decisions.jsonl    for a bug report: domains, records, policies; no mail
  $ postmap -q example.com socketmap:inet:127.0.0.1:8461:postfix

In main.cf: smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:postfix
Signals: SIGTERM and SIGINT answer what is pending and end the daemon; a second one ends it at once.
Exit codes: 0 stopped, 1 fault in mta-sts itself, 2 configuration, 3 an address or the store cannot be used.`;

export function addServe(program: Command): void {
  program
    .command("serve")
    .description("run the daemon that answers MTAs")
    .option("--config <file>", "YAML configuration (default: /etc/mta-sts/config.yaml, else built-in defaults)")
    .option("--record <file>", "write every decision to this new file, for `mta-sts replay`")
    .option("--record-limit <MiB>", "size at which the record ends; the daemon goes on", mebibytes, 256)
    .addHelpText("after", EXAMPLES)
    .action(async (options: Options) => serve(options));
}

interface Options {
  readonly config?: string;
  readonly record?: string;
  readonly recordLimit: number;
}

function mebibytes(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("a whole number of MiB, at least 1");
  return Number(text);
}

async function serve(options: Options): Promise<void> {
  const stop = stopSignals();
  const daemon = await start(options);
  onFault(daemon);
  const cause = await stop;
  const late = setTimeout(() => {
    say(`still not stopped after ${STOP_LIMIT / 1000} s, most likely the disk of the store hangs; giving up`);
    process.exit(EXIT.no);
  }, STOP_LIMIT);
  late.unref();
  await daemon.stop(cause);
}

/** Resolves with the first signal to stop; the second one ends the process at once. */
function stopSignals(): Promise<string> {
  process.on("SIGHUP", () => say("SIGHUP changes nothing: the configuration is read at start; restart to apply it"));
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (asked) process.exit(EXIT.no);
      asked = true;
      resolve(signal);
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  });
}

async function start({ config, record, recordLimit }: Options): Promise<Daemon> {
  try {
    refuseUnsafeEnvironment();
  } catch (error) {
    throw new CommandFailure(EXIT.usage, (error as Error).message, { cause: error });
  }
  try {
    const recording = record === undefined ? null : { path: record, maxBytes: recordLimit * 1048576 };
    return await Daemon.start(readConfig(config), recording);
  } catch (error) {
    if (error instanceof CommandFailure && error.exitCode === EXIT.usage) logConfigError(error);
    if (!(error instanceof StoreError)) throw error;
    throw new CommandFailure(EXIT.temporary, `${printable(error.message, 500)}; not starting`, { cause: error });
  }
}

/** Whoever collects the log finds every problem there too; a person at a terminal reads the message alone. */
function logConfigError(error: CommandFailure): void {
  if (process.stdout.isTTY) return;
  const log = createLog({ level: "info", format: "auto" });
  const problems = error.cause instanceof ConfigError ? error.cause.problems : [];
  for (const { where, message } of problems) log.event("config-error", { detail: `${where}: ${message}` });
}

/** A fault nobody caught: never keep running in an unknown state. Postfix defers the mail until we are back. */
function onFault(daemon: Daemon): void {
  process.on("uncaughtException", (error, origin) => {
    const detail = error instanceof Error ? error.message : String(error);
    const outcome = "the daemon ends, mail stays queued until it is started again";
    daemon.log.event("internal-error", { where: origin, detail, error, outcome });
    const end = () => process.exit(EXIT.no);
    setTimeout(end, ABANDON_LIMIT);
    daemon.abandon().then(end, end);
  });
}
