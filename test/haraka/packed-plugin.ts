import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { projectRoot } from "./project-root.ts";
import { oldest, whyNoHaraka } from "./release.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A node_modules directory with the plugin as a user installs it; null where no Haraka can run. */
    harakaModules: string | null;
  }
}

/** Packs the engine and the plugin as npm would publish them, and installs both into a directory of their own. */
export function installPacked(directory: string): string {
  const pack = (folder: string) =>
    execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", directory], { cwd: folder });
  pack(projectRoot);
  pack(join(projectRoot, "bindings/haraka"));
  const tarballs = readdirSync(directory).filter((name) => name.endsWith(".tgz"));
  writeFileSync(join(directory, "package.json"), '{ "private": true }');
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];
  execFileSync("npm", ["install", ...quiet, ...tarballs.map((name) => `./${name}`)], { cwd: directory });
  return join(directory, "node_modules");
}

/** Once for all files of the project. */
export default function setup(project: TestProject): (() => void) | undefined {
  if (whyNoHaraka(oldest) !== undefined || !existsSync(join(projectRoot, "dist/host/index.js"))) {
    project.provide("harakaModules", null);
    return undefined;
  }
  const directory = mkdtempSync(join(tmpdir(), "mta-sts-haraka-packed-"));
  chmodSync(directory, 0o755); // a Haraka that gave up its privileges loads the engine from here
  project.provide("harakaModules", installPacked(directory));
  return () => rmSync(directory, { recursive: true, force: true });
}
