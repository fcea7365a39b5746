import { isIP } from "node:net";
import { canonicalDomain } from "../dns/names.ts";
import { parseServer } from "../dns/server.ts";
import { printable } from "../observe/printable.ts";
import { readCaFile } from "./ca-file.ts";
import type {
  CaFile,
  DaneMode,
  LeniencyName,
  Listener,
  LogFormat,
  LogLevel,
  OnDiscoveryFailure,
  StoreType,
} from "./config.ts";
import { readDuration } from "./durations.ts";
import { readListeners } from "./listeners.ts";
import type { Report } from "./problem.ts";
import { schemaOf } from "./settings.ts";

/** The value of each setting as the program uses it; null where the default is no value. */
export interface Values {
  readonly listen: readonly Listener[];
  readonly "dns.servers": readonly string[] | null;
  readonly "dns.timeout": number;
  readonly "dns.trust-ad": readonly string[] | null;
  readonly "dane.mode": DaneMode;
  readonly "dane.signed-names": readonly string[];
  readonly "dane.bogus-names": readonly string[];
  readonly "dane.not-for": readonly string[];
  readonly "https.ca-file": CaFile | null;
  readonly "https.timeout": number;
  readonly "https.allow-private-addresses": boolean;
  readonly "store.type": StoreType;
  readonly "store.path": string;
  readonly "policy.leniency": readonly LeniencyName[];
  readonly "policy.on-discovery-failure": OnDiscoveryFailure;
  readonly "log.level": LogLevel;
  readonly "log.format": LogFormat;
}

type Reader<T> = (value: unknown, report: Report) => T;

/**
 * What the schema cannot check, one reader for each setting: values arrive as schema.json has accepted them (list
 * items it refused are undefined) and leave as the program uses them. Faults go to `report`, then the result is void.
 */
export const readers: { readonly [Name in keyof Values]: Reader<Values[Name]> } = {
  listen: (value, report) => readListeners(value as Parameters<typeof readListeners>[0], report),
  "dns.servers": (value, report) => (value as readonly (string | undefined)[]).filter(isServer(report)),
  "dns.timeout": durationOf("dns", "timeout"),
  "dns.trust-ad": (value, report) =>
    (value as readonly (string | undefined)[]).filter((text, index): text is string => {
      if (text === undefined || isIP(text) !== 0) return text !== undefined;
      report([index], `expected ${schemaOf(["dns", "trust-ad", 0]).title}, found "${printable(text, 80)}"`);
      return false;
    }),
  "dane.mode": asIs,
  "dane.signed-names": zoneNames("signed-names"),
  "dane.bogus-names": zoneNames("bogus-names"),
  "dane.not-for": (value, report) =>
    (value as readonly (string | undefined)[]).flatMap((text, index) => domainIn(text, index, "not-for", report)),
  "https.ca-file": (value, report) => {
    const read = readCaFile(value as string);
    if (!("fault" in read)) return read;
    report(
      [],
      `"${printable(value as string)}" cannot be used (${read.fault}); expected ${schemaOf(["https", "ca-file"]).title}`,
    );
    return null;
  },
  "https.timeout": durationOf("https", "timeout"),
  "https.allow-private-addresses": asIs,
  "store.type": asIs,
  "store.path": asIs,
  "policy.leniency": (value) => [...new Set(value as readonly LeniencyName[])],
  "policy.on-discovery-failure": asIs,
  "log.level": asIs,
  "log.format": asIs,
};

/** For values that are right as soon as the schema accepts them. */
function asIs<T>(value: unknown): T {
  return value as T;
}

function durationOf(...path: string[]): Reader<number> {
  return (value, report) => readDuration(value as string, schemaOf(path), (message) => report([], message));
}

/** The names of zones to test with; "." is the root. */
function zoneNames(key: string): Reader<readonly string[]> {
  return (value, report) =>
    (value as readonly (string | undefined)[]).flatMap((text, index) =>
      text === "." ? ["."] : domainIn(text, index, key, report),
    );
}

function domainIn(text: string | undefined, index: number, key: string, report: Report): string[] {
  if (text === undefined) return [];
  const domain = canonicalDomain(text);
  if (domain !== null) return [domain];
  report([index], `expected ${schemaOf(["dane", key, 0]).title}, found "${printable(text, 80)}"`);
  return [];
}

function isServer(report: Report): (text: string | undefined, index: number) => text is string {
  return (text, index): text is string => {
    if (text === undefined || parseServer(text) !== null) return text !== undefined;
    report([index], `expected ${schemaOf(["dns", "servers", 0]).title}, found "${printable(text, 80)}"`);
    return false;
  };
}
