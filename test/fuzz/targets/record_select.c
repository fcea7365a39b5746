// Input: leniency, then the RRset as docs/abi.md lays it out.
#include "../harness.h"

enum { SEVERAL = -10 };

static void check_id(outcome o, uint32_t leniency) {
  CHECK(o.length >= 9);
  uint32_t used = get32(o.payload), n = get32(o.payload + 4);
  CHECK((used & ~leniency) == 0);
  CHECK(n >= 1 && n <= 32 && o.length == 8 + n);
  for (uint32_t i = 0; i < n; i++) {
    uint8_t c = o.payload[8 + i];
    CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  }
}

void fuzz_one(octets input) {
  uint32_t leniency = take8(&input) & 15;
  outcome o = call_text(Z_mtastsZ_mtasts_record_select, input, leniency, 1);
  CHECK(o.status <= 1);
  if (o.status == 1) check_id(o, leniency);
  // What the strict reader accepts, a lenient one accepts alike and says that nothing was excused; unless it takes a
  // record with blanks before it for a second candidate (AMB-02), and then there are several.
  outcome strict = quick_text(Z_mtastsZ_mtasts_record_select, input, 0);
  if (strict.status == 1 && o.status != SEVERAL)
    CHECK(o.status == 1 && o.length == strict.length && memcmp(o.payload, strict.payload, o.length) == 0);
  if (o.status == 1 && get32(o.payload) == 0) CHECK(strict.status == 1);
}
