import { describe, expect, it } from "vitest";
import { suggest } from "../../../host/config/suggest.ts";

const keys = ["listen", "dns", "https", "store", "policy", "log", "ca-file", "timeout", "allow-private-addresses"];

describe("the nearest key", () => {
  it.each([
    ["lisen", "listen"],
    ["litsen", "listen"],
    ["dsn", "dns"],
    ["http", "https"],
    ["Store", "store"],
    ["caFile", "ca-file"],
    ["ca_file", "ca-file"],
    ["CA-FILE", "ca-file"],
    ["time-out", "timeout"],
    ["allow-private-adresses", "allow-private-addresses"],
    ["logs", "log"],
  ])("to %s is %s", (word, key) => expect(suggest(word, keys)).toBe(key));

  it.each(["", "x", "resolver", "redis", "xxxxxxxx", "a".repeat(100_000)])("to %.20s is none", (word) =>
    expect(suggest(word, keys)).toBeNull(),
  );
});
