// What a fuzz target has in its hands: the shipped module (through wasm2c), calls that catch every read outside the
// request, and checks. One target is one file in targets/ that defines fuzz_one().
#ifndef MTA_STS_FUZZ_HARNESS_H
#define MTA_STS_FUZZ_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

typedef struct {
  const uint8_t *at;
  size_t size;
} octets;

/** What one call left behind. The payload is a copy: it outlives the next call. */
typedef struct {
  int32_t status;
  uint32_t offset, kind, length;
  const uint8_t *payload;
} outcome;

typedef u32 (*text_export)(Z_mtasts_instance_t *, u32, u32, u32);
typedef u32 (*pair_export)(Z_mtasts_instance_t *, u32, u32, u32, u32);
typedef u32 (*frame_export)(Z_mtasts_instance_t *, u32, u32);

/**
 * Each runs the export twice, the request at two places, with other calls and a soiled OUT between, and requires the
 * same answer, a well-formed OUT header, an untouched request and a documented status. `kind` is the KIND_ it must say.
 */
outcome call_text(text_export f, octets text, uint32_t leniency, uint32_t kind);
outcome call_pair(pair_export f, octets a, octets b, uint32_t kind);
outcome call_frame(frame_export f, octets request, uint32_t kind);

/** One call at one place, for cross-checks with another export. */
outcome quick_text(text_export f, octets text, uint32_t leniency);
outcome quick_pair(pair_export f, octets a, octets b);

/** Largest request a target may build. */
#define REQUEST_LIMIT 180000

/** The target: input from libFuzzer, any octets. */
void fuzz_one(octets input);

/** A reader of fuzzer input that gives zeros once the input is used up. */
static inline uint32_t take8(octets *in) {
  if (in->size == 0) return 0;
  in->size--;
  return *in->at++;
}

static inline uint32_t take16(octets *in) {
  uint32_t low = take8(in);
  return low | take8(in) << 8;
}

static inline octets take(octets *in, size_t n) {
  octets part = {in->at, n < in->size ? n : in->size};
  in->at += part.size;
  in->size -= part.size;
  return part;
}

/** All up to the first octet 0, which is passed over. */
static inline octets take_until_zero(octets *in) {
  size_t n = 0;
  while (n < in->size && in->at[n] != 0) n++;
  octets part = take(in, n);
  take8(in);
  return part;
}

static inline uint32_t get16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t get32(const uint8_t *p) { return get16(p) | get16(p + 2) << 16; }
static inline void put32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
_Noreturn void check_failed(const char *what, const char *file, int line);

#endif
