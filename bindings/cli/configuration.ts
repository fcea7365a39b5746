import type { Config, MtaListener } from "../../host/config/config.ts";
import { loadConfig } from "../../host/config/load.ts";
import { ConfigError } from "../../host/config/problem.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";

/** The configuration as every command reads it; what is wrong with it is a fault of usage. */
export function readConfig(file: string | undefined): Config {
  try {
    return loadConfig({
      ...(file === undefined ? {} : { file }),
      env: process.env,
      isRoot: process.getuid?.() === 0,
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const advice = "docs/configuration.md lists every key";
    throw new CommandFailure(EXIT.usage, `the configuration cannot be used; ${advice}\n${error.message}`, {
      cause: error,
    });
  }
}

/** The first listener of a kind; a fault of usage, with the line that adds one, where there is none. */
export function listenerOf(file: string | undefined, kind: "exim" | "opensmtpd"): MtaListener {
  for (const listener of readConfig(file).listen) if (listener.kind === kind) return listener;
  const advice = `add "- ${kind}: unix:/run/mta-sts/${kind}.sock" to listen, and restart the daemon`;
  throw new CommandFailure(EXIT.usage, `the configuration has no ${kind} listener; ${advice} (docs/mtas.md)`);
}

/** Where the daemon of this configuration can be spoken to; null when it has no control socket. */
export function controlPath(config: Config): string | null {
  for (const listener of config.listen) if (listener.kind === "control") return listener.address.path;
  return null;
}
