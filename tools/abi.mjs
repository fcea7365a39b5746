// One source for the numbers of the ABI in every language: `node tools/abi.mjs` writes docs/abi.json and the constants of
// the bindings, `node tools/abi.mjs --check` says which of them are out of date. Neither needs a build.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { cConstants } from "./abi/c.mjs";
import { goConstants } from "./abi/go.mjs";
import { javaConstants } from "./abi/java.mjs";
import { pythonConstants } from "./abi/python.mjs";
import { readAbi } from "./abi/read.mjs";

const root = new URL("../", import.meta.url);

/** Path -> text of every file that is made from the ABI. */
export function generated() {
  const abi = readAbi(root);
  return {
    "docs/abi.json": `${JSON.stringify(abi, null, 2)}\n`,
    "bindings/go/abi.go": goConstants(abi),
    "bindings/c/mta_sts_abi.h": cConstants(abi),
    "bindings/java/src/main/java/org/mtasts/Abi.java": javaConstants(abi),
    "bindings/python/src/mtasts/abi.py": pythonConstants(abi),
  };
}

function isCurrent(path, text) {
  try {
    return readFileSync(new URL(path, root), "utf8") === text;
  } catch {
    return false;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const stale = Object.entries(generated()).filter(([path, text]) => !isCurrent(path, text));
  const check = process.argv.includes("--check");
  for (const [path, text] of stale) {
    if (!check) writeFileSync(new URL(path, root), text);
    console.log(`${check ? "out of date, run node tools/abi.mjs" : "wrote"}: ${path}`);
  }
  if (check && stale.length > 0) process.exit(1);
}
