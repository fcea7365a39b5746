import { describe, expect, it } from "vitest";
import { EximAnswerer, type EximObserver } from "../../../bindings/exim/answer.ts";
import { loadCore } from "../../../host/core/load.ts";
import { Questions } from "../../../host/mx/question.ts";
import { honour, matchesMx, mxRecords, policy, ScriptedWorld, temp } from "../postfix/scripted-world.ts";

const core = await loadCore();

function exim(told: unknown[] = [], maxPending = 10) {
  const world = new ScriptedWorld();
  const observer: EximObserver = {
    answered: (verdict) => told.push(verdict),
    testing: ({ result }) => told.push(`testing ${result}`),
    deferred: (domain, reason) => told.push(`deferred ${domain} ${reason}`),
    refused: (domain, host, id) => told.push(`refused ${domain} ${host} ${id}`),
    failed: (domain, error) => told.push(`failed ${domain} ${(error as Error).message}`),
    unmatched: (domain, id) => told.push(`unmatched ${domain} ${id}`),
    outcome: (outcome, { domain, host, data }) => told.push(`${outcome} ${domain} ${host} ${data}`),
  };
  const options = { resolver: world, lookupMx: world.lookupMx, matchesMx, deadline: 200, maxPending };
  const answerer = new EximAnswerer(new Questions(options, observer), core.matchesDnsId.bind(core), observer);
  return { world, ask: (line: string) => answerer.answer(line) };
}

describe("the line protocol for Exim", () => {
  it.each([
    ["enforce", honour("a.example", policy("enforce", ["mx.a.example"])), "enforce"],
    ["testing", honour("a.example", policy("testing", ["mx.a.example"])), "none"],
    ["none", honour("a.example", policy("none", [])), "none"],
    ["no decision", temp("a.example", "SERVFAIL"), "temp"],
  ])("answers MODE under %s", async (_, decision, reply) => {
    const { world, ask } = exim();
    world.decisions.set("a.example", decision);
    expect(await ask("MODE a.example")).toBe(reply);
  });

  it.each([
    ["MODE A.Example.", "policy a.example"],
    ["MODE b\u00c3\u00bccher.example", "policy xn--bcher-kva.example"],
  ])("canonicalises %s (R-8461-KEY-01)", async (line, asked) => {
    const { world, ask } = exim();
    await ask(line);
    expect(world.asked).toEqual([asked]);
  });

  it.each([
    ["mx.a.example", "yes"],
    ["other.example,MX.a.example", "yes"],
    ["*.a.example", "yes"],
    ["-", "yes"],
    ["", "no"],
    ["alias.attacker.example", "no"],
    ["a.example", "no"],
    ["x,,mx.a.example", "no"],
  ])("answers MXOK with the certificate's names %j: %s (R-8461-4.2-03, R-8461-4.2-05)", async (names, reply) => {
    const { world, ask } = exim();
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.a.example"])));
    expect(await ask(`MXOK a.example mx.a.example ${names}`)).toBe(reply);
  });

  it.each(["MODE [192.0.2.1]", "MODE 192.0.2.1", "MODE .example"])(
    "has no policy for %s and asks nobody (R-8461-3.4-03)",
    async (line) => {
      const { world, ask } = exim();
      expect(await ask(line)).toBe("none");
      expect(world.asked).toEqual([]);
    },
  );

  it.each([
    ["mx.a.example", "yes"],
    ["MX.A.Example.", "yes"],
    ["one.b.example", "yes"],
    ["two.one.b.example", "no"],
    ["b.example", "no"],
    ["mx.evil.example", "no"],
    ["192.0.2.1", "no"],
    ["*.b.example", "no"],
    ["a:b.b.example", "no"],
  ])("answers MXOK for %s with %s (R-8461-4.1-01, R-8461-4.1-02, R-8461-4.1-06)", async (host, reply) => {
    const { world, ask } = exim();
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.a.example", "*.b.example"])));
    expect(await ask(`MXOK a.example ${host}`)).toBe(reply);
  });

  it("answers MXOK with temp while there is no decision, and with yes once there is no policy", async () => {
    const { world, ask } = exim();
    world.decisions.set("a.example", temp("a.example", "SERVFAIL"));
    expect(await ask("MXOK a.example mx.a.example")).toBe("temp");
    world.decisions.delete("a.example");
    expect(await ask("MXOK a.example mx.a.example")).toBe("yes");
  });

  it.each([
    "",
    "MODE",
    "MODE ",
    "MODE a.example b.example",
    "mode a.example",
    "MXOK a.example",
    "MXOK a.example ",
    "MXOK a.example mx.a.example more and more",
    "EVENT",
    "EVENT msg:delivery a.example",
    "HELP",
    "none",
    "GET / HTTP/1.1",
  ])("answers %j with something that is neither none nor yes (R-BIND-EX-01)", async (line) => {
    const told: unknown[] = [];
    expect(await exim(told).ask(line)).toMatch(/^error: expected MODE domain/);
    expect(told).toEqual(["error"]);
  });

  it("answers temp when the engine does not answer in time, fails, or too many ask (R-BIND-PF-03)", async () => {
    const told: unknown[] = [];
    const { world, ask } = exim(told, 1);
    world.decisions.set("slow.example", new Promise(() => undefined));
    const slow = ask("MODE slow.example");
    expect(await ask("MODE other.example")).toBe("temp");
    expect(await slow).toBe("temp");
    world.decisions.set("fault.example", Promise.reject(new Error("out of order")));
    expect(await ask("MODE fault.example")).toBe("temp");
    expect(told.filter((line) => typeof line === "string" && line.includes(" "))).toEqual([
      "deferred other.example overloaded",
      "deferred slow.example discovery-pending",
      "failed fault.example out of order",
    ]);
  });

  it("does not let a testing policy wait for DNS beyond the deadline: Exim would defer (R-8461-5-03)", async () => {
    const told: unknown[] = [];
    const { world, ask } = exim(told);
    world.decisions.set("t.example", honour("t.example", policy("testing", ["mx.t.example"])));
    world.mx.set("t.example", new Promise(() => undefined));
    expect(await ask("MODE t.example")).toBe("none");
    expect(told).toEqual(["testing unknown", "none"]);
  });

  it("tells who was refused, and what a testing policy would have refused (R-BIND-ALL-03)", async () => {
    const told: unknown[] = [];
    const { world, ask } = exim(told);
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.a.example"])));
    world.decisions.set("t.example", honour("t.example", policy("testing", ["mx.t.example"])));
    world.mx.set("t.example", mxRecords(["other.example"]));
    await ask("MXOK a.example mx.evil.example");
    await ask("MODE t.example");
    expect(told).toEqual(["policy", "refused a.example mx.evil.example 1", "testing mismatch", "none"]);
  });

  it("answers OTHERS with all hosts but those that the policy permits, as regular expressions (R-8461-4.1-02)", async () => {
    const { world, ask } = exim();
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.a.example", "*.b.example"])));
    const reply = await ask("OTHERS a.example");
    expect(reply).toBe("! ^(?i)mx\\.a\\.example$ : ! ^(?i)[^.]+\\.b\\.example$ : *");
    world.decisions.set("t.example", honour("t.example", policy("testing", ["mx.t.example"])));
    world.decisions.set("temp.example", temp("temp.example", "SERVFAIL"));
    for (const domain of ["t.example", "temp.example", "[192.0.2.1]"]) expect(await ask(`OTHERS ${domain}`)).toBe("");
  });

  it.each([
    ["none of its hosts is permitted", mxRecords(["mx.evil.example"]), "defer", ["policy", "unmatched a.example 1"]],
    ["it wants no mail (R-7505-3-01)", mxRecords([""]), "gone", ["policy"]],
    ["it does not exist", { kind: "none", reason: "nxdomain", ttl: 60, secure: false }, "gone", ["policy"]],
    [
      "its MX lookup fails",
      { kind: "failed", reason: "servfail", detail: "x" },
      "defer",
      ["policy", "unmatched a.example 1"],
    ],
  ] as const)("answers NOHOST for a domain where %s", async (_, outcome, reply, heard) => {
    const told: unknown[] = [];
    const { world, ask } = exim(told);
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.a.example"])));
    world.mx.set("a.example", outcome);
    expect(await ask("NOHOST a.example")).toBe(reply);
    expect(told).toEqual(heard);
  });

  it.each([
    ["EVENT msg:delivery a.example mx.a.example 192.0.2.1 0 ", "delivered"],
    ["EVENT msg:host:defer a.example mx.a.example 192.0.2.1 -38 no TLS", "no-starttls"],
    ["EVENT msg:host:defer a.example mx.a.example 192.0.2.1 -37 (certificate verification failed)", "tls-failed"],
    ["EVENT msg:host:defer a.example mx.a.example 192.0.2.1 111 Connection refused", "deferred"],
    ["EVENT dane:fail a.example mx.a.example 192.0.2.1 0 validation-failure", "dane-failed"],
  ])("reads %s", async (line, outcome) => {
    const told: unknown[] = [];
    expect(await exim(told).ask(line)).toBe("");
    expect(told).toEqual([`${outcome} a.example mx.a.example ${line.replace(/^(\S+ ){6}/, "")}`]);
  });

  it("shares one question among askers of the same domain", async () => {
    const { world, ask } = exim();
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.a.example"])));
    const replies = await Promise.all([
      ask("MODE a.example"),
      ask("MODE A.Example."),
      ask("MXOK a.example mx.a.example"),
    ]);
    expect(replies).toEqual(["enforce", "enforce", "yes"]);
    expect(world.asked).toEqual(["policy a.example"]);
  });
});
