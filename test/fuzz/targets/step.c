// Input: 255 and a raw request; or a history of one domain: what to do on failure, leniency, then events, each
//   event, flags, u16 time since the last, and for a record outcome, u16 TTL, u16 length, RRset; for a policy outcome,
//   media type, u16 length, body. The state and the flight token go back into the next event as a host hands them back.
#include "../harness.h"

enum { RECORD = 2, POLICY = 3, ENFORCE = 1, FETCHED = 2, EVENTS = 24, FRAME = 136, TOKEN = 48 };
enum { STATE = 1, STORE, FORGET, NOTICE, QUERY, GET, WAKE, ANSWER };
static const char DOMAIN[] = "example.com";

typedef struct {
  uint8_t state[70000];
  uint32_t state_size, wall, uptime, boot;
  uint8_t token[TOKEN];
  uint32_t on_failure, leniency;
  bool enforced; // an enforce policy was answered, and must hold until `until` (uptime)
  uint32_t until;
} history;

static void check_answer(const uint8_t *a, history *h) {
  uint32_t verdict = get32(a + 4), reason = get32(a + 12), reuse = get32(a + 36);
  CHECK(get32(a) >= 1 && get32(a) <= 8 && verdict <= 2 && get32(a + 8) <= 11);
  CHECK(verdict == 2 ? reason >= 1 && reason <= 3 : reason == 0);
  if (verdict != 1) {
    CHECK(reuse <= 1800);
    return;
  }
  uint32_t mode = get32(a + 20), max_age = get32(a + 24), age = get32(a + 28), left = get32(a + 32);
  // Only the answer of the fetch itself may find the policy older than its max_age already: the GET took longer.
  CHECK(mode >= 1 && mode <= 3 && max_age <= 31557600 && (age <= max_age || get32(a) == FETCHED));
  CHECK(left == (age < max_age ? max_age - age : 0));
  CHECK(reuse <= 60 && reuse <= left && (get32(a + 44) & ~15u) == 0 && get32(a + 60) <= 32);
  uint32_t at = get32(a + 48), size = get32(a + 52);
  CHECK(at <= h->state_size && size <= h->state_size - at);
}

/** The effects in their order, each at most once but notices; takes state and token out. Returns the answer or NULL. */
static const uint8_t *take_effects(outcome o, history *h, bool *forgot) {
  uint32_t at = 0, last = 0;
  int32_t count = 0;
  const uint8_t *answer = NULL;
  for (; at < o.length; count++) {
    CHECK(o.length - at >= 8);
    const uint8_t *effect = o.payload + at;
    uint32_t kind = get32(effect), size = get32(effect + 4);
    CHECK(size >= 8 && size <= o.length - at);
    CHECK(kind >= 1 && kind <= 8 && (kind > last || (kind == NOTICE && last == NOTICE)));
    CHECK(!(kind == FORGET && last == STORE));
    if (kind == STATE) {
      CHECK(size - 8 >= 208 && size - 8 <= sizeof h->state && size % 4 == 0 && memcmp(effect + 8, "MSTS", 4) == 0);
      h->state_size = size - 8;
      memcpy(h->state, effect + 8, h->state_size);
    } else if (kind == STORE) CHECK(size == 8);
    else if (kind == FORGET) {
      CHECK(size == 8);
      *forgot = true;
    } else if (kind == NOTICE) CHECK(size == 24 && get32(effect + 8) >= 1 && get32(effect + 8) <= 15);
    else if (kind == QUERY) CHECK(size == 12 && get32(effect + 8) <= 1);
    else if (kind == GET) {
      CHECK(size == 12 + TOKEN && get32(effect + 8) <= 1 && get32(effect + 24) <= 32);
      memcpy(h->token, effect + 12, TOKEN);
    } else if (kind == WAKE) CHECK(size == 12);
    else {
      CHECK(size == 104);
      answer = effect + 8;
    }
    last = kind;
    at += size;
  }
  CHECK(count == o.status);
  return answer;
}

/** An unexpired enforce policy is kept, in its mode, to its last second, unless a valid policy has come. */
static void check_kept(history *h, const uint8_t *answer, bool forgot, bool replaced) {
  if (replaced || (h->enforced && h->uptime > h->until)) h->enforced = false;
  if (h->enforced) CHECK(!forgot);
  if (answer == NULL) return;
  bool honoured = get32(answer + 4) == 1 && get32(answer + 20) == ENFORCE;
  if (h->enforced) CHECK(honoured && get32(answer + 32) == h->until - h->uptime);
  h->enforced = honoured && get32(answer + 32) != 0; // max_age 0 serves one answer
  if (honoured) h->until = h->uptime + get32(answer + 32);
}

/** What an honoured answer points to is a policy of the mode it says. */
static void check_text(history *h, uint32_t at, uint32_t size, uint32_t mode, uint32_t leniency) {
  octets text = {h->state + at, size};
  outcome p = quick_text(Z_mtastsZ_mtasts_policy_parse, text, leniency);
  CHECK(p.status == 1 && get32(p.payload) == mode);
}

static void add_part(uint8_t *frame, uint32_t *size, uint32_t field, octets part) {
  put32(frame + field, *size), put32(frame + field + 4, (uint32_t)part.size);
  if (part.size != 0) memcpy(frame + *size, part.at, part.size);
  *size += (uint32_t)part.size;
}

/** A new boot: no flight of the last one comes back. A token nobody gave out is one of a GET that began now. */
static void start_boot(history *h) {
  h->boot++, h->uptime = 1000, h->enforced = false;
  memset(h->token, 0, TOKEN);
  put32(h->token, h->uptime), put32(h->token + 8, h->boot);
}

/** One event from the input. Returns false when the time is used up. */
static bool run_event(history *h, octets *input) {
  static uint8_t frame[REQUEST_LIMIT];
  uint32_t op = take8(input), event = op % 6 + 1, flags = take8(input) & 63, elapsed = take16(input), size = FRAME;
  elapsed = (elapsed & 0x3fff) << (4 * (elapsed >> 14));
  if (elapsed > 0xf0000000u - h->wall) return false;
  h->wall += elapsed, h->uptime += elapsed;
  if (op >= 0xc0) start_boot(h); // the wall clock counts from here on
  memset(frame, 0, FRAME);
  uint32_t fields[] = {1, event, h->wall, h->uptime, 0, h->boot, op, 0, flags, h->leniency, h->on_failure};
  for (int i = 0; i < 11; i++) put32(frame + 4 * i, fields[i]);
  octets domain = {(const uint8_t *)DOMAIN, sizeof DOMAIN - 1}, state = {h->state, h->state_size}, data = {NULL, 0};
  bool replaced = false, has_text_type = false;
  if (event == RECORD) {
    put32(frame + 60, take8(input) % 3 + 1), put32(frame + 64, take16(input));
    data = take(input, take16(input));
  } else if (event == POLICY) {
    uint32_t outcome_of_get = take8(input) % 14, type = take8(input) % 3;
    data = take(input, take16(input));
    memcpy(frame + 88, h->token, TOKEN);
    octets media = {(const uint8_t *)(type == 0 ? "text/plain" : "text/html"), type == 0 ? 10 : 9};
    add_part(frame, &size, 80, media);
    if (type == 2) put32(frame + 84, 0xffffffff);
    has_text_type = type == 0 || (type == 2 && (h->leniency & 8) != 0);
    put32(frame + 60, outcome_of_get);
    replaced = outcome_of_get == 0 && has_text_type;
  }
  add_part(frame, &size, 44, domain);
  add_part(frame, &size, 52, state);
  add_part(frame, &size, 72, data);
  octets request = {frame, size};
  if (replaced) replaced = quick_text(Z_mtastsZ_mtasts_policy_parse, data, h->leniency).status == 1;
  outcome o = call_frame(Z_mtastsZ_mtasts_step, request, 4);
  if (o.status < 0) {
    CHECK(o.status == -2 && event == RECORD); // only an RRset that is cut can be wrong here, never the state
    return true;
  }
  bool forgot = false;
  const uint8_t *answer = take_effects(o, h, &forgot);
  if (answer != NULL) check_answer(answer, h);
  check_kept(h, answer, forgot, replaced);
  if (answer != NULL && get32(answer + 4) == 1)
    check_text(h, get32(answer + 48), get32(answer + 52), get32(answer + 20), get32(answer + 44));
  return true;
}

void fuzz_one(octets input) {
  static history h;
  if (input.size != 0 && input.at[0] == 255) {
    take8(&input);
    outcome raw = call_frame(Z_mtastsZ_mtasts_step, input, 4);
    bool forgot = false;
    memset(&h, 0, sizeof h);
    if (raw.status >= 0) take_effects(raw, &h, &forgot);
    return;
  }
  memset(&h, 0, sizeof h);
  h.wall = 2000000000;
  start_boot(&h);
  h.on_failure = take8(&input) % 3, h.leniency = take8(&input) & 15;
  for (int i = 0; i < EVENTS && input.size != 0; i++)
    if (!run_event(&h, &input)) break;
}
