import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { reasonText } from "./notice.ts";

import { driverModule, type SqliteAccess, type SqliteDriver, SqliteFailure, sqliteUri } from "./sqlite-driver.ts";
import { failureOf, storeError, wordsOf } from "./sqlite-result.ts";
import { APPLICATION_ID, SCHEMA_VERSION } from "./sqlite-schema.ts";

export type ProbeVerdict =
  | { readonly verdict: "sound" }
  | { readonly verdict: "damaged"; readonly detail: string }
  | { readonly verdict: "newer"; readonly schema: number };

interface Finding {
  readonly verdict: "sound" | "damaged" | "newer" | "failed";
  readonly detail?: string;
  readonly schema?: number;
  readonly code?: number;
}

/**
 * The check itself, as a script for `node -e`: it must run from the sources, from dist/ and from a bundle alike.
 * integrity_check and not quick_check: only the former compares the table with the index of its keys, and a key that
 * changed in one of them would make a held policy look absent. The script never writes and never checkpoints.
 */
const SCRIPT = `
const [module, uri, schema, application] = process.argv.slice(1);
const { crc32 } = require("node:zlib");
const finish = (finding) => { require("node:fs").writeSync(1, JSON.stringify(finding)); process.exit(0); };
const damaged = (detail) => finish({ verdict: "damaged", detail });
const loaded = require(module);
const Database = loaded.DatabaseSync ?? loaded;
try {
  const db = new Database(uri);
  db.exec("PRAGMA busy_timeout=2000; PRAGMA wal_autocheckpoint=0; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON");
  const value = (sql) => Object.values(db.prepare(sql).get() ?? {})[0];
  const sound = value("PRAGMA integrity_check(1)");
  if (sound !== "ok") damaged(String(sound));
  if (value("PRAGMA application_id") !== Number(application)) damaged("it is not a policy store");
  const version = value("PRAGMA user_version");
  const meta = db.prepare("SELECT * FROM meta").all();
  if (version !== meta[0]?.schema) damaged("its schema version is inconsistent");
  if (version > Number(schema)) finish({ verdict: "newer", schema: version });
  if (version !== Number(schema)) damaged("its schema version " + version + " never existed");
  const { counter, high_water, lost_at, checksum } = meta[0];
  if (meta.length !== 1 || crc32([version, counter, high_water, lost_at].join("\\0")) !== checksum)
    damaged("its row of counters fails its checksum");
  db.prepare("SELECT domain, version, state, checksum FROM policy LIMIT 1").all();
  finish({ verdict: "sound" });
} catch (error) {
  const spoken = /: (\\d{1,4})"?\\)?$/.exec(error.message)?.[1];
  finish({ verdict: "failed", code: error.rawCode ?? error.errcode ?? Number(spoken ?? 10), detail: error.message });
}`;

const LIMIT_MS = 15_000;
/** A large store takes longer; this slow a disk is still waited for. */
const BYTES_PER_MS = 10_000;
/** Signals a damaged file can raise in native code; any other was sent from outside and says nothing about the file. */
const FAULTS: ReadonlySet<string> = new Set(["SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGTRAP"]);

/**
 * Reads the whole file in a child process, so that a file that crashes SQLite cannot take this process with it.
 * Rejects with StoreError when the file cannot be checked (permissions, I/O error, no process to be had).
 */
export async function probeDatabase(path: string, access: SqliteAccess, driver: SqliteDriver): Promise<ProbeVerdict> {
  const args = [driverModule(driver), sqliteUri(path, access), String(SCHEMA_VERSION), String(APPLICATION_ID)];
  const { output, errors, signal } = await runNode(args, path);
  if (signal !== null && FAULTS.has(signal)) return { verdict: "damaged", detail: `reading it ends in ${signal}` };
  if (output === "")
    throw storeError("io", path, `the check at start did not finish (${signal ?? reasonText(errors.slice(-200))})`);
  const finding = JSON.parse(output) as Finding;
  if (finding.verdict === "newer") return { verdict: "newer", schema: finding.schema ?? 0 };
  if (finding.verdict === "sound") return { verdict: "sound" };
  const detail = reasonText(finding.detail ?? "");
  if (finding.verdict === "failed") {
    const failure = failureOf(finding.code ?? 1);
    const cause = new SqliteFailure(finding.code ?? 1, detail);
    if (failure !== "corrupt") throw storeError(failure, path, `the check at start failed, ${wordsOf(cause)}`, cause);
  }
  return { verdict: "damaged", detail };
}

interface Ended {
  readonly output: string;
  readonly errors: string;
  readonly signal: NodeJS.Signals | null;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function runNode(args: readonly string[], path: string): Promise<Ended> {
  // Options meant for this process (a debugger, a loader) must not reach the check, nor change what it reads.
  const { NODE_OPTIONS: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--no-warnings", "-e", SCRIPT, "--", ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS + Math.ceil(sizeOf(path) / BYTES_PER_MS),
      killSignal: "SIGKILL",
    });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString("utf8");
    });
    child.once("error", (error) =>
      reject(storeError("io", path, `the check at start could not run, ${error.message}`, error)),
    );
    child.once("close", (_code, signal) => resolve({ output, errors, signal }));
  });
}
