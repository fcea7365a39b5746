import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDnsClient } from "../../../host/dns/client.ts";
import { parseResolvConf, resolvConfServers } from "../../../host/dns/resolv-conf.ts";
import { parseServer } from "../../../host/dns/server.ts";

describe("parseServer", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1", 53, "192.0.2.1"],
    ["192.0.2.1:53", "192.0.2.1", 53, "192.0.2.1"],
    ["192.0.2.1:5353", "192.0.2.1", 5353, "192.0.2.1:5353"],
    ["::1", "::1", 53, "::1"],
    ["[::1]", "::1", 53, "::1"],
    ["[2001:db8::1]:5353", "2001:db8::1", 5353, "[2001:db8::1]:5353"],
    ["fe80::1%eth0", "fe80::1%eth0", 53, "fe80::1%eth0"],
    ["[fe80::1%eth0]:5353", "fe80::1%eth0", 5353, "[fe80::1%eth0]:5353"],
  ])("reads %s", (input, address, port, text) => {
    expect(parseServer(input)).toEqual({ address, port, text });
  });

  it.each([
    "",
    "localhost",
    "192.0.2.1:0",
    "192.0.2.1:65536",
    "192.0.2.1:",
    "192.0.2:53",
    "[192.0.2.1]:53",
    "[::1",
    "::1]:53",
    "[::1]:x",
    " ::1",
    "192.0.2.1\n",
  ])("refuses %j", (input) => {
    expect(parseServer(input)).toBeNull();
  });
});

describe("resolv.conf", () => {
  it("gives all its name servers in order, IPv6 with its zone, comments and nonsense left out", () => {
    const text = [
      "# made by hand",
      "; another comment",
      "domain example.com",
      "search example.com",
      "nameserver 192.0.2.1",
      "nameserver\t2001:db8::1   # the other one",
      "  nameserver fe80::1%eth0",
      "nameserver 192.0.2.1",
      "nameserver resolver.example",
      "nameserver 999.0.0.1",
      "nameserver",
      "#nameserver 192.0.2.9",
      "nameservers 192.0.2.8",
      "nameserver 192.0.2.2\r",
      "nameserver 192.0.2.3",
      "options timeout:1 attempts:1",
    ].join("\n");
    const addresses = parseResolvConf(text).map((server) => server.address);
    expect(addresses).toEqual(["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "192.0.2.2", "192.0.2.3"]);
  });

  let folder: string;
  let path: string;
  let time: number;
  let addresses: () => string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "resolv-conf-"));
    path = join(folder, "resolv.conf");
    time = 0;
    const servers = resolvConfServers({ path, now: () => time });
    addresses = () => servers().map((server) => server.address);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function replace(text: string): void {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  it("is read again when it changes, and looked at only every few seconds", () => {
    replace("nameserver 192.0.2.1\n");
    expect(addresses()).toEqual(["192.0.2.1"]);
    replace("nameserver 192.0.2.2\n");
    time += 1000;
    expect(addresses()).toEqual(["192.0.2.1"]);
    time += 4000;
    expect(addresses()).toEqual(["192.0.2.2"]);
  });

  it("is read again when it is written in place with the same size", () => {
    replace("nameserver 192.0.2.1\n");
    utimesSync(path, 1000, 1000);
    expect(addresses()).toEqual(["192.0.2.1"]);
    writeFileSync(path, "nameserver 192.0.2.2\n");
    time += 5000;
    expect(addresses()).toEqual(["192.0.2.2"]);
  });

  it("leaves the last servers in force while it is gone or empty, and is picked up when it is back", () => {
    replace("nameserver 192.0.2.1\n");
    expect(addresses()).toEqual(["192.0.2.1"]);
    rmSync(path);
    time += 5000;
    expect(addresses()).toEqual(["192.0.2.1"]);
    replace("");
    time += 5000;
    expect(addresses()).toEqual(["192.0.2.1"]);
    replace("nameserver 192.0.2.3\n");
    time += 5000;
    expect(addresses()).toEqual(["192.0.2.3"]);
  });

  it("that never was, or names nobody, means the server on this machine", () => {
    expect(addresses()).toEqual(["127.0.0.1"]);
    replace("search example.com\n");
    time += 5000;
    expect(addresses()).toEqual(["127.0.0.1"]);
  });

  it("is where a client without servers in its configuration looks", async () => {
    replace("nameserver 127.0.0.9\n");
    const client = createDnsClient({ resolvConf: path, timeoutMs: 50, attempts: 1 });
    const outcome = await client.txt("_mta-sts.example.com");
    client.close();
    expect(outcome).toMatchObject({ kind: "failed", detail: expect.stringMatching(/ from 127\.0\.0\.9$/) });
  });
});
