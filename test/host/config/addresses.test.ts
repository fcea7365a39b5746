import { describe, expect, it } from "vitest";
import { formatAddress, parseListenAddress, parseSocketPath } from "../../../host/config/addresses.ts";

describe("a listen address", () => {
  it.each([
    ["127.0.0.1:8461", { transport: "tcp", host: "127.0.0.1", port: 8461 }],
    ["0.0.0.0:0", { transport: "tcp", host: "0.0.0.0", port: 0 }],
    ["[::1]:65535", { transport: "tcp", host: "::1", port: 65_535 }],
    ["localhost:8461", { transport: "tcp", host: "localhost", port: 8461 }],
    ["mta-sts.example.com:1", { transport: "tcp", host: "mta-sts.example.com", port: 1 }],
    ["unix:/run/x.sock", { transport: "unix", path: "/run/x.sock" }],
    ["unix:./.mta-sts/control.sock", { transport: "unix", path: "./.mta-sts/control.sock" }],
    [`unix:/${"x".repeat(106)}`, { transport: "unix", path: `/${"x".repeat(106)}` }],
  ])("reads %s, and writes it the same way", (text, address) => {
    const parsed = parseListenAddress(text);
    expect(parsed).toEqual(address);
    if (!("fault" in parsed)) expect(formatAddress(parsed)).toBe(text);
  });

  it.each([
    ["127.0.0.1", "has no port"],
    ["127.0.0.1:", "has a port that is not a number"],
    ["127.0.0.1:65536", "has a port that is not a number from 0 to 65535"],
    ["127.0.0.1:08461", "has a port that is not a number"],
    ["127.0.0.1:+1", "has a port that is not a number"],
    ["::1:8461", "needs brackets around its IPv6 address: [::1]"],
    ["[::1:8461", "has neither"],
    ["[127.0.0.1]:8461", "has no IPv6 address between its brackets"],
    ["*:8461", "every address is 0.0.0.0 or [::]"],
    [":8461", "this machine alone is 127.0.0.1"],
    ["127.0.0.256:8461", "has an IPv4 address that is none"],
    ["127.1:8461", "has an IPv4 address that is none"],
    ["exa mple:8461", "has neither an IP address nor a host name"],
    ["-x:8461", "has neither"],
    ["http://localhost:8461", "has neither"],
    ["unix:", "has no path"],
    ["unix:/run/", "is a directory"],
    ["unix:/run/\0x", "holds a NUL byte"],
    [`unix:/${"x".repeat(107)}`, "is longer than the 107 bytes"],
    [`unix:/${"ü".repeat(54)}`, "is longer than the 107 bytes"],
  ])("%j %s", (text, fault) => {
    expect(parseListenAddress(text)).toEqual({ fault: expect.stringContaining(fault) as string });
  });

  it("may leave out unix: where only a path can stand", () => {
    expect(parseSocketPath("/run/x.sock")).toEqual(parseSocketPath("unix:/run/x.sock"));
  });
});
