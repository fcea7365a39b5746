import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ADDRESSES } from "./addresses.ts";
import { absolute } from "./zone-text.ts";

/**
 * What is right or wrong with the signatures of a zone.
 * "signed": nothing is wrong. "expired": their time has passed. "wrong-ds": the parent vouches for another key, so that
 * nothing in the zone validates. "unsigned": the parent proves that there is no DS (an insecure delegation).
 */
export type Signing = "signed" | "expired" | "wrong-ds" | "unsigned";

export interface ZoneToSign {
  readonly apex: string;
  readonly lines: readonly string[];
  readonly signing: Signing;
  /** Denial by NSEC3 instead of NSEC (RFC 5155). */
  readonly nsec3?: boolean;
  /** The RDATA of every record of this type is changed after signing, as an attacker on the path does. */
  readonly tampered?: "TLSA" | "MX";
}

export interface SignedZoneFile {
  readonly apex: string;
  readonly file: string;
  /** What the parent publishes; [] for an insecure delegation. */
  readonly ds: readonly string[];
}

const ALGORITHM = "ECDSAP256SHA256";
const DAY = 86_400;

/** Signs zones with one key each (ldns-keygen, ldns-signzone); a zone signed again keeps its key. */
export class ZoneSigner {
  readonly #directory: string;
  readonly #keys = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = join(directory, "zones");
    mkdirSync(this.#directory, { recursive: true });
  }

  sign(zone: ZoneToSign): SignedZoneFile {
    const { apex, signing } = zone;
    const file = join(this.#directory, `${apex}.zone`);
    writeFileSync(file, zoneFile(zone));
    if (signing === "unsigned") return { apex, file, ds: [] };
    const key = this.#key(apex);
    this.#signFile(file, key, zone);
    const vouchedFor = signing === "wrong-ds" ? this.#key(`another.${apex}`, apex) : key;
    return { apex, file: `${file}.signed`, ds: [readFileSync(`${vouchedFor}.ds`, "utf8").trim()] };
  }

  #signFile(file: string, key: string, { apex, signing, nsec3, tampered }: ZoneToSign): void {
    const now = Math.floor(Date.now() / 1000);
    // Validators grant a skew, Unbound up to a day (val-sig-skew-max).
    const until = signing === "expired" ? now - 2 * DAY : now + DAY;
    const times = ["-i", stamp(now - 4 * DAY), "-e", stamp(until)];
    const denial = nsec3 === true ? ["-n", "-t", "0"] : [];
    this.#run("ldns-signzone", [...times, ...denial, "-o", absolute(apex), "-f", `${file}.signed`, file, key]);
    if (tampered === undefined) return;
    const honest = readFileSync(`${file}.signed`, "utf8");
    const changed = honest.split("\n").map((line) => tamper(line, tampered));
    if (changed.join("\n") === honest) throw new Error(`lab: ${apex} has no ${tampered} record to tamper with`);
    writeFileSync(`${file}.signed`, changed.join("\n"));
  }

  /** Where the files of a key are, without their endings. One key both signs the zone and is vouched for (-k). */
  #key(use: string, apex = use): string {
    const held = this.#keys.get(use);
    if (held !== undefined) return held;
    const base = join(this.#directory, this.#run("ldns-keygen", ["-a", ALGORITHM, "-k", absolute(apex)]).trim());
    this.#keys.set(use, base);
    return base;
  }

  #run(command: string, args: readonly string[]): string {
    return execFileSync(command, args, { cwd: this.#directory, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }
}

function zoneFile({ apex, lines }: ZoneToSign): string {
  const zone = absolute(apex);
  return `${[
    `$ORIGIN ${zone}`,
    "$TTL 300",
    `${zone} IN SOA ns.${zone} hostmaster.${zone} ${Math.floor(Date.now() / 1000)} 3600 600 86400 60`,
    `${zone} IN NS ns.${zone}`,
    `ns.${zone} IN A ${ADDRESSES.signed}`,
    ...lines,
  ].join("\n")}\n`;
}

/** Another digest, or another preference: the signature over it no longer holds. */
function tamper(line: string, type: "TLSA" | "MX"): string {
  if (!new RegExp(`\\sIN\\s+${type}\\s`).test(line)) return line;
  if (type === "TLSA") return line.replace(/[0-9a-f](\s*)$/i, (last) => (last.trim() === "0" ? "1" : "0"));
  return line.replace(/(\sMX\s+)(\d+)/, (_, before, preference) => `${before}${Number(preference) + 1}`);
}

/** RFC 4034 §3.2: YYYYMMDDHHmmSS. */
function stamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\D/g, "").slice(0, 14);
}
