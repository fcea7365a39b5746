import "./portable-memory.ts"; // first: the memory must be there before assembly/ reserves its areas

import * as assembly from "../../assembly/index.ts";
import type { CoreExports } from "./exports.ts";
import { portableMemory } from "./portable-memory.ts";

/** The core as plain JavaScript, for places where WebAssembly is forbidden (`node --jitless`, a strict CSP). */
export const portableExports: CoreExports = { ...assembly, memory: { buffer: portableMemory } };
