import { describe, expect, it } from "vitest";
import {
  NOTFOUND,
  okReply,
  permReply,
  tempReason,
  tempReply,
  unknownMapReply,
} from "../../../bindings/postfix/reply.ts";

describe("socketmap replies", () => {
  it("keeps the space after NOTFOUND, without which Postfix reads a protocol error as not found", () => {
    expect(NOTFOUND.bytes.toString()).toBe("9:NOTFOUND ,");
  });

  it("never writes a bare OK", () => {
    expect(okReply("secure match=a.example servername=hostname").bytes.toString()).toBe(
      "45:OK secure match=a.example servername=hostname,",
    );
  });

  it("tells in a TEMP the stable code, what failed, what happens to the mail and what to run", () => {
    const reply = tempReply("discovery-failed", "TXT _mta-sts.bad.example: SERVFAIL from 127.0.0.1", "bad.example");
    expect(reply.bytes.toString()).toBe(
      "123:TEMP discovery-failed: TXT _mta-sts.bad.example: SERVFAIL from 127.0.0.1; mail stays queued; run: mta-sts query bad.example,",
    );
  });

  it("is still a sentence without a detail", () => {
    expect(tempReason("shutting-down", "", "a.example")).toBe(
      "shutting-down; mail stays queued; run: mta-sts query a.example",
    );
  });

  it.each([
    ["a long detail", "x".repeat(500), "a.example"],
    ["a long domain", "TXT: timeout", `${"d".repeat(60)}.`.repeat(4).slice(0, 250)],
    ["both", "y".repeat(500), `${"d".repeat(60)}.`.repeat(3).slice(0, 140)],
    ["bytes that are no printable ASCII", "caf\u00e9 \u001b[31m\n\0 x", "a.example"],
  ])("keeps within 200 bytes of printable ASCII on %s, and the command stays whole", (_, detail, domain) => {
    const reason = tempReason("mx-lookup-failed", detail, domain);
    expect(reason).toMatch(
      /^mx-lookup-failed: [\x20-\x7e]+; mail stays queued; run: mta-sts query (?:DOMAIN|[a-z.]+)$/,
    );
    expect(reason.length).toBeLessThanOrEqual(200);
    expect(reason.endsWith(`query ${domain}`) || reason.endsWith("query DOMAIN")).toBe(true);
  });

  it("answers an unknown map name in words, escaped and cut", () => {
    expect(unknownMapReply("query").bytes.toString()).toBe(
      '86:PERM unknown map "query"; mail stays queued; use postfix, postfix310 or sts in main.cf,',
    );
    expect(unknownMapReply(`\u0000\u00ff${"z".repeat(9_000)}`).bytes.toString()).toMatch(
      /^\d+:PERM unknown map "\?\?z{35}\.\.\."; mail stays queued; [\x20-\x7e]+,$/,
    );
    expect(permReply("p".repeat(300)).bytes.length).toBeLessThan(215);
  });
});
