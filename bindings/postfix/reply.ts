import type { DecisionReason } from "../../host/engine/decision.ts";
import { encodeNetstring } from "./netstring.ts";

/** Stable codes that stand first in a TEMP reason; operators match on them in mail.log. */
export type TempReason = DecisionReason | "mx-lookup-failed" | "tlsa-lookup-failed" | "answer-too-long";

export type ReplyStatus = "ok" | "notfound" | "temp" | "perm";

/** One socketmap reply, ready to be written. */
export interface Reply {
  readonly status: ReplyStatus;
  readonly bytes: Buffer;
}

/** Postfix copies this much of a reason into mail.log and drops the rest. */
const MAX_REASON_BYTES = 200;
/** Less room than this tells an operator nothing. */
const MIN_DETAIL_BYTES = 40;
const MAP_NAME_SHOWN = 40;

export function okReply(line: string): Reply {
  return { status: "ok", bytes: encodeNetstring(`OK ${line}`) };
}

/** The space is part of the protocol: Postfix and Sendmail look for "NOTFOUND ". */
export const NOTFOUND: Reply = { status: "notfound", bytes: encodeNetstring("NOTFOUND ") };

/** "Try again later": Postfix defers the message and logs the reason. */
export function tempReply(reason: TempReason, detail: string, domain: string): Reply {
  return { status: "temp", bytes: encodeNetstring(`TEMP ${tempReason(reason, detail, domain)}`) };
}

/**
 * The reason of a TEMP in at most 200 bytes of printable ASCII: stable code, what failed, what happens to the mail,
 * the command to run. The detail is what gets cut, and a domain too long to leave room for it is left to the log line.
 */
export function tempReason(reason: TempReason, detail: string, domain: string): string {
  const clause = printable(detail);
  const whole = clause === "" ? "" : `: ${clause}`;
  const advice = `; mail stays queued; ${nextStep(reason, printable(domain))}`;
  const room = MAX_REASON_BYTES - reason.length - advice.length;
  if (room >= Math.min(whole.length, MIN_DETAIL_BYTES)) return `${reason}${cut(whole, room)}${advice}`;
  const short = `; mail stays queued; ${nextStep(reason, "DOMAIN")}`;
  return `${reason}${cut(whole, MAX_REASON_BYTES - reason.length - short.length)}${short}`;
}

/** A look at the domain tells nothing about our own store. */
function nextStep(reason: TempReason, domain: string): string {
  return reason === "store-unavailable" ? "see the log of mta-sts" : `run: mta-sts query ${domain}`;
}

/** A map name that is not ours: a mistake in main.cf, so the mail is deferred and the connection stays. */
export function unknownMapReply(name: string): Reply {
  const shown = cut(printable(name), MAP_NAME_SHOWN);
  return permReply(`unknown map "${shown}"; mail stays queued; use postfix, postfix310 or sts in main.cf`);
}

/** The only thing a client hears that connects while every slot is taken by a working one. */
export function overloadedConnectionReply(limit: number): Reply {
  const text = `overloaded: ${limit} connections are open; mail stays queued; see maxproc of smtp in master.cf`;
  return { status: "temp", bytes: encodeNetstring(`TEMP ${text}`) };
}

/** The answer to bytes that are no socketmap request; the connection is closed after it. */
export function malformedReply(fault: string): Reply {
  return permReply(`malformed socketmap request (${fault}); connection closed`);
}

/** "This request can never be answered". Postfix defers on it as on TEMP. */
export function permReply(text: string): Reply {
  return { status: "perm", bytes: encodeNetstring(`PERM ${cut(printable(text), MAX_REASON_BYTES)}`) };
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}

function cut(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 3)}...`;
}
