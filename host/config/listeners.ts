import { printable } from "../observe/printable.ts";
import { type AddressFault, formatAddress, parseListenAddress, parseSocketPath, parseTcpAddress } from "./addresses.ts";
import type {
  ControlListener,
  HttpListener,
  ListenAddress,
  Listener,
  MtaKind,
  MtaListener,
  SocketAddress,
} from "./config.ts";
import { readDuration } from "./durations.ts";
import type { Path, Report } from "./problem.ts";
import { schemaOf } from "./settings.ts";

/** What a listener entry may hold once schema.json has accepted it. */
interface ListenerOptions {
  readonly path?: string;
  readonly address?: string;
  readonly mode?: string;
  readonly group?: string;
  readonly deadline?: string;
}
type Entry = Readonly<Record<string, string | ListenerOptions>>;

const SOCKET_MODE = String(schemaOf(["listen", 0, "http", "mode"]).default);
const CONTROL_MODE = String(schemaOf(["listen", 0, "control", "mode"]).default);

/** The entries of `listen`; those that are undefined were refused by the schema already. Faulty ones are left out. */
export function readListeners(entries: readonly (Entry | undefined)[], report: Report): readonly Listener[] {
  const listeners: Listener[] = [];
  const taken = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const [kind, value] = Object.entries(entry ?? {})[0] ?? [];
    if (kind === undefined || value === undefined) continue;
    const listener = readListener(kind as Listener["kind"], value, (path, message) =>
      report([index, kind, ...path], message),
    );
    if (listener === null) continue;
    const place = formatAddress(listener.address);
    const shared = taken.has(place) && !(listener.address.transport === "tcp" && listener.address.port === 0);
    if (shared)
      report([index, kind], `${printable(place, 120)} is taken by a listener above; expected an address of its own`);
    taken.add(place);
    listeners.push(listener);
  }
  return listeners;
}

function readListener(kind: Listener["kind"], value: string | ListenerOptions, report: Report): Listener | null {
  const options = typeof value === "string" ? {} : value;
  const address = readAddress(value, kind === "control" ? CONTROL_MODE : (options.mode ?? SOCKET_MODE), report);
  if (address === null) return null;
  switch (kind) {
    case "postfix":
    case "exim":
    case "opensmtpd":
      return { kind, address, deadline: readDeadline(kind, options.deadline, report) } satisfies MtaListener;
    case "http":
      return { kind, address } satisfies HttpListener;
    case "control":
      // The schema admits unix sockets only; there is no way to get a control port on TCP.
      return { kind, address: address as SocketAddress } satisfies ControlListener;
  }
}

function readDeadline(kind: MtaKind, text: string | undefined, report: Report): number {
  const schema = schemaOf(["listen", 0, kind, "deadline"]);
  return readDuration(text ?? String(schema.default), schema, (message) => report(["deadline"], message));
}

function readAddress(value: string | ListenerOptions, mode: string, report: Report): ListenAddress | null {
  if (typeof value === "string") return accept(value, parseListenAddress(value), { mode }, [], report);
  const { path, address } = value;
  if (path !== undefined && address !== undefined)
    report(["address"], "stands beside path; expected one of the two, each listener is one socket");
  else if (path !== undefined) return accept(path, parseSocketPath(path), { ...value, mode }, ["path"], report);
  else if (address === undefined) report([], "has no address; expected path (a unix socket) or address (host:port)");
  else {
    for (const key of ["mode", "group"] as const)
      if (value[key] !== undefined) report([key], "is for unix sockets only; expected path in place of address");
    return accept(address, parseTcpAddress(address), { mode }, ["address"], report);
  }
  return null;
}

function accept(
  text: string,
  parsed: ReturnType<typeof parseListenAddress> | AddressFault,
  options: { readonly mode: string; readonly group?: string },
  path: Path,
  report: Report,
): ListenAddress | null {
  if ("fault" in parsed) {
    report(path, `${printable(text, 80)} ${parsed.fault}`);
    return null;
  }
  if (parsed.transport === "tcp") return parsed;
  return { ...parsed, mode: Number.parseInt(options.mode, 8), group: options.group ?? null };
}
