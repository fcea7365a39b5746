import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MAIN, mtaSts, run } from "./command.ts";

const COMMANDS = [
  [],
  ["serve"],
  ["query"],
  ["parse-policy"],
  ["parse-record"],
  ["cache"],
  ["cache", "list"],
  ["cache", "show"],
  ["cache", "forget"],
  ["cache", "refresh"],
] as const;
const VERSION = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
const POLICY = "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n";
const ESCAPE = "\u001b[";

describe("the manners of mta-sts", () => {
  it.each(COMMANDS.map((words) => [words.join(" "), words]))(
    "explains `mta-sts %s` with an example under --help and -h, on standard output",
    async (_title, words) => {
      const long = await mtaSts([...words, "--help"]);
      expect(long).toMatchObject({ code: 0, stderr: "" });
      expect(long.stdout).toMatch(/Examples?:\n {2}\$ .*mta-sts/);
      expect(await mtaSts([...words, "-h"])).toEqual(long);
    },
  );

  it("tells its version", async () => {
    expect(await mtaSts(["--version"])).toEqual({ code: 0, stdout: `mta-sts ${VERSION}\n`, stderr: "" });
  });

  it("shows its help on standard error and exits 2 when it is told nothing", async () => {
    const { code, stdout, stderr } = await mtaSts([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Usage: mta-sts");
  });

  it.each([
    ["a misspelt command", ["qeury", "example.com"], "Did you mean query?"],
    ["a misspelt subcommand", ["cache", "lst"], "Did you mean list?"],
    ["a misspelt option", ["query", "example.com", "--jsno"], "Did you mean --json?"],
    ["a missing argument", ["query"], "missing required argument 'domain'"],
    ["an argument too many", ["query", "a.example", "b.example"], "too many arguments"],
    ["no domain name", ["query", "a..b"], "a..b is not a domain name"],
    ["an address", ["query", "user@example.com"], "give its domain: example.com"],
    [
      "a configuration that is not there",
      ["query", "a.example", "--config", "/nowhere.yaml"],
      "/nowhere.yaml: cannot be read",
    ],
  ])("answers %s with a helpful message on standard error and exit code 2", async (_title, args, message) => {
    const { code, stdout, stderr } = await mtaSts(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  it("writes no colours into a pipe", async () => {
    for (const args of [["parse-policy"], ["--help"]])
      expect((await mtaSts(args, { input: POLICY })).stdout).not.toContain(ESCAPE);
  });

  describe("on a terminal", () => {
    // What the tests themselves run under (CI, a dumb terminal) must not decide.
    const onTerminal = (setting = "") => {
      const clean = `env -u CI -u NO_COLOR -u FORCE_COLOR TERM=xterm-256color ${setting}`;
      return run("script", ["-qec", `${clean} ${process.execPath} ${MAIN} parse-record "v=STSv1; id=1"`, "/dev/null"]);
    };

    it("writes colours, but not with NO_COLOR or a dumb terminal", async (context) => {
      const probe = await run("script", ["--version"]).catch(() => null);
      if (probe === null) context.skip("the script command (util-linux) is missing: no terminal to be had");
      expect((await onTerminal()).stdout).toContain(`${ESCAPE}32mvalid`);
      expect((await onTerminal("NO_COLOR=1")).stdout).toContain("valid, id 1");
      expect((await onTerminal("NO_COLOR=1")).stdout).not.toContain(ESCAPE);
      expect((await onTerminal("TERM=dumb")).stdout).not.toContain(ESCAPE);
    });
  });

  it("ends quietly when the reader of its output goes away", async () => {
    const { code, stderr } = await run("sh", [
      "-c",
      `${process.execPath} ${MAIN} --help | true; ${process.execPath} ${MAIN} parse-record "v=STSv1; id=1" | head -c 0`,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
