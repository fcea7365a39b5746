import { expect } from "vitest";
import type { MtaOutcome } from "./cases.ts";
import type { Sent } from "./mta-site.ts";

/** What the MTA says and what the MX hosts took must both be as expected. */
export function expectSent(sent: Sent, outcome: MtaOutcome): void {
  if (typeof outcome === "string") {
    expect(sent.status, sent.log).toBe(outcome);
    expect(sent.accepted).toEqual([]);
    return;
  }
  expect(sent.status, sent.log).toBe("sent");
  const { sentTo, tls, sni } = outcome;
  expect(sent.accepted).toMatchObject([{ mx: sentTo, tls }]);
  if (sni !== undefined) expect(sent.accepted[0]?.sni?.toLowerCase()).toBe(sni.toLowerCase());
}
