import { describe, expect, it } from "vitest";
import { NOTFOUND, okReply } from "../../../bindings/postfix/reply.ts";
import { WarmCache } from "../../../bindings/postfix/warm-cache.ts";

describe("the warm cache", () => {
  it("gives a reply again until the moment it expires, not at it", () => {
    const cache = new WarmCache(10, 1 << 20);
    cache.set("postfix a.example", NOTFOUND, 1000);
    expect(cache.get("postfix a.example", 999)).toBe(NOTFOUND);
    expect(cache.get("postfix a.example", 1000)).toBeNull();
    expect(cache.get("postfix A.example", 0)).toBeNull();
  });

  it("never holds more entries than its bound, whoever asks for how many domains", () => {
    const cache = new WarmCache(1_000, 1 << 30);
    for (let i = 0; i < 50_000; i++) {
      cache.set(`postfix d${i}.example`, NOTFOUND, 1e9);
      if (i % 997 === 0) expect(cache.size).toBeLessThanOrEqual(1_000);
    }
    expect(cache.size).toBeGreaterThanOrEqual(500);
    expect(cache.size).toBeLessThanOrEqual(1_000);
  });

  it("never holds more bytes than its bound", () => {
    const big = okReply("x".repeat(90_000));
    const cache = new WarmCache(1_000, 1_000_000);
    for (let i = 0; i < 200; i++) cache.set(`postfix d${i}.example`, big, 1e9);
    expect(cache.size).toBeGreaterThan(0);
    expect(cache.size * 90_000).toBeLessThanOrEqual(1_000_000);
    cache.set("postfix small.example", okReply("y".repeat(600_000)), 1e9);
    expect(cache.get("postfix small.example", 0)).toBeNull();
  });

  it("keeps what is asked for while others come and go", () => {
    const cache = new WarmCache(100, 1 << 20);
    cache.set("postfix busy.example", NOTFOUND, 1e9);
    for (let i = 0; i < 5_000; i++) {
      cache.set(`postfix d${i}.example`, NOTFOUND, 1e9);
      expect(cache.get("postfix busy.example", 0)).toBe(NOTFOUND);
    }
  });

  it("does not keep very long requests, and forgets all at once when told", () => {
    const cache = new WarmCache(10, 1 << 20);
    cache.set("k".repeat(600), NOTFOUND, 1e9);
    expect(cache.size).toBe(0);
    cache.set("postfix a.example", NOTFOUND, 1e9);
    cache.clear();
    expect(cache.get("postfix a.example", 0)).toBeNull();
  });
});
