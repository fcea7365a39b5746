import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDuration } from "../../../host/config/durations.ts";

describe("a duration", () => {
  it.each([
    ["500ms", 500],
    ["20s", 20_000],
    ["5m", 300_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["0s", 0],
    ["999999999ms", 999_999_999],
  ])("reads %s as %d milliseconds", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

  it.each([
    "",
    "5",
    "s",
    "5 s",
    " 5s",
    "5s ",
    "5S",
    "+5s",
    "-5s",
    "05s",
    "1.5s",
    "1e3s",
    "5sec",
    "5w",
    "1h30m",
    "5s\n",
    "٥s",
    "1000000000s",
  ])("is not %j", (text) => expect(parseDuration(text)).toBeNull());

  it("is never anything but digits and one of five units", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseDuration(text) !== null).toBe(/^(0|[1-9]\d{0,8})(ms|s|m|h|d)$/.test(text));
      }),
    );
  });
});
