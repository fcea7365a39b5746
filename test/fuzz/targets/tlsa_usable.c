// Input: the RRset as docs/abi.md lays it out.
#include "../harness.h"

enum { KIND = 7, USABLE = 1, UNUSABLE = 2, ABSENT = 3 };

/** What a record that remains must at least be, written a second time. */
static bool is_usable(const uint8_t *r, uint32_t n) {
  if (n < 4 || (r[0] != 2 && r[0] != 3) || r[1] > 1) return false;
  if (r[2] == 1) return n == 3 + 32;
  if (r[2] == 2) return n == 3 + 64;
  return r[2] == 0 && n >= 5 && r[3] == 0x30;
}

void fuzz_one(octets input) {
  outcome o = call_frame(Z_mtastsZ_mtasts_tlsa_usable, input, KIND);
  CHECK(o.status >= 0 || o.status == -2);
  if (o.status < 0) return;
  uint32_t n = get32(o.payload + 4), previous = 0;
  CHECK(n == (uint32_t)o.status && o.length == 8 + 8 * n);
  CHECK(get32(o.payload) == (input.size == 0 ? ABSENT : n == 0 ? UNUSABLE : USABLE));
  bool weak[8] = {false}, strong[8] = {false};
  for (uint32_t i = 0; i < n; i++) {
    uint32_t at = get32(o.payload + 8 + 8 * i), length = get32(o.payload + 12 + 8 * i);
    CHECK(at >= previous && at <= input.size && length <= input.size - at);
    previous = at + length;
    const uint8_t *record = input.at + at;
    CHECK(is_usable(record, length));
    if (record[2] == 1) weak[record[0] * 2 + record[1]] = true;
    if (record[2] == 2) strong[record[0] * 2 + record[1]] = true;
  }
  for (int group = 0; group < 8; group++) CHECK(!(weak[group] && strong[group]));
}
