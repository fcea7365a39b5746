import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { eximConfig, PLAIN_VALUE } from "../../../bindings/exim/config.ts";
import { makeDenyCa } from "../../../bindings/exim/deny-ca.ts";

describe("the configuration for Exim", () => {
  const files = eximConfig({ socket: "/run/mta-sts/exim.sock", directory: "/etc/exim4/mta-sts", caFile: "system" });
  /** What the strict transport says, its comments left out. */
  const strict = files["transports.conf"]
    .slice(files["transports.conf"].indexOf("mta_sts_strict_smtp:"))
    .replace(/^ *#.*\n/gm, "");

  it("expands nothing in the strict transport but where a failure is closed, or only a report is lost (R-BIND-EX-01)", () => {
    const options = strict.replaceAll("\\\n", "").split("\n");
    const expanded = options.filter((line) => line.includes("$")).map((line) => line.trim().split(" ")[0]);
    expect(expanded).toEqual(["tls_sni", "tls_verify_certificates", "event_action"]);
  });

  it.each([
    "hosts_require_tls = *",
    "tls_verify_hosts = *",
    "tls_verify_cert_hostnames = *",
    "tls_sni = $host",
    "hosts_try_dane = *",
    "connection_max_messages = 1",
    "multi_domain = false",
    "tls_tempfail_tryclear = false",
    "tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
    "tls_require_ciphers = TLSv1.2:!aNULL:!eNULL",
  ])("holds the line %s (R-BIND-EX-01)", (line) => {
    expect(strict.split("\n").map((text) => text.trim())).toContain(line);
  });

  it("balances its braces and defines every macro it uses", () => {
    const all = Object.values(files)
      .join("\n")
      .replace(/^ *#.*\n/gm, "");
    expect(all.split("{").length).toBe(all.split("}").length);
    const defined = [...files["main.conf"].matchAll(/^(MTA_STS_\w+) =/gm)].map(([, name]) => name);
    for (const [name] of all.matchAll(/MTA_STS_\w+/g)) expect(defined).toContain(name);
    // Exim replaces macro names wherever they stand, so none may be part of another.
    for (const name of new Set(defined))
      expect([...new Set(defined)].filter((other) => other?.includes(name ?? ""))).toEqual([name]);
  });

  it.each(["a b", "a{b", "a$b", "a\\b", "a\nb", ""])("takes no value like %j", (value) => {
    expect(PLAIN_VALUE.test(value)).toBe(false);
  });
});

describe("the CA that nobody has the key of", () => {
  const ca = new X509Certificate(makeDenyCa());

  it("is a CA certificate, signed by itself, and does not expire", () => {
    expect(ca.ca).toBe(true);
    expect(ca.subject).toBe("CN=MTA-STS: no host may pass");
    expect(ca.verify(ca.publicKey)).toBe(true);
    expect(ca.validTo).toBe("Dec 31 23:59:59 9999 GMT");
  });

  it("is another one each time, key and serial number", () => {
    const other = new X509Certificate(makeDenyCa());
    expect(other.serialNumber).not.toBe(ca.serialNumber);
    expect(other.verify(ca.publicKey)).toBe(false);
  });
});
