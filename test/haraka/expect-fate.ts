import { expect } from "vitest";
import type { Delivery } from "../lab/mx-server.ts";
import type { Attempted } from "./haraka-instance.ts";
import type { Fate } from "./matrix-cases.ts";

/** Holds what became of a message, by Haraka's word and by that of the host that took it, against what was to become. */
export function expectFate(attempt: Attempted, taken: Delivery | undefined, fate: Fate): void {
  if ("sentTo" in fate) {
    expect(attempt).toMatchObject({ what: "delivered", tls: fate.tls });
    expect(taken).toMatchObject({ mx: fate.sentTo, tls: fate.tls });
    return;
  }
  const [what, reason] = "deferred" in fate ? ["deferred", fate.deferred] : ["bounced", fate.bounced];
  expect(attempt.what, attempt.reason).toBe(what);
  expect(attempt.reason).toMatch(reason);
  expect(taken).toBeUndefined();
}
