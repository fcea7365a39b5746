import { InvalidArgumentError } from "commander";
import { suggest } from "../../host/config/suggest.ts";
import { LENIENCIES, type Leniency } from "../../host/core/names.ts";
import { canonicalDomain } from "../../host/dns/names.ts";
import { printable } from "../../host/observe/printable.ts";

/** A DOMAIN argument in canonical form: any case, U-labels and one trailing dot are accepted. */
export function domainArgument(text: string): string {
  const domain = canonicalDomain(text);
  if (domain !== null) return domain;
  const at = canonicalDomain(text.slice(text.lastIndexOf("@") + 1));
  const hint = text.includes("@") && at !== null ? ` For an address give its domain: ${at}` : "";
  throw new InvalidArgumentError(`${printable(text, 100)} is not a domain name.${hint}`);
}

/** `--leniency a,b --leniency c`: not variadic, since that would swallow the file behind it. */
export function leniencyOption(text: string, earlier: readonly Leniency[] = []): readonly Leniency[] {
  const known = Object.keys(LENIENCIES) as Leniency[];
  const names = text.split(",").map((name) => {
    const found = known.find((leniency) => leniency === name.trim());
    if (found !== undefined) return found;
    const near = suggest(name, known);
    const hint = near === null ? `Known: ${known.join(", ")}` : `Did you mean ${near}?`;
    throw new InvalidArgumentError(`No leniency is called ${printable(name, 100)}. ${hint}`);
  });
  return [...new Set([...earlier, ...names])];
}
