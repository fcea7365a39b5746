import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT, transpiled } from "../transpiled.ts";

const ROOMS = ["core", "dns", "engine", "https", "observe", "store"].map((room) => `host/${room}`);
const WORKER = "test/host/engine/engine-worker";

const sourcesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => join(folder, name));

/** The engine and engine-worker.ts, compiled for a process of their own: the path of the worker. */
export function compileEngineWorker(): string {
  const out = transpiled([...ROOMS.flatMap(sourcesIn), "host/slots.ts", "assembly/abi.ts", `${WORKER}.ts`]);
  return join(out, `${WORKER}.js`);
}
