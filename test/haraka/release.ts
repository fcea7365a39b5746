import { existsSync } from "node:fs";
import { namespaceObstacle } from "../lab/namespace.ts";

/** One installed release of Haraka; install-releases.sh brings it. */
export interface HarakaRelease {
  readonly version: string;
  readonly directory: string;
}

const release = (version: string): HarakaRelease => ({
  version,
  directory: `${process.env.MTA_STS_HARAKA_CACHE ?? "/var/cache/mta-sts-engine"}/haraka-${version}`,
});

export const current = release("3.3.4");
export const oldest = release("3.1.1");

/** Why this release cannot run here, in words for the name of a skipped suite; undefined when it can. */
export function whyNoHaraka({ version, directory }: HarakaRelease): string | undefined {
  const obstacle = namespaceObstacle();
  if (obstacle !== null) return obstacle;
  return existsSync(`${directory}/complete`)
    ? undefined
    : `Haraka ${version} is not installed: run test/haraka/install-releases.sh`;
}
