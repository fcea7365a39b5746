// Loaded into a daemon with `node --import`: its wall clock, its monotonic clock and its boot are what the file named
// by LAB_CLOCK says at that moment. Seconds are added to the true time; timers and TLS keep the true clock.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const readFile = fs.readFileSync;
const wallClock = Date.now;
const monotonicClock = process.hrtime.bigint;
const sinceStart = performance.now.bind(performance);
const moved = () => JSON.parse(readFile(process.env.LAB_CLOCK, "utf8"));

Date.now = () => wallClock() + moved().wall * 1000;
process.hrtime.bigint = () => monotonicClock() + BigInt(moved().uptime) * 1_000_000_000n;
performance.now = () => sinceStart() + moved().uptime * 1000;
fs.readFileSync = (path, ...how) => (path === BOOT_ID ? moved().boot : readFile(path, ...how));
syncBuiltinESMExports();
