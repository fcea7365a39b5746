/** One label: its bytes, or text that is written as UTF-8. No escapes: every character is part of the label. */
export type DnsLabel = string | Uint8Array;

/** A name: presentation form with \DDD and \X escapes (RFC 1035 §5.1), or its labels one by one. "" is the root. */
export type DnsName = string | readonly DnsLabel[];

export const bytes = (text: string | Uint8Array) =>
  typeof text === "string" ? Buffer.from(text, "utf8") : Buffer.from(text);

/** The labels of a name. Throws a RangeError on a label that no DNS message can carry (empty, over 63 octets). */
export function labelsOf(name: DnsName): Buffer[] {
  const labels = typeof name === "string" ? splitPresentation(name) : name.map(bytes);
  for (const label of labels)
    if (label.length === 0 || label.length > 63) throw new RangeError(`lab: a label of ${label.length} octets`);
  return labels;
}

function splitPresentation(name: string): Buffer[] {
  const labels: Buffer[] = [];
  let label: Buffer[] = [];
  for (const [part, decimal, quoted] of name.matchAll(/\\(\d{3})|\\(.)|[^\\]/gsu)) {
    if (decimal !== undefined) label.push(Buffer.of(Number(decimal)));
    else if (quoted !== undefined) label.push(bytes(quoted));
    else if (part === ".") {
      labels.push(Buffer.concat(label));
      label = [];
    } else label.push(bytes(part));
  }
  if (label.length > 0) labels.push(Buffer.concat(label));
  return name === "." ? [] : labels;
}

/** Presentation form without trailing dot; bytes outside letters, digits, hyphen and underscore become \DDD. */
export function nameText(labels: readonly Uint8Array[]): string {
  const text = (label: Uint8Array) =>
    Buffer.from(label)
      .toString("latin1")
      .replace(/[^A-Za-z0-9_-]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, "0")}`);
  return labels.map(text).join(".");
}

/** One string per name, the same for every spelling in upper and lower case (RFC 4343). */
export const nameKey = (name: DnsName): string => nameText(labelsOf(name)).toLowerCase();
