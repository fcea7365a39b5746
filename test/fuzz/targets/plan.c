// Input: 255 and a raw request; or verdict, leniency, facts (an octet each), u16 length of the policy, the policy, the list of
// MX hosts, with their DANE states where the facts say so.
#include "../harness.h"

enum { PKIX = 1, DANE = 2, OPPORTUNISTIC = 3, SKIP = 4, ENCRYPT = 5, POLICY = 1, TEMP = 2, ENFORCE = 1, ENTRY = 12 };
enum { FACTS = 1, MX_SECURE = 2, MANDATORY = 4, USABLE = 1, UNUSABLE = 2, FAILED = 5, NO_ADDRESS = 6 };
#define CROSS_CHECKED 8

static void check_entries(outcome o) {
  CHECK(o.length % ENTRY == 0);
  int usable = 0;
  for (uint32_t at = 0; at < o.length; at += ENTRY) {
    uint32_t action = get32(o.payload + at);
    CHECK(action >= PKIX && action <= ENCRYPT);
    usable += action != SKIP;
  }
  CHECK(usable == o.status);
}

/** What holds for a host with DNSSEC facts: DANE bars it whatever MTA-STS says, and never makes an unlisted one usable. */
static void check_facts(uint32_t action, uint32_t facts, uint32_t state, bool enforced, bool covered) {
  if (state >= NO_ADDRESS) CHECK(action == SKIP);
  if ((facts & MX_SECURE) == 0) CHECK(action != DANE && action != ENCRYPT);
  else if (state == FAILED) CHECK(action == SKIP || action == OPPORTUNISTIC || action == PKIX); // an address is outside DANE
  if (action == DANE) CHECK(state == USABLE);
  if (action == ENCRYPT) CHECK(state == UNUSABLE && !enforced);
  if (enforced) CHECK(covered ? action == PKIX || action == DANE || action == SKIP : action == SKIP);
  if ((facts & MANDATORY) != 0) CHECK(action == DANE || action == SKIP);
}

/** Under enforce a host is used only when some mx value covers it, as mx_match sees it. */
static void check_hosts(const uint8_t *entries, octets policy, uint32_t leniency, octets hosts, uint32_t verdict,
                        uint32_t facts) {
  static uint8_t table[8 * CROSS_CHECKED];
  uint32_t n = 0, mode = 0;
  if (verdict == POLICY) {
    outcome p = quick_text(Z_mtastsZ_mtasts_policy_parse, policy, leniency);
    CHECK(p.status == 1);
    mode = get32(p.payload), n = get32(p.payload + 12);
    if (n > CROSS_CHECKED) return;
    memcpy(table, p.payload + 16, 8 * n);
  }
  for (int h = 0; h < CROSS_CHECKED && hosts.size >= 2; h++, entries += ENTRY) {
    size_t length = get16(hosts.at);
    hosts.at += 2, hosts.size -= 2;
    octets host = take(&hosts, length);
    uint32_t action = get32(entries);
    bool covered = false;
    for (uint32_t i = 0; i < n; i++) {
      octets pattern = {policy.at + get32(table + 8 * i), get32(table + 8 * i + 4)};
      covered |= quick_pair(Z_mtastsZ_mtasts_mx_match, pattern, host).status == 1;
    }
    if (facts != 0) {
      check_facts(action, facts, take16(&hosts), verdict == POLICY && mode == ENFORCE, covered);
      continue;
    }
    if (verdict == TEMP) CHECK(action == SKIP);
    else if (verdict == POLICY && mode == ENFORCE) CHECK(action == (covered ? PKIX : SKIP));
    else CHECK(action == OPPORTUNISTIC);
  }
}

void fuzz_one(octets input) {
  if (input.size != 0 && input.at[0] == 255) {
    take8(&input);
    outcome raw = call_frame(Z_mtastsZ_mtasts_plan, input, 5);
    if (raw.status >= 0) check_entries(raw);
    return;
  }
  static uint8_t frame[REQUEST_LIMIT], entries[ENTRY * CROSS_CHECKED];
  uint32_t verdict = take8(&input) % 3, leniency = take8(&input) & 15, facts = take8(&input) & 7;
  if ((facts & FACTS) == 0) facts = 0;
  uint32_t length = take16(&input);
  octets policy = take(&input, length), hosts = input;
  if (policy.size + hosts.size > REQUEST_LIMIT - 32) return;
  memset(frame, 0, 32);
  put32(frame, 1), put32(frame + 4, verdict);
  put32(frame + 8, 32), put32(frame + 12, (uint32_t)policy.size);
  put32(frame + 16, leniency), put32(frame + 28, facts);
  put32(frame + 20, 32 + (uint32_t)policy.size), put32(frame + 24, (uint32_t)hosts.size);
  memcpy(frame + 32, policy.at, policy.size);
  memcpy(frame + 32 + policy.size, hosts.at, hosts.size);
  octets request = {frame, 32 + policy.size + hosts.size};
  outcome o = call_frame(Z_mtastsZ_mtasts_plan, request, 5);
  if (o.status < 0) return;
  check_entries(o);
  memcpy(entries, o.payload, o.length < sizeof entries ? o.length : sizeof entries);
  check_hosts(entries, policy, leniency, hosts, verdict, facts);
}
