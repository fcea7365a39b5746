import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const ROOMS = ["core", "dns", "engine", "https", "observe", "store"].map((room) => `host/${room}`);

const sourcesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => join(folder, name));

/**
 * The engine and engine-worker.ts as JavaScript that a plain `node` runs (Node 20 runs no TypeScript), below the
 * project so that its packages and the wasm are found. Removed when the tests of the file are over.
 */
export function compileEngineWorker(): string {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const out = mkdtempSync(join(ROOT, "build/engine-test-"));
  afterAll(() => rmSync(out, { recursive: true, force: true }));
  const worker = "test/host/engine/engine-worker.ts";
  for (const name of [...ROOMS.flatMap(sourcesIn), "assembly/abi.ts", worker]) {
    const { outputText } = ts.transpileModule(readFileSync(join(ROOT, name), "utf8"), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    const target = join(out, name.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  return join(out, worker.replace(/\.ts$/, ".js"));
}
