// Calls the module so that a read of one octet outside the request is seen.
//   asan build: the shipped module; every octet of IN outside the request is poisoned for AddressSanitizer.
//   guard build: the same sources with IN at the end of the linear memory; the request ends where the memory ends, and
//   behind it lies an unreadable page.
#include "harness.h"

#if FUZZ_GUARD
#define POISON(at, n) ((void)(at), (void)(n))
#define UNPOISON(at, n) ((void)(at), (void)(n))
#else
#include <sanitizer/asan_interface.h>
#define POISON(at, n) __asan_poison_memory_region(at, n)
#define UNPOISON(at, n) __asan_unpoison_memory_region(at, n)
#endif

#define OUT_HEADER 16
#define SOILED 512

static Z_mtasts_instance_t module;
static uint8_t *memory;
static uint32_t in_at, in_size, out_at, out_size;
static uint8_t kept[2][200000]; // payloads of the last outcomes
static int keep;

_Noreturn void check_failed(const char *what, const char *file, int line) {
  fprintf(stderr, "check failed: %s (%s:%d)\n", what, file, line);
  abort();
}

static void start(void) {
  Z_mtasts_init_module();
  Z_mtasts_instantiate(&module);
  memory = Z_mtastsZ_memory(&module)->data;
  in_at = Z_mtastsZ_mtasts_in_ptr(&module);
  in_size = Z_mtastsZ_mtasts_in_cap(&module);
  out_at = Z_mtastsZ_mtasts_out_ptr(&module);
  out_size = Z_mtastsZ_mtasts_out_cap(&module);
#if FUZZ_GUARD
  CHECK(in_at + in_size == Z_mtastsZ_memory(&module)->size);
#endif
}

/** The numbers of docs/abi.md "Error codes". */
static int is_documented(int32_t status) {
  return status >= 0 || (status <= -1 && status >= -3) || (status <= -10 && status >= -19) ||
         (status <= -30 && status >= -44) || status == -50;
}

static outcome read_out(int32_t status, size_t request) {
  const uint8_t *out = memory + out_at;
  outcome o = {status, get32(out + 4), get32(out + 8), get32(out + 12), kept[keep]};
  CHECK((int32_t)get32(out) == status);
  CHECK(is_documented(status) && status != -1);
  CHECK(o.length <= out_size - OUT_HEADER && o.length <= sizeof kept[0]);
  CHECK(status < 0 ? o.length == 0 && o.offset <= request : o.offset == 0);
  memcpy(kept[keep], out + OUT_HEADER, o.length);
  keep ^= 1;
  return o;
}

/** A place for up to two parts, apart from each other, both starting on a poisonable boundary. */
typedef struct {
  uint32_t a, b;
} places;

static places place(octets a, octets b, int second) {
  CHECK(a.size + b.size <= REQUEST_LIMIT);
  uint32_t end = in_at + in_size;
  places p;
#if FUZZ_GUARD
  // flush against the end: first b (or a alone), then a
  if (b.at == NULL) {
    p.a = second ? in_at : end - (uint32_t)a.size;
    p.b = end;
  } else if (second) {
    p.a = end - (uint32_t)a.size;
    p.b = in_at;
  } else {
    p.b = end - (uint32_t)b.size;
    p.a = in_at;
  }
#else
  uint32_t shift = second ? 1024 : 8; // multiples of ASan's granule
  p.a = in_at + shift;
  p.b = (p.a + (uint32_t)a.size + 64 + 7) & ~7u;
  CHECK(p.b + b.size <= end);
#endif
  return p;
}

static void lay(octets part, uint32_t at) {
  UNPOISON(memory + at, part.size);
  if (part.size != 0) memcpy(memory + at, part.at, part.size);
}

static void close_in(void) { POISON(memory + in_at, in_size); }
static void open_in(void) { UNPOISON(memory + in_at, in_size); }

static int is_untouched(octets part, uint32_t at) {
  return part.size == 0 || memcmp(memory + at, part.at, part.size) == 0;
}

/** Other calls and other octets in between: nothing of them may show in the next answer. */
static void soil(void) {
  static const char policy[] = "version: STSv1\nmode: enforce\nmx: *.soil.example\nmax_age: 86400\n";
  static const char rrset[] = "\x14\0\x13v=STSv1; id=soiled1";
  open_in();
  memcpy(memory + in_at, policy, sizeof policy - 1);
  CHECK((int32_t)Z_mtastsZ_mtasts_policy_parse(&module, in_at, sizeof policy - 1, 0) == 1);
  memcpy(memory + in_at, rrset, sizeof rrset - 1);
  CHECK((int32_t)Z_mtastsZ_mtasts_record_select(&module, in_at, sizeof rrset - 1, 0) == 1);
  memset(memory + out_at, 0xa5, SOILED);
}

static void require_same(outcome x, outcome y, uint32_t kind) {
  CHECK(x.status == y.status && x.offset == y.offset && x.kind == y.kind && x.length == y.length);
  CHECK(x.length == 0 || memcmp(x.payload, y.payload, x.length) == 0);
  CHECK(y.kind == kind);
}

outcome quick_text(text_export f, octets text, uint32_t leniency) {
  octets none = {NULL, 0};
  places p = place(text, none, 0);
  close_in();
  lay(text, p.a);
  outcome o = read_out((int32_t)f(&module, p.a, (u32)text.size, leniency), text.size);
  CHECK(is_untouched(text, p.a));
  return o;
}

outcome call_text(text_export f, octets text, uint32_t leniency, uint32_t kind) {
  octets none = {NULL, 0};
  outcome first = quick_text(f, text, leniency);
  soil();
  places p = place(text, none, 1);
  close_in();
  lay(text, p.a);
  outcome o = read_out((int32_t)f(&module, p.a, (u32)text.size, leniency), text.size);
  require_same(first, o, kind);
  return o;
}

static outcome pair_at(pair_export f, octets a, octets b, int second) {
  places p = place(a, b, second);
  close_in();
  lay(a, p.a);
  lay(b, p.b);
  outcome o = read_out((int32_t)f(&module, p.a, (u32)a.size, p.b, (u32)b.size), a.size);
  CHECK(is_untouched(a, p.a) && is_untouched(b, p.b));
  return o;
}

outcome quick_pair(pair_export f, octets a, octets b) { return pair_at(f, a, b, 0); }

outcome call_pair(pair_export f, octets a, octets b, uint32_t kind) {
  outcome first = pair_at(f, a, b, 0);
  soil();
  outcome o = pair_at(f, a, b, 1);
  require_same(first, o, kind);
  return o;
}

static outcome frame_at(frame_export f, octets request, int second) {
  octets none = {NULL, 0};
  places p = place(request, none, second);
  close_in();
  lay(request, p.a);
  outcome o = read_out((int32_t)f(&module, p.a, (u32)request.size), request.size);
  CHECK(is_untouched(request, p.a));
  return o;
}

outcome call_frame(frame_export f, octets request, uint32_t kind) {
  outcome first = frame_at(f, request, 0);
  soil();
  outcome o = frame_at(f, request, 1);
  require_same(first, o, kind);
  return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (memory == NULL) start();
  octets input = {data, size};
  fuzz_one(input);
  open_in();
  return 0;
}
