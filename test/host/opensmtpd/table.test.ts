import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { OpenSmtpdAnswerer } from "../../../bindings/opensmtpd/answer.ts";
import { serveTable } from "../../../bindings/opensmtpd/table.ts";
import { Questions } from "../../../host/mx/question.ts";
import {
  honour,
  matchesMx,
  mxFailed,
  mxRecords,
  none,
  policy,
  ScriptedWorld,
  temp,
} from "../postfix/scripted-world.ts";

function answerer(pick = 0) {
  const world = new ScriptedWorld();
  const options = { resolver: world, lookupMx: world.lookupMx, matchesMx, deadline: 200 };
  const told: string[] = [];
  const observer = {
    unmatched: (domain: string) => void told.push(`unmatched ${domain}`),
    deferred: (domain: string, reason: string) => void told.push(`${reason} ${domain}`),
  };
  const answers = new OpenSmtpdAnswerer(new Questions(options, observer), observer, (limit) =>
    Math.min(pick, limit - 1),
  );
  return { world, told, ask: (line: string) => answers.answer(line) };
}

/** What the helper writes after the handshake, one line for each request. */
async function table(requests: readonly string[], ask: (line: string) => Promise<string>): Promise<string[]> {
  const input = new PassThrough();
  const output = new PassThrough().setEncoding("utf8");
  const served = serveTable(input, output, ask);
  input.end(["config|a|b", "config|ready", ...requests, ""].join("\n"));
  await served;
  await new Promise((resolve) => setTimeout(resolve, 10));
  return String(output.read()).trimEnd().split("\n");
}

describe("the table helper of OpenSMTPD", () => {
  it("registers what it can answer, after the configuration", async () => {
    expect(await table([], async () => "")).toEqual(["register|domain", "register|relayhost", "register|ready"]);
  });

  it.each([
    ["check|domain|1f|a.example", "found", "check-result|1f|found"],
    ["check|domain|1f|a.example", "not-found", "check-result|1f|not-found"],
    ["check|domain|1f|a.example", "error", "check-result|1f|error"],
    ["check|domain|1f|a.example", "none", "check-result|1f|error"],
    ["check|domain|1f|a.example", "", "check-result|1f|error"],
    ["lookup|relayhost|2|a.example", "relay mx.a.example", "lookup-result|2|found|smtp+tls://mx.a.example"],
    ["lookup|relayhost|2|a.example", "error", "lookup-result|2|error"],
    ["lookup|relayhost|2|a.example", "relay mx.a.example|x", "lookup-result|2|error"],
    ["lookup|relayhost|2|a.example", "relay ", "lookup-result|2|error"],
    ["check|mailaddr|3|a@a.example", "found", "check-result|3|error"],
    ["fetch|relayhost|4", "found", "fetch-result|4|not-found"],
    ["check|domain|5|*", "found", "check-result|5|not-found"],
    ["check|domain|6|*.example", "found", "check-result|6|not-found"],
    ["update|7", "", "update-result|7|ok"],
  ])("answers %s, told %j, with %s", async (request, reply, line) => {
    const lines = await table([`table|0.1|1700000000.1|mtasts|${request}`], async () => reply);
    expect(lines.at(-1)).toBe(line);
  });

  it("answers with an error when the daemon does not answer (R-8461-5-07)", async () => {
    const lines = await table(["table|0.1|1.0|mtasts|check|domain|1|a.example"], () =>
      Promise.reject(new Error("no daemon")),
    );
    expect(lines.at(-1)).toBe("check-result|1|error");
  });
});

describe("what the daemon tells the table helper", () => {
  it.each([
    ["enforce", honour("a.example", policy("enforce", ["mx.a.example"])), "found"],
    ["testing", honour("a.example", policy("testing", ["mx.a.example"])), "not-found"],
    ["no policy", none("a.example"), "not-found"],
    ["no decision", temp("a.example", "SERVFAIL"), "error"],
  ])("answers CHECK under %s with %s", async (_, decision, reply) => {
    const { world, ask } = answerer();
    world.decisions.set("a.example", decision);
    expect(await ask("CHECK a.example")).toBe(reply);
  });

  it("routes to the best MX host that the policy permits (R-8461-5-01, R-5321-5.1-04)", async () => {
    const { world, ask, told } = answerer();
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["*.a.example"])));
    world.mx.set("a.example", mxRecords(["mx.evil.example", "mx1.a.example", "mx2.a.example"]));
    expect(await ask("ROUTE a.example")).toBe("relay mx1.a.example");
    world.mx.set("a.example", mxRecords(["mx.evil.example"]));
    expect(await ask("ROUTE a.example")).toBe("error");
    world.mx.set("a.example", mxFailed("MX a.example: SERVFAIL"));
    expect(await ask("ROUTE a.example")).toBe("error");
    expect(told).toEqual(["unmatched a.example", "mx-lookup-failed a.example"]);
  });

  it("spreads mail over hosts of equal preference, and over no others (R-5321-5.1-04)", async () => {
    const equal = ["mx1.a.example", "mx2.a.example"].map((exchange) => ({ preference: 10, exchange }));
    const records = [...equal, { preference: 20, exchange: "mx3.a.example" }];
    const chosen: string[] = [];
    for (const pick of [0, 1, 2]) {
      const { world, ask } = answerer(pick);
      world.decisions.set("a.example", honour("a.example", policy("enforce", ["*.a.example"])));
      world.mx.set("a.example", { kind: "records", records, ttl: 60, secure: false });
      chosen.push(await ask("ROUTE a.example"));
    }
    expect(chosen).toEqual(["relay mx1.a.example", "relay mx2.a.example", "relay mx2.a.example"]);
  });

  it("routes what was taken under a policy that has gone since: not found would return it (R-8461-5-08)", async () => {
    const { world, ask } = answerer();
    world.mx.set("a.example", mxRecords(["mx.a.example"]));
    expect(await ask("ROUTE a.example")).toBe("relay mx.a.example");
  });

  it.each(["", "CHECK", "CHECK ", "ROUTE a b", "MODE a.example", "ROUTE [192.0.2.1]"])(
    "answers %j with an error",
    async (line) => {
      expect(await answerer().ask(line)).toBe("error");
    },
  );
});
