import { expect, it } from "vitest";
import { steadyTime } from "../../../host/engine/clock.ts";

function movable(now: number) {
  const time = { now, uptimeMs: 5_000, boot: 1 };
  return { time, clock: { read: () => ({ ...time }) } };
}

const START = 1_800_000_000;
const DAY = 86_400;

it("a clock set ten years ahead for a moment does not become the high-water time of the store (R-8461-CSM-14)", () => {
  const { time, clock } = movable(START);
  const steady = steadyTime(clock);
  time.now = START + 10 * 365 * DAY;
  time.uptimeMs += 60_000;
  expect(steady()).toBe(START + 60 + DAY);
  time.now = START + 61;
  expect(steady()).toBe(START + 61);
});

it("time that really passes is followed without limit", () => {
  const { time, clock } = movable(START);
  const steady = steadyTime(clock);
  time.now += 400 * DAY;
  time.uptimeMs += 400 * DAY * 1000;
  expect(steady()).toBe(START + 400 * DAY);
});

it("a clock set back is followed: the store itself never lowers its high-water time", () => {
  const { time, clock } = movable(START);
  const steady = steadyTime(clock);
  time.now -= 3_600;
  expect(steady()).toBe(START - 3_600);
});
