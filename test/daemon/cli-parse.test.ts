import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mtaSts } from "./command.ts";

const POLICY = "version: STSv1\r\nmode: enforce\r\nmx: MX.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n";

describe("mta-sts parse-policy", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mta-sts-test-"));
    writeFileSync(join(folder, "policy.txt"), POLICY);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const VALID = "valid, mode enforce, max_age 604800 s (7 d)\nmx mx.example.com\nmx *.example.net\n";

  it.each([
    ["a file", () => mtaSts(["parse-policy", join(folder, "policy.txt")])],
    ["standard input by default", () => mtaSts(["parse-policy"], { input: POLICY })],
    ["standard input as -", () => mtaSts(["parse-policy", "-"], { input: POLICY })],
  ])("reads %s", async (_title, run) => {
    expect(await run()).toEqual({ code: 0, stdout: VALID, stderr: "" });
  });

  it("writes one object with version 1 under --json", async () => {
    const { code, stdout } = await mtaSts(["parse-policy", "--json"], { input: POLICY });
    expect(code).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      ok: true,
      mode: "enforce",
      maxAge: 604800,
      mx: ["mx.example.com", "*.example.net"],
      leniencies: [],
    });
  });

  it("names the place of a mistake, with exit code 1", async () => {
    const input = "version: STSv1\nmode: enforced\nmx: a.example\nmax_age: 1\n";
    const plain = await mtaSts(["parse-policy"], { input });
    expect(plain).toMatchObject({ code: 1, stderr: "" });
    expect(plain.stdout).toBe(
      "not valid: the mode is not enforce, testing or none (policy-mode)\nline 2, column 7: mode: enforced\n",
    );
    const json = await mtaSts(["parse-policy", "--json"], { input });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ version: 1, ok: false, code: "policy-mode", line: 2, column: 7 });
  });

  it.each([
    ["empty input", "", "policy-empty"],
    ["more than 64 KiB", `${POLICY}${"x: y\n".repeat(20_000)}`, "policy-too-large"],
    ["more than is ever read", "x".repeat(3_000_000), "policy-too-large"],
  ])("refuses %s", async (_title, input, code) => {
    const { code: exit, stdout } = await mtaSts(["parse-policy", "--json"], { input });
    expect(exit).toBe(1);
    expect(JSON.parse(stdout).code).toBe(code);
  });

  it("accepts a deviation only when its leniency is named, and says that it was needed", async () => {
    const input = `\ufeff${POLICY.replace("mode", "\r\nmode")}`;
    expect((await mtaSts(["parse-policy"], { input })).code).toBe(1);
    for (const names of [["blank-lines,byte-order-mark"], ["blank-lines", "--leniency", "byte-order-mark"]]) {
      const { code, stdout } = await mtaSts(["parse-policy", "--json", "--leniency", ...names, "-"], { input });
      expect(code).toBe(0);
      expect(JSON.parse(stdout).leniencies.sort()).toEqual(["blank-lines", "byte-order-mark"]);
    }
  });

  it("suggests the leniency that was meant, with exit code 2", async () => {
    const { code, stdout, stderr } = await mtaSts(["parse-policy", "--leniency", "blank-line"], { input: POLICY });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Did you mean blank-lines?");
  });

  it("says what is wrong with a file it cannot read, with exit code 2", async () => {
    const { code, stderr } = await mtaSts(["parse-policy", join(folder, "absent.txt")]);
    expect(code).toBe(2);
    expect(stderr).toContain("absent.txt cannot be read: no such file");
    expect((await mtaSts(["parse-policy", folder])).stderr).toContain("it is a directory");
  });

  it("lets no byte of a hostile policy reach the terminal as it is", async () => {
    const input = Buffer.from("version: STSv1\nmode: \x1b[31m\x07\x9b\u202eenforce\n");
    for (const args of [["parse-policy"], ["parse-policy", "--json"]]) {
      const { stdout } = await mtaSts(args, { input });
      expect(stdout).toMatch(/^[\x20-\x7e\n]+$/);
    }
  });
});

describe("mta-sts parse-record", () => {
  it("finds the one valid record among others", async () => {
    const { code, stdout } = await mtaSts(["parse-record", "v=spf1 -all", "v=STSv1; id=20240101T0;"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "valid, id 20240101T0\n" });
  });

  it("writes one object with version 1 under --json", async () => {
    const good = await mtaSts(["parse-record", "--json", "v=STSv1; id=1"]);
    expect(JSON.parse(good.stdout)).toEqual({ version: 1, ok: true, id: "1", leniencies: [] });
    const none = await mtaSts(["parse-record", "--json", "v=spf1 -all"]);
    expect(none.code).toBe(1);
    expect(JSON.parse(none.stdout)).toMatchObject({ version: 1, ok: false, code: "no-record" });
  });

  it.each([
    ["two records", ["v=STSv1; id=1;", "v=STSv1; id=2;"], "record-several"],
    ["no id", ["v=STSv1;"], "record-no-id"],
    ["an id with a hyphen", ["v=STSv1; id=a-b;"], "record-id"],
  ])("refuses %s with exit code 1", async (_title, texts, code) => {
    const { code: exit, stdout } = await mtaSts(["parse-record", "--json", ...texts]);
    expect(exit).toBe(1);
    expect(JSON.parse(stdout).code).toBe(code);
  });

  it("explains that dig's quotes are no part of the record", async () => {
    const { code, stderr } = await mtaSts(["parse-record", '"v=STSv1; id=1;"']);
    expect(code).toBe(1);
    expect(stderr).toContain("the quotes that dig prints around a record are no part of it");
  });
});
