import type { DnsName } from "../lab/dns-name.ts";
import { labelsOf, nameText } from "../lab/dns-name.ts";
import type { MxData, RecordData, TxtData } from "../lab/dns-wire.ts";
import type { ZoneRrset } from "../lab/dns-zone.ts";

/** RRsets of the lab as lines of a master file (RFC 1035 §5.1). The SOA is left out: a signed zone has its own. */
export function zoneLines(rrsets: readonly ZoneRrset[]): string[] {
  return rrsets
    .filter(({ type }) => type !== "SOA")
    .flatMap(({ name, type, ttl, records }) =>
      records.map((data) => `${absolute(name)} ${ttl} IN ${type} ${dataText(type, data)}`),
    );
}

export const absolute = (name: DnsName): string => `${nameText(labelsOf(name))}.`;

function dataText(type: ZoneRrset["type"], data: RecordData): string {
  if (typeof data === "object" && "raw" in data) return rawText(type, Buffer.from(data.raw));
  if (type === "MX") return `${(data as MxData).preference} ${absolute((data as MxData).exchange)}`;
  if (type === "TXT") return txtText(data as TxtData);
  if (type === "A" || type === "AAAA") return String(data);
  return absolute(data as DnsName);
}

// RFC 3597 §5 has a form for any RDATA, but tools that know the type want the type's own.
function rawText(type: ZoneRrset["type"], raw: Buffer): string {
  if (type !== "TLSA") throw new Error(`lab: raw ${type} RDATA cannot be published in a signed zone`);
  return `${raw[0]} ${raw[1]} ${raw[2]} ${raw.toString("hex", 3)}`;
}

function txtText(data: TxtData): string {
  const strings = typeof data === "string" ? (data.match(/[\s\S]{1,255}/g) ?? [""]) : data.map(String);
  return strings.map((string) => `"${string.replace(/["\\]/g, "\\$&")}"`).join(" ");
}
