import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { asStoreError, storeError } from "./sqlite-result.ts";

/** f_type of statfs(2) for file systems whose locks or shared memory do not reach other machines. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x5346414f, "AFS"],
  [0x73757245, "Coda"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
]);

export type Occupant = "nothing" | "file" | "directory" | "symlink";

/** Creates the directory (0700, its parents as the umask says) and refuses one where SQLite's locks do not work. */
export function prepareDirectory(path: string): void {
  const directory = dirname(path);
  try {
    mkdirSync(dirname(directory), { recursive: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!statSync(directory).isDirectory()) throw new Error("is not a directory");
  } catch (error) {
    throw asStoreError(error, path);
  }
  const network = NETWORK_FILE_SYSTEMS.get(statfsSync(directory).type >>> 0);
  if (network !== undefined)
    throw storeError("unsupported", path, `${directory} lies on a network file system (${network}); use a local disk`);
}

/**
 * What stands under the path. A device, FIFO or socket is refused: moving it aside could break the machine, and nobody
 * keeps policies in one.
 */
export function occupantOf(path: string): Occupant {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return "nothing";
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  throw storeError("unsupported", path, "is neither a file nor absent; set store.path to another name");
}

export function permits(path: string, mode: "read" | "write"): boolean {
  try {
    accessSync(path, mode === "read" ? constants.R_OK : constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Device and inode of the file now under the path, null when there is none. */
export function fileIdentity(path: string): string | null {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? null : `${stats.dev}:${stats.ino}`;
}

/**
 * For a file that is read without locks, or from a copy: also what tells that somebody has written to it or its log.
 */
export function frozenIdentity(path: string): string | null {
  if (fileIdentity(path) === null) return null;
  const stamps = [path, `${path}-wal`].map((name) => {
    const stats = lstatSync(name, { bigint: true, throwIfNoEntry: false });
    return stats === undefined || stats.size === 0n
      ? "empty"
      : `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
  });
  return stamps.join(" ");
}

export const logIsEmpty = (path: string): boolean =>
  (lstatSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0;

/** A private copy of the database and its log, for a place where SQLite cannot make its shared memory. */
export function copyWithLog(path: string): { readonly copy: string; readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "mta-sts-read-only-"));
  const copy = join(directory, "policies.db");
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    for (const suffix of ["", "-wal"]) {
      copyFileSync(path + suffix, copy + suffix);
      chmodSync(copy + suffix, 0o600);
    }
  } catch (error) {
    remove();
    throw asStoreError(error, path);
  }
  return { copy, remove };
}
