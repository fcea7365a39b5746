import { createRequire } from "node:module";

/** The package's own name for itself, so that it is found from sources and from dist/ alike. */
export const VERSION: string = createRequire(import.meta.url)("mta-sts-engine/package.json").version;
