// Input: leniency, then the body.
#include "../harness.h"

#define PATTERNS_CHECKED 16

static void check_policy(outcome o, octets body, uint32_t leniency) {
  uint32_t mode = get32(o.payload), max_age = get32(o.payload + 4), used = get32(o.payload + 8), n = get32(o.payload + 12);
  CHECK(mode >= 1 && mode <= 3 && max_age <= 31557600 && (used & ~leniency) == 0);
  CHECK(o.length == 16 + 8 * n && (n != 0 || mode == 3) && body.size <= 65536);
  static uint8_t table[8 * PATTERNS_CHECKED];
  if (n > PATTERNS_CHECKED) n = PATTERNS_CHECKED;
  memcpy(table, o.payload + 16, 8 * n);
  octets host = {(const uint8_t *)"x", 1};
  for (uint32_t i = 0; i < n; i++) {
    uint32_t at = get32(table + 8 * i), length = get32(table + 8 * i + 4);
    CHECK(at <= body.size && length <= body.size - at);
    octets pattern = {body.at + at, length};
    CHECK(quick_pair(Z_mtastsZ_mtasts_mx_match, pattern, host).status >= 0);
  }
}

/** Keys that come again must change nothing: the first counts (R-8461-3.2-24). */
static void check_first_counts(outcome o, octets body, uint32_t leniency) {
  static const char again[] = "\nversion: STSv2\nmode: none\nmax_age: 0\nmode: testing\nmax_age: 31557600\n";
  static uint8_t longer[66000];
  int has_end = body.at[body.size - 1] == '\n';
  octets text = {longer, body.size + sizeof again - 1 - has_end};
  if (text.size > 65536) return;
  uint32_t mode = get32(o.payload), max_age = get32(o.payload + 4);
  memcpy(longer, body.at, body.size);
  memcpy(longer + body.size, again + has_end, sizeof again - 1 - has_end);
  outcome l = quick_text(Z_mtastsZ_mtasts_policy_parse, text, leniency);
  CHECK(l.status == 1 && get32(l.payload) == mode && get32(l.payload + 4) == max_age);
}

void fuzz_one(octets input) {
  uint32_t leniency = take8(&input) & 15;
  if (input.size > REQUEST_LIMIT) return;
  outcome o = call_text(Z_mtastsZ_mtasts_policy_parse, input, leniency, 2);
  CHECK(o.status <= 1 && o.status != 0);
  int accepted = o.status == 1, excused = accepted && get32(o.payload + 8) != 0;
  if (accepted) {
    outcome copy = o;
    check_policy(copy, input, leniency);
    o = quick_text(Z_mtastsZ_mtasts_policy_parse, input, leniency);
    check_first_counts(o, input, leniency);
  }
  outcome strict = quick_text(Z_mtastsZ_mtasts_policy_parse, input, 0);
  CHECK(strict.status != 1 || accepted);
  CHECK(!accepted || excused || strict.status == 1);
}
