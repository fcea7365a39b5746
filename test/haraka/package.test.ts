import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPacked } from "./packed-plugin.ts";
import { projectRoot } from "./project-root.ts";

const plugin = join(projectRoot, "bindings/haraka");
const manifest = (folder: string) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** Text of a script of the plugin's package.json; rejects with its output when it fails. */
function script(name: string): string {
  try {
    return execFileSync("npm", ["run", "--silent", name], { cwd: plugin, encoding: "utf8" });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`npm run ${name} failed:\n${stdout}${stderr}`);
  }
}

describe("the package haraka-plugin-mta-sts", () => {
  // Its own node_modules: haraka-test-fixtures takes the directory around them for the plugin.
  beforeAll(() => {
    if (existsSync(join(plugin, "node_modules/.package-lock.json"))) return;
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    execFileSync("npm", ["ci", ...quiet], { cwd: plugin, stdio: "pipe" });
  }, 120_000);

  it("passes its own unit tests", () => {
    const [, passed] = /^# pass (\d+)$/m.exec(script("test")) ?? [];
    expect(Number(passed)).toBeGreaterThan(50);
  });

  it("passes the linter and the formatter that Haraka's plugins share", () => {
    expect(script("lint")).not.toMatch(/warning|error/);
    expect(script("prettier")).toContain("All matched files use Prettier code style!");
  });

  it("has the version and the peer of the engine it is built beside", () => {
    const { version, peerDependencies } = manifest(plugin);
    const engine = manifest(projectRoot);
    expect(version).toBe(engine.version);
    expect(peerDependencies[engine.name]).toBe(`^${engine.version}`);
  });

  it("explains every key of its configuration in the README, and ships all that are read", () => {
    const readme = readFileSync(join(plugin, "README.md"), "utf8");
    const ini = readFileSync(join(plugin, "config/mta-sts.ini"), "utf8");
    const source = readFileSync(join(plugin, "lib/config.js"), "utf8");
    const [, listed = ""] = /const KEYS = \{(.*?)\n\}/s.exec(source) ?? [];
    const keys = [...listed.matchAll(/(\w+): \[(.*?)\]/g)].flatMap(([, section, names = ""]) =>
      names.split(",").map((name) => [section, name.replace(/[' ]/g, "")]),
    );
    expect(keys.length).toBeGreaterThan(8);
    for (const [section, key] of keys) {
      expect(readme, `${section}.${key}`).toMatch(new RegExp(`\\[${section}\\][\\s\\S]*\`${key}\``));
      expect(ini, `${section}.${key}`).toMatch(new RegExp(`\\[${section}\\][^[]*^;?${key}=`, "m"));
    }
  });

  describe("installed as a user installs it", () => {
    let directory: string;
    let modules: string;
    let seconds: number;

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), "mta-sts-haraka-package-"));
      const started = Date.now();
      modules = installPacked(directory);
      seconds = (Date.now() - started) / 1000;
    }, 120_000);
    afterAll(() => rmSync(directory, { recursive: true, force: true }));

    it("holds what it needs and nothing else", () => {
      const installed = join(modules, "haraka-plugin-mta-sts");
      expect(readdirSync(installed).sort()).toEqual([
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "config",
        "index.js",
        "lib",
        "package.json",
      ]);
    });

    it("builds nothing: no package runs a script, no compiler is needed", () => {
      const lock = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8"));
      const scripts = Object.entries<{ hasInstallScript?: boolean }>(lock.packages).filter(
        ([, one]) => one.hasInstallScript,
      );
      expect(scripts).toEqual([]);
      console.log(`haraka-plugin-mta-sts and mta-sts-engine: packed and installed in ${seconds.toFixed(1)} s`);
    });

    it("loads from CommonJS, and the engine from it", async () => {
      const probe = join(directory, "probe.cjs");
      writeFileSync(
        probe,
        "require('haraka-plugin-mta-sts'); import('mta-sts-engine').then((e) => console.log(typeof e.createEngine))",
      );
      expect(execFileSync(process.execPath, [probe], { cwd: directory, encoding: "utf8" }).trim()).toBe("function");
    });
  });
});
