/** What Exim asks; docs/mtas.md is the contract. */
export type EximRequest =
  | { readonly verb: "MODE" | "OTHERS" | "NOHOST"; readonly domain: string }
  | {
      readonly verb: "MXOK";
      readonly domain: string;
      readonly host: string;
      /** DNS names of the certificate the host has shown; null when it has shown none yet, or TLSA records verify it. */
      readonly names: readonly string[] | null;
    }
  | ({ readonly verb: "EVENT" } & EximEvent);

/** One outcome that Exim's event_action reports. */
export interface EximEvent {
  /** Exim's own name: "msg:delivery", "msg:host:defer", "dane:fail". */
  readonly name: string;
  readonly domain: string;
  readonly host: string;
  readonly address: string;
  /** Exim's errno; "0" where there is none. */
  readonly errno: string;
  /** Exim's words, perhaps from the network. */
  readonly data: string;
}

const EVENT = /^EVENT ([a-z:]+) (\S+) (\S+) (\S+) (-?[0-9]+)(?: (.*))?$/;

/** One line without its end; null for everything that is no request. */
export function parseRequest(line: string): EximRequest | null {
  const [verb, first, second, more, beyond] = line.split(" ");
  const ofDomain = verb === "MODE" || verb === "OTHERS" || verb === "NOHOST";
  if (ofDomain && first && second === undefined) return { verb, domain: first };
  if (verb === "MXOK" && first && second && beyond === undefined)
    return { verb, domain: first, host: second, names: namesOf(more) };
  const [, name, domain, host, address, errno, data = ""] = EVENT.exec(line) ?? [];
  if (name === undefined) return null;
  return { verb: "EVENT", name, domain, host, address, errno, data } as EximRequest;
}

/** Exim writes a comma that is part of a name twice, which leaves an empty name: such a list is worth nothing. */
function namesOf(list: string | undefined): readonly string[] | null {
  if (list === undefined || list === "-") return null;
  const names = list.split(",");
  return names.includes("") ? [] : names;
}
