/* bench: nanoseconds per call, the least of several rounds, as lines "NAME NS". The inputs are those of the other runtimes
 * (test/embed/bench.mjs). */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mta_sts.h"

enum { ROUNDS = 15, CALLS = 20000 };

static const char POLICY[] =
    "version: STSv1\nmode: enforce\nmx: mail1.example.com\nmx: mail2.example.com\nmx: mail3.example.com\n"
    "mx: *.example.net\nmx: backup.example.org\nmax_age: 604800\n";
static const char RECORD[] = "\x1cv=STSv1; id=20260101000000Z;";

static void parse_policy(mta_sts *core) {
  mta_sts_policy policy;
  if (mta_sts_parse_policy(core, mta_sts_text(POLICY), 0, &policy) != 1 || policy.mx_count != 5) abort();
}

static void select_record(mta_sts *core) {
  mta_sts_record record;
  mta_sts_octets rrset = mta_sts_text(RECORD);
  if (mta_sts_select_record(core, &rrset, 1, 0, &record) != 1) abort();
}

static void match_mx(mta_sts *core) {
  if (mta_sts_match_mx(core, mta_sts_text("*.example.net"), mta_sts_text("mx1.example.net")) != 1) abort();
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void measure(const char *name, mta_sts *core, void (*call)(mta_sts *core)) {
  double best = 0;
  for (int round = 0; round < ROUNDS; round++) {
    double start = now();
    for (int i = 0; i < CALLS; i++) call(core);
    double each = (now() - start) / CALLS;
    if (round == 0 || each < best) best = each;
  }
  printf("%s %.1f\n", name, best);
}

int main(void) {
  double start = now();
  mta_sts *core = mta_sts_new();
  if (core == NULL) return 1;
  printf("instantiate %.1f\n", now() - start);
  measure("select_record", core, select_record);
  measure("parse_policy", core, parse_policy);
  measure("match_mx", core, match_mx);
  mta_sts_free(core);
  return 0;
}
