import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  type Stats,
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

/** What making a directory fails with where the path is wrong, and waiting does not help. */
const NO_PLACE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "EEXIST", "ELOOP", "ENAMETOOLONG"]);

/** Creates the directory (0700, its parents as the umask says) and refuses one where SQLite's locks do not work. */
export function prepareDirectory(path: string): void {
  const directory = dirname(path);
  try {
    makeMissing(directory);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!NO_PLACE.has(code)) throw asStoreError(error, path);
    throw storeError(
      "unsupported",
      path,
      `${directory} cannot be made (${code}); set store.path to another place`,
      error,
    );
  }
  if (!statSync(directory).isDirectory())
    throw storeError("unsupported", path, `${directory} is not a directory; set store.path to another place`);
  const network = NETWORK_FILE_SYSTEMS.get(statfsSync(directory).type >>> 0);
  if (network !== undefined)
    throw storeError("unsupported", path, `${directory} lies on a network file system (${network}); use a local disk`);
}

/** One level at a time: Node's `recursive` never returns where a name neither exists nor can be made, as below /proc. */
function makeMissing(directory: string): void {
  const missing: string[] = [];
  for (let place = directory; !existsSync(place) && place !== dirname(place); place = dirname(place))
    missing.unshift(place);
  for (const place of missing)
    try {
      mkdirSync(place, { mode: place === directory ? 0o700 : 0o777 });
    } catch (error) {
      // Another process that starts on the same store may have been faster.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !existsSync(place)) throw error;
    }
}

/**
 * What stands under the path. Anything but a file is refused: it was put there for another purpose, so it is neither
 * followed nor moved aside, and nobody keeps policies in it.
 */
export function occupantOf(path: string): "nothing" | "file" {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return "nothing";
  if (stats.isFile()) return "file";
  throw storeError("unsupported", path, refusalOf(stats, path));
}

function refusalOf(stats: Stats, path: string): string {
  if (stats.isDirectory())
    return `is a directory; name a file in it in store.path, such as ${join(path, "policies.db")}`;
  if (stats.isSymbolicLink()) return "is a symbolic link, which is not followed; set store.path to its target";
  return "is neither a file nor absent; set store.path to another name";
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
