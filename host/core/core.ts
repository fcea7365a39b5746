import { Areas } from "./areas.ts";
import type { CoreExports } from "./exports.ts";
import { type JudgeRequest, type JudgeResult, judge } from "./judge.ts";
import {
  type Addresses,
  type DaneState,
  ERRORS,
  type ErrorName,
  type Leniency,
  leniencyBits,
  leniencyNames,
  MODES,
  type Mode,
  nameOf,
} from "./names.ts";
import { type PlanEntry, type PlanRequest, plan } from "./plan.ts";
import { replayStep, runStep, type StepListener, type StepRequest, type StepResult } from "./step.ts";
import type { RecordedStep } from "./step-record.ts";
import {
  type PeerCertificate,
  type TlsaBase,
  type TlsaMatch,
  type TlsaRrset,
  tlsaBase,
  tlsaMatch,
  tlsaUsable,
} from "./tlsa.ts";

export interface CoreError {
  readonly ok: false;
  readonly code: ErrorName;
  readonly reason: string;
  /** Byte offset where reading stopped. */
  readonly offset: number;
}

export type SelectedRecord =
  | { readonly ok: true; readonly id: string; readonly leniencies: readonly Leniency[] }
  | CoreError
  | { readonly ok: false; readonly code: "no-record"; readonly reason: string; readonly offset: number };

export type ParsedPolicy =
  | {
      readonly ok: true;
      readonly mode: Mode;
      /** Seconds, clamped to 31557600. */
      readonly maxAge: number;
      /** Lower-case patterns in the order of the policy. */
      readonly mx: readonly string[];
      readonly leniencies: readonly Leniency[];
    }
  | CoreError;

/** One TXT RR: its text, its bytes, or its character-strings one by one. */
export type TxtRecord = string | Uint8Array | readonly (string | Uint8Array)[];

const toBytes = (text: string | Uint8Array): Uint8Array => (typeof text === "string" ? Buffer.from(text) : text);

const STRING_LIMIT = 255;

/** Character-strings as RDATA: a length octet before each; longer text is cut into strings of 255. */
export function txtRdata(record: TxtRecord): Uint8Array {
  const parts = (Array.isArray(record) ? record : [record]).map(toBytes);
  const octets = (part: Uint8Array) => part.length + Math.max(1, Math.ceil(part.length / STRING_LIMIT));
  const rdata = new Uint8Array(parts.reduce((sum, part) => sum + octets(part), 0));
  let end = 0;
  for (const part of parts) {
    for (let at = 0; at === 0 || at < part.length; at += STRING_LIMIT) {
      const length = Math.min(part.length - at, STRING_LIMIT);
      rdata[end] = length;
      rdata.set(length === part.length ? part : part.subarray(at, at + length), end + 1);
      end += 1 + length;
    }
  }
  return rdata;
}

/**
 * The decision core behind a typed API. One instance serves one thread; calls are synchronous and pure. Throws only
 * when a request does not fit the IN area or the core itself misbehaves.
 */
export class Core {
  readonly #areas: Areas;
  /** Hears every step; null: nobody does. */
  onStep: StepListener | null = null;

  /** `again` makes another instance of the same module, for after a trap. */
  constructor(exports: CoreExports, again?: () => CoreExports) {
    this.#areas = new Areas(exports, again);
  }

  /** The one valid MTA-STS record of an RRset, or why there is none (RFC 8461 §3.1). */
  selectRecord(rrset: readonly TxtRecord[], leniency: readonly Leniency[] = []): SelectedRecord {
    let length = 0;
    for (const record of rrset) {
      const rdata = txtRdata(record);
      if (rdata.length > 65535 || !this.#areas.write(rdata, length + 2)) return this.#error(-2, 0);
      this.#areas.put16(length, rdata.length);
      length += 2 + rdata.length;
    }
    const status = this.#areas.call((core) =>
      core.mtasts_record_select(this.#areas.in, length, leniencyBits(leniency)),
    );
    if (status < 0) return this.#error(status);
    if (status === 0) return { ok: false, code: "no-record", reason: "there is no MTA-STS record", offset: 0 };
    const id = this.#areas.payloadText(8, this.#areas.get32(4));
    return { ok: true, id, leniencies: leniencyNames(this.#areas.get32(0)) };
  }

  /** A policy body (RFC 8461 §3.2). */
  parsePolicy(body: string | Uint8Array, leniency: readonly Leniency[] = []): ParsedPolicy {
    const length = this.#areas.writeContent(body, 0);
    if (length < 0) return this.#error(-30, 65536);
    const status = this.#areas.call((core) => core.mtasts_policy_parse(this.#areas.in, length, leniencyBits(leniency)));
    if (status < 0) return this.#error(status);
    const text = this.#areas.requestText(length).toLowerCase();
    const mx: string[] = [];
    for (let i = 0; i < this.#areas.get32(12); i++) {
      const start = this.#areas.get32(16 + i * 8);
      mx.push(text.slice(start, start + this.#areas.get32(20 + i * 8)));
    }
    const mode = nameOf(MODES, this.#areas.get32(0));
    return { ok: true, mode, maxAge: this.#areas.get32(4), mx, leniencies: leniencyNames(this.#areas.get32(8)) };
  }

  /** Does the pattern cover the MX host name (RFC 8461 §4.1)? False for anything that is no pattern or no host name. */
  matchesMx(pattern: string, host: string): boolean {
    const patternLength = this.#areas.writeText(pattern, 0);
    if (patternLength < 0) return false;
    const hostLength = this.#areas.writeText(host, patternLength);
    if (hostLength < 0) return false;
    const at = this.#areas.in;
    return this.#areas.call((core) => core.mtasts_mx_match(at, patternLength, at + patternLength, hostLength)) === 1;
  }

  /** Does one of the certificate's DNS-IDs name the host (RFC 9525 §6.3)? */
  matchesDnsId(names: readonly string[], host: string): boolean {
    let length = 0;
    for (const name of names) {
      const n = this.#areas.writeText(name, length + 2);
      if (n < 0 || n > 65535) return false;
      this.#areas.put16(length, n);
      length += 2 + n;
    }
    const hostLength = this.#areas.writeText(host, length);
    if (hostLength < 0) return false;
    const at = this.#areas.in;
    return this.#areas.call((core) => core.mtasts_dnsid_match(at, length, at + length, hostLength)) === 1;
  }

  /** The cache behaviour: state and event -> effects (docs/abi.md "step"). */
  step(request: StepRequest): StepResult {
    return runStep(this.#areas, request, this.onStep);
  }

  /** The same call once more, from the bytes of a record. Null: it does not fit the IN area. */
  replay(request: Uint8Array): Omit<RecordedStep, "request"> | null {
    return replayStep(this.#areas, request);
  }

  /** What to do with each MX host under a decision; entries in the order of `hosts`. */
  plan(request: PlanRequest): PlanEntry[] {
    return plan(this.#areas, request);
  }

  /** May the message go over this session? */
  judge(request: JudgeRequest): JudgeResult {
    return judge(this.#areas, request);
  }

  /**
   * Which TLSA records SMTP can use (RFC 7672 §3.1), after digest agility (RFC 7671 §9). `records`: RDATA of a secure RRset.
   * Throws RangeError when they do not fit: that host must wait.
   */
  tlsaUsable(records: readonly Uint8Array[]): TlsaRrset {
    return tlsaUsable(this.#areas, records);
  }

  /** Which of a host's TLSA records match which certificate that its server sent, leaf first (RFC 6698 §2.1). */
  tlsaMatch(records: readonly Uint8Array[], certificates: readonly PeerCertificate[]): TlsaMatch[] {
    return tlsaMatch(this.#areas, records, certificates);
  }

  /** The TLSA base domain (RFC 7672 §2.2.2): which candidate to ask for next, or the host's DANE state. */
  tlsaBase(addresses: Addresses, expanded: DaneState = "unknown", original: DaneState = "unknown"): TlsaBase {
    return tlsaBase(this.#areas, addresses, expanded, original);
  }

  #error(status: number, offset = this.#areas.errorOffset): CoreError {
    const [code, reason] = nameOf(ERRORS, status);
    return { ok: false, code, reason, offset };
  }
}
