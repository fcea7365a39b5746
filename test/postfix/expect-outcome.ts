import { expect } from "vitest";
import type { Expected } from "./delivery-cases.ts";
import type { Sent } from "./sending-site.ts";

/** What Postfix logged and what the MX hosts took must both be as expected of it with this map. */
export function expectOutcome(sent: Sent, expected: Expected, map: "postfix" | "postfix310"): void {
  const outcome = "postfix310" in expected ? expected[map] : expected;
  if ("kept" in outcome) {
    const status = outcome.kept.startsWith("4") ? "deferred" : "bounced";
    expect(sent, sent.lines.join("\n")).toMatchObject({
      status,
      dsn: outcome.kept,
      text: expect.stringMatching(outcome.text),
    });
    if (outcome.log) expect(sent.lines.join("\n")).toMatch(outcome.log);
    expect(sent.accepted).toEqual([]);
    return;
  }
  const { sentTo, tls, aliasOf = sentTo } = outcome;
  expect(sent, sent.lines.join("\n")).toMatchObject({ status: "sent", dsn: "2.0.0" });
  expect(sent.relay.toLowerCase()).toContain(`${sentTo.toLowerCase()}[`);
  expect(sent.accepted.map(({ mx }) => mx)).toEqual([aliasOf]);
  expect(sent.accepted[0]?.tls).toBe(tls !== "none");
  if (tls === "none") expect(sent.tls).toBeUndefined();
  else if (tls === "unverified") expect(sent.tls).toMatch(/^(Untrusted|Trusted|Anonymous)$/);
  else expect(sent).toMatchObject({ tls: "Verified", accepted: [{ sni: sentTo }] });
}
