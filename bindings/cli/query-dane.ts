import type { DaneFindings } from "../../host/dane/domain-lookup.ts";
import type { DaneHost } from "../../host/dane/host-lookup.ts";
import { printable } from "../../host/observe/printable.ts";
import { styled } from "./output.ts";

/** What a look at a domain found of DANE. */
export interface DaneLook {
  /** "on", or "off" and why. */
  readonly state: string;
  /** Null where DANE is off, or switched off for the domain. */
  readonly findings: DaneFindings | null;
}

/** As `--json` writes it. */
export function daneJson({ state, findings }: DaneLook) {
  if (findings === null) return { state };
  if (findings.kind === "failed") return { state, mx: "failed", detail: findings.detail };
  const hosts = findings.hosts.map(({ host, state: found, base, detail }) => ({ host, state: found, base, detail }));
  return { state, mx: findings.mx, hosts };
}

/** In plain words. */
export function daneText({ state, findings }: DaneLook): string {
  if (state !== "on") return printable(state, 400);
  if (findings === null) return "switched off for this domain (dane.not-for)";
  if (findings.kind === "failed") return `${styled("red", "failed")}: ${printable(findings.detail, 400)}`;
  if (findings.mx === "insecure") return "not applied: the MX records are not signed";
  return findings.hosts.length === 0 ? "no MX host" : findings.hosts.map(hostText).join("\n");
}

const WORDS: Readonly<Record<DaneHost["state"], string>> = {
  usable: "TLSA records that can be used",
  unusable: "TLSA records, none that can be used: TLS is required",
  absent: "no TLSA records",
  insecure: "not signed",
  failed: "the TLSA lookup failed: not used",
  "no-address": "no address",
  "address-failed": "the address lookup failed: not used",
};

function hostText({ host, state, base, detail }: DaneHost): string {
  const where = base === null || base === host ? "" : ` at ${base}`;
  const why = detail === "" ? "" : `\n  ${printable(detail, 400)}`;
  return `${host}  ${WORDS[state]}${where}${why}`;
}

/** What the answers that DANE decides mean for mail; null where another rule decides. */
export function daneMeaning(reply: string): string | null {
  if (reply === "OK dane-only") return "mail goes only to MX hosts that match their TLSA records; else it stays queued";
  if (reply === "OK dane")
    return "MX hosts with TLSA records must match them, or show TLS where none can be used; the others are used as without DANE";
  if (reply.startsWith("TEMP tlsa-lookup-failed"))
    return "no MX host is left whose TLSA records can be looked up; mail stays queued";
  if (reply.startsWith("TEMP mx-lookup-failed")) return "DNS does not give the MX names; mail stays queued";
  return null;
}
