import type { Notice } from "../core/names.ts";
import type { DnsFailure } from "../dns/types.ts";
import type { FetchFailure } from "../https/types.ts";
import type { StoreFailure } from "../store/types.ts";
import type { Decision } from "./decision.ts";

/** Where a policy came from, for whoever has to find out whether its domain published it. */
export interface PolicyOrigin {
  /** SHA-256 of the policy's lines, joined by LF, in hex. */
  readonly digest: string;
  /** That of the policy it replaces; null when none was held. */
  readonly replaced: string | null;
  /** SHA-256 fingerprint of the policy host's certificate in hex, to be looked up in Certificate Transparency. */
  readonly certificate: string | null;
}

/** Something the core wants an operator or TLSRPT to hear of. */
export interface EngineNotice {
  readonly notice: Notice;
  readonly domain: string;
  /** What went wrong, printable, "" when nothing did. */
  readonly detail: string;
  /** The notice's own number: percent of max_age, bits of leniencies, seconds. */
  readonly number: number;
  /** The answer that goes with it: what is done with mail to this domain now. Null when none was due. */
  readonly decision: Decision | null;
  /** Of a policy that is honoured from now on; left out of all other notices. */
  readonly origin?: PolicyOrigin;
}

/** Hears what the engine does. Every method must return soon and never throw. */
export interface EngineObserver {
  notice(notice: EngineNotice): void;
  /** One lookup was answered. */
  answered(decision: Decision): void;
  queried(outcome: "records" | "nxdomain" | "nodata" | DnsFailure): void;
  /** A GET ended after `seconds`; "policy-invalid" is counted by its notice. */
  fetched(domain: string, result: "ok" | FetchFailure, seconds: number): void;
  /** The store could not be read or written; the outcome says what was done instead. */
  storeFailed(failure: StoreFailure, domain: string, detail: string): void;
  /** A fault of ours: the lookups concerned were answered TEMP. */
  fault(where: string, error: unknown): void;
}

export const silentObserver: EngineObserver = {
  notice: () => {},
  answered: () => {},
  queried: () => {},
  fetched: () => {},
  storeFailed: () => {},
  fault: () => {},
};
