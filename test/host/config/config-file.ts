import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Runs `use` with files in a folder of their own, which is gone afterwards. */
export function inFolder<T>(
  files: Readonly<Record<string, string | Uint8Array>>,
  use: (path: (name: string) => string) => T,
): T {
  const folder = mkdtempSync(join(tmpdir(), "mta-sts-config-"));
  const path = (name: string) => join(folder, name);
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
    }
    return use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
