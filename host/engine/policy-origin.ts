import { createHash } from "node:crypto";
import type { Notice } from "../core/names.ts";
import type { HonouredPolicy } from "./decision.ts";
import type { DomainEntry } from "./domain-entry.ts";
import type { PolicyOrigin } from "./observer.ts";

const TAKEN_OVER: ReadonlySet<Notice> = new Set(["policy-new", "policy-changed", "policy-weakened"] as const);

/** Does this notice tell of a policy that was just fetched and is honoured from now on? */
export function isTakenOver(notice: Notice): boolean {
  return TAKEN_OVER.has(notice);
}

/** Where `now` came from, which has just been fetched in place of `before` (attacks ). */
export function originOf(entry: DomainEntry, now: HonouredPolicy, before: HonouredPolicy | null): PolicyOrigin {
  return { digest: digestOf(now), replaced: before && digestOf(before), certificate: entry.certificate };
}

function digestOf({ lines }: HonouredPolicy): string {
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}
