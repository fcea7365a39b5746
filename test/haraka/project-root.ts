import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout, seen from the source or from its compiled form in dist. */
export const projectRoot: string = above(fileURLToPath(new URL(".", import.meta.url)));

function above(directory: string): string {
  return existsSync(join(directory, "package.json")) ? directory : above(dirname(directory));
}
