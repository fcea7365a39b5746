import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { SqliteFailure } from "./sqlite-driver.ts";
import { storeError } from "./sqlite-result.ts";
import type { StoreError } from "./types.ts";

/** READONLY and CANTOPEN: what SQLite makes of EACCES, among other things. */
const POSSIBLE: ReadonlySet<number> = new Set([8, 14]);

const isRefusal = (error: unknown): error is NodeJS.ErrnoException => {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM";
};

/** Whether a lack of permission may be behind the failure; SQLite does not say more. */
const isDenial = ({ cause }: StoreError): boolean =>
  cause instanceof SqliteFailure
    ? POSSIBLE.has(cause.code)
    : cause instanceof Error && (isRefusal(cause) || isDenial(cause as StoreError));

/**
 * For a store of which nothing could be opened. Where that is for lack of permission, waiting does not help and going
 * on without the store would defer all mail to domains without a policy: the failure becomes "unsupported" and names
 * who may not use what. Any other failure is returned as it is.
 */
export function namingDenied(failure: StoreError, path: string): StoreError {
  if (failure.failure === "unsupported" || !isDenial(failure)) return failure;
  const places = deniedPlaces(path);
  if (places.length === 0 && isRefusal(failure.cause)) places.push(failure.cause.path ?? path);
  if (places.length === 0) return failure;
  const detail =
    `user ${process.geteuid?.() ?? "unknown"} may not use ${places.join(" and ")}; ` +
    "chown it to the daemon's user or set store.path to another place";
  return storeError("unsupported", path, detail, failure);
}

/** The directory, or the parent it is to be made in; and the files in it, as far as they can be seen. */
function deniedPlaces(path: string): string[] {
  const { R_OK, W_OK, X_OK } = constants;
  let directory = dirname(path);
  while (!existsSync(directory) && directory !== dirname(directory)) directory = dirname(directory);
  const files = ["", "-wal", "-shm", "-journal", ".lock", ".new"].map((suffix) => path + suffix).filter(existsSync);
  return [
    ...(refuses(directory, R_OK | W_OK | X_OK) ? [directory] : []),
    ...files.filter((file) => refuses(file, R_OK | W_OK)),
  ];
}

function refuses(place: string, mode: number): boolean {
  try {
    accessSync(place, mode);
    return false;
  } catch (error) {
    return isRefusal(error);
  }
}
