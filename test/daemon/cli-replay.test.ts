import { readFileSync, statSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createWorld, type World } from "../lab/world.ts";
import { mtaSts } from "./command.ts";
import { DaemonProcess, endDaemons, Home, policyHostObstacle } from "./daemon-process.ts";

describe("mta-sts serve --record and mta-sts replay", () => {
  let world: World;
  let home: Home;
  let file: string;

  beforeAll(async () => {
    if (policyHostObstacle() !== null) return;
    world = await createWorld({ httpsAddress: "127.84.63.1", httpsPort: 443, ttl: 0 });
    await world.domain("a.test", { policy: { mode: "enforce", mx: ["mx.a.test"], maxAge: 86_400 } });
    await world.domain("plain.test", {});
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    home = new Home().configure(world);
    file = `${home.folder}/decisions.jsonl`;
  });
  afterEach(async () => {
    await endDaemons();
    home?.remove();
  });
  afterAll(() => world?.close());

  async function record(...more: string[]): Promise<DaemonProcess> {
    const daemon = DaemonProcess.launch(["--config", home.config, "--record", file, ...more]);
    await daemon.event("daemon-started");
    return daemon;
  }

  it("record what the daemon decides and make it again byte for byte, on wasm and on the portable twin", async () => {
    const daemon = await record();
    for (const domain of ["a.test", "plain.test", "never.test", "a.test"]) await daemon.ask(`postfix ${domain}`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    daemon.child.kill("SIGKILL"); // what was decided is in the file all the same
    await daemon.ended;
    const lines = readFileSync(file, "utf8").trim().split("\n");
    expect(JSON.parse(lines[0] as string)).toMatchObject({ format: "mta-sts-decisions", version: 1 });
    for (const flags of [[], ["--portable"]]) {
      const { code, stdout } = await mtaSts(["replay", file, "--json", ...flags]);
      expect(JSON.parse(stdout)).toMatchObject({
        version: 1,
        decisions: lines.length - 1,
        cut: false,
        difference: null,
      });
      expect(code).toBe(0);
    }
    expect(lines.length).toBeGreaterThan(8);
    expect((await mtaSts(["replay", file])).stdout).toMatch(/^the same: \d+ decisions, wasm core, byte for byte/);
  });

  it("show the first decision that comes out otherwise, and forgive only a last line that was cut", async () => {
    const daemon = await record();
    for (const domain of ["a.test", "plain.test"]) await daemon.ask(`postfix ${domain}`);
    await daemon.stop();
    const lines = readFileSync(file, "utf8").trim().split("\n");
    const third = JSON.parse(lines[2] as string) as { out: string };
    const out = Buffer.from(third.out, "base64");
    out[20] = (out[20] as number) ^ 1;
    const forged = [...lines.slice(0, 2), JSON.stringify({ ...third, out: out.toString("base64") }), ...lines.slice(3)];
    writeFileSync(file, forged.join("\n"));
    const { code, stdout } = await mtaSts(["replay", file, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ decisions: 1, difference: { line: 3, octet: 20 } });
    writeFileSync(file, `${lines.join("\n")}\n${(lines[1] as string).slice(0, 40)}`);
    expect(JSON.parse((await mtaSts(["replay", file, "--json"])).stdout)).toMatchObject({
      cut: true,
      difference: null,
    });
    writeFileSync(file, [lines[0], "{", ...lines.slice(1)].join("\n"));
    expect((await mtaSts(["replay", file])).code).toBe(2);
  });

  it("end the record at its limit with an event, while the daemon goes on", async () => {
    const daemon = await record("--record-limit", "1");
    for (let i = 0; i < 3000 && daemon.events("record-ended").length === 0; i++) await daemon.ask(`postfix n${i}.test`);
    expect(daemon.events("record-ended")[0]).toMatchObject({ path: file, detail: "it has reached its 1 MiB" });
    expect(statSync(file).size).toBeLessThanOrEqual(1048576);
    expect(await daemon.ask("postfix a.test")).toContain("secure match=");
    expect((await mtaSts(["replay", file])).code).toBe(0);
  });

  it("refuse a file that is there already, and a record that is none", async () => {
    writeFileSync(file, "precious\n");
    const { code, stderr } = await mtaSts(["serve", "--config", home.config, "--record", file]);
    expect(code).toBe(2);
    expect(stderr).toContain(`cannot record to ${file}`);
    expect(readFileSync(file, "utf8")).toBe("precious\n");
    expect(await mtaSts(["replay", file])).toMatchObject({ code: 2, stdout: "" });
    expect((await mtaSts(["replay", `${home.folder}/none`])).code).toBe(2);
  });
});
