import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { mtaSts } from "./command.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mta-sts-exim-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (listen: string, ...more: readonly string[]) => {
  const config = join(directory, "config.yaml");
  writeFileSync(config, `listen: [${listen}]\n`);
  return mtaSts(["exim-config", "--config", config, ...more, join(directory, "exim")]);
};
const read = (name: string) => readFileSync(join(directory, "exim", name), "utf8");

it("exim-config writes its files for the listener of the configuration and says where they go", async () => {
  const ca = join(directory, "ca.pem");
  writeFileSync(ca, "");
  const { code, stdout, stderr } = await write("exim: unix:/run/x/exim.sock", "--ca-file", ca);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(`.include ${directory}/exim/routers.conf`);
  expect(readdirSync(join(directory, "exim")).sort()).toEqual([
    "deny-ca.pem",
    "main.conf",
    "routers.conf",
    "transports.conf",
  ]);
  expect(read("main.conf")).toContain(`MTA_STS_SOCKET = /run/x/exim.sock\nMTA_STS_CA = ${ca}\n`);
  expect(statSync(join(directory, "exim/main.conf")).mode & 0o777).toBe(0o644);
});

it("exim-config writes files that Exim's user can read under any umask, and leaves no other behind", async () => {
  const umask = process.umask(0o077);
  try {
    await write("exim: unix:/run/x/exim.sock");
  } finally {
    process.umask(umask);
  }
  const modes = readdirSync(join(directory, "exim")).map(
    (name) => statSync(join(directory, "exim", name)).mode & 0o777,
  );
  expect(modes).toEqual([0o644, 0o644, 0o644, 0o644]);
  expect(statSync(join(directory, "exim")).mode & 0o777).toBe(0o755);
});

it("exim-config names a TCP listener as Exim does, and keeps a deny-ca.pem that is there", async () => {
  await write('exim: "127.0.0.1:8463"');
  const denyCa = read("deny-ca.pem");
  await write('exim: "127.0.0.1:8463"');
  expect(read("main.conf")).toContain("MTA_STS_SOCKET = inet:127.0.0.1:8463\n");
  expect(read("deny-ca.pem")).toBe(denyCa);
});

it.each([
  ["no exim listener", ["postfix: 127.0.0.1:1"], 'the configuration has no exim listener; add "- exim:'],
  [
    "a CA file that would be syntax to Exim",
    ["exim: unix:/x", "--ca-file", "/a{b"],
    "characters that mean something to Exim",
  ],
  [
    "a CA file that Exim would not find, and send in clear without",
    ["exim: unix:/x", "--ca-file", "no/such.pem"],
    "no/such.pem is no absolute path of a file that exists",
  ],
  ["a listener on a port of the system's choice", ['exim: "127.0.0.1:0"'], "Exim cannot ask at 127.0.0.1:0"],
  ["a listener on every address", ['exim: "0.0.0.0:8463"'], "Exim cannot ask at 0.0.0.0:8463"],
  ["a socket that would be syntax to Exim", ['exim: "unix:/a b"'], "characters that mean something to Exim"],
])("exim-config ends with exit code 2 for %s", async (_, args, message) => {
  const { code, stdout, stderr } = await write(args[0] ?? "", ...args.slice(1));
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(message);
});

it("opensmtpd-table ends with exit code 2 without a listener to ask", async () => {
  const config = join(directory, "config.yaml");
  writeFileSync(config, "listen: [postfix: 127.0.0.1:1]\n");
  const { code, stderr } = await mtaSts(["opensmtpd-table", config]);
  expect(code).toBe(2);
  expect(stderr).toContain("the configuration has no opensmtpd listener");
});
