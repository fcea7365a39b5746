import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { brokenPromises } from "../postfix/promise-kept.ts";
import { setOddRecords } from "../postfix/routing-cases.ts";
import { caseDomains, casesFor } from "./cases.ts";
import type { Exim } from "./exim.ts";
import { onEachExim } from "./exim-setups.ts";
import { expectSent } from "./expect-sent.ts";
import type { MtaSite } from "./mta-site.ts";

// docs/mtas.md, "Exim": each of these is stricter than RFC 8461 asks.
const cases = casesFor({
  "alias.test": {
    title: "defers under an MX that is an alias: Exim knows only the name it stands for (R-8461-4.1-04, R-BIND-EX-01)",
    outcome: "deferred",
  },
  "injected.test": {
    title: "gives up a host that injects replies in clear before the handshake (R-3207-4.2-01)",
    outcome: "deferred",
  },
});

onEachExim("deliveries", (open) => {
  let site: MtaSite<Exim>;

  beforeAll(async () => {
    site = await open({ domains: caseDomains });
    await setOddRecords(site.world);
  });
  afterAll(() => site?.close());

  it("reads the generated configuration without a complaint", async () => {
    const { code, stdout, stderr } = await site.mta.run(["-bV"]);
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Configuration file is /etc/exim4/exim4.conf");
  });

  it("reads examples/exim/exim.conf without a complaint", async () => {
    const example = readFileSync(new URL("../../examples/exim/exim.conf", import.meta.url), "utf8");
    const file = join(site.directory, "example.conf");
    writeFileSync(file, example);
    expect(await site.mta.run(["-C", file, "-bV"])).toMatchObject({
      code: 0,
      stderr: "",
    });
  });

  it.each([
    ["_HAVE_EVENT", "mta_sts_needs_an_exim_with_event_support"],
    ["_HAVE_TLS", "mta_sts_needs_an_exim_with_tls"],
  ])("does not start with the generated files where it lacks %s (R-BIND-EX-02)", async (support, why) => {
    const transports = readFileSync(join(site.directory, "etc/mta-sts/transports.conf"), "utf8");
    const lacking = join(site.directory, "lacking.conf");
    writeFileSync(lacking, transports.replaceAll(support, "_HAVE_NOTHING_OF_THE_KIND"));
    const main = readFileSync(join(site.directory, "etc/exim4.conf"), "utf8");
    const file = join(site.directory, "lacking-main.conf");
    writeFileSync(file, main.replace(join(site.directory, "etc/mta-sts/transports.conf"), lacking));
    const { code, stderr, stdout } = await site.mta.run(["-C", file, "-bV"]);
    expect(code).not.toBe(0);
    expect(stderr + stdout).toContain(why);
  });

  it("has the options of R-BIND-EX-01 and resumes no TLS session (R-BIND-EX-01, R-BIND-ALL-02)", async () => {
    const { stdout } = await site.mta.run(["-bP", "transport", "mta_sts_strict_smtp"]);
    const lines = stdout.split("\n");
    for (const line of [
      "hosts_require_tls = *",
      "hosts_try_dane = *",
      "tls_verify_hosts = *",
      "tls_verify_cert_hostnames = *",
      "tls_sni = $host",
      "no_tls_tempfail_tryclear",
      "no_multi_domain",
      "connection_max_messages = 1",
      "tls_resumption_hosts = ",
    ])
      expect(lines).toContain(line);
  });

  for (const { title, to, outcome } of cases) it(title, async () => expectSent(await site.send(to), outcome));

  it("lets a host that the policy refuses not even hear of the message (R-9525-6.6-01)", async () => {
    expect(await site.world.sessions("mx.allrogue.evil.test")).toEqual([]);
    for (const host of ["mx.selfsigned.test", "mx.cnonly.test", "mx.stripped.test"]) {
      const sessions = await site.world.sessions(host);
      expect(sessions.length, host).toBeGreaterThan(0);
      for (const { commands } of sessions) expect(commands, host).not.toContain("MAIL");
    }
  });

  it("says in its log why mail waits, and what to do (R-BIND-ALL-03)", async () => {
    const { log } = await site.send("b@servfail.test");
    expect(log).toContain(
      "4.7.5 MTA-STS: no decision on servfail.test now, mail stays queued; run: mta-sts query servfail.test",
    );
  });

  it("expands its event_action without a fault, however a session ends (R-BIND-EX-02)", () => {
    const log = site.mta.log();
    // Each way a session ends has been met by now.
    for (const end of ["=> b@", "defer (-37)", "defer (-38)"]) expect(log).toContain(end);
    expect(log).not.toContain("failed to expand");
  });

  it("reports outcomes, so that log and metrics name the host and the reason (R-BIND-ALL-03)", async () => {
    for (const outcome of ["delivered", "no-starttls", "tls-failed", "deferred"])
      expect(await site.daemon.metric(`exim_outcomes_total{outcome="${outcome}"}`), outcome).toBeGreaterThan(0);
    const fields = { domain: "stripped.test", host: "mx.stripped.test", outcome: "no-starttls" };
    await site.daemon.waitForEvent("host-failed", fields);
    await site.daemon.waitForEvent("answer-no-match", { domain: "allrogue.test" });
  });

  it("counts what a testing policy would have refused (R-8461-4.2-10)", async () => {
    expect(await site.daemon.metric("testing_mismatch_total")).toBeGreaterThan(0);
  });

  it("never had an enforced domain's mail taken by anybody else (R-8461-5-01)", async () => {
    const accepted = await site.world.deliveries();
    expect(accepted.length).toBeGreaterThan(15);
    expect(brokenPromises(accepted, caseDomains)).toEqual([]);
  });
});
