import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll } from "vitest";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};

/**
 * Sources (paths below the project) as JavaScript that a plain `node` runs (Node 20 runs no TypeScript), in a folder
 * below the project so that its packages and the wasm are found. Returns that folder; it is removed when the tests of
 * the file are over.
 */
export function transpiled(sources: readonly string[]): string {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const out = mkdtempSync(join(ROOT, "build/worker-test-"));
  chmodSync(out, 0o755); // some tests run it as a user who owns nothing
  afterAll(() => rmSync(out, { recursive: true, force: true }));
  for (const name of sources) {
    const target = join(out, name.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, ts.transpileModule(readFileSync(join(ROOT, name), "utf8"), { compilerOptions }).outputText);
  }
  return out;
}
