/* The vector files of test/vectors against the library. A runner gives what came out as JSON, which must equal "expect". */
#ifndef MTA_STS_TEST_RUNNER_H
#define MTA_STS_TEST_RUNNER_H

#include <jansson.h>
#include <stdnoreturn.h>

#include "mta_sts.h"

typedef const char *word_of(int32_t number);

/* octets.c */
noreturn void give_up(const char *what, const char *more);
/* Octets that live as long as the program; a run is short. */
mta_sts_octets copy_octets(mta_sts_octets octets);
mta_sts_octets chunk(const json_t *value);
mta_sts_octets joined(const json_t *value);
mta_sts_octets *chunks(const json_t *array);
/* RDATA of a TXT RR from its character-strings; NULL or an empty array: none. */
mta_sts_octets txt(const json_t *strings);
json_t *text_of(mta_sts_octets octets);
/* The text of a field, or what stands for it when it is absent. */
const char *text_or(const json_t *object, const char *field, const char *otherwise);
uint32_t number_of(word_of *word, const char *text);
uint32_t leniency_of(const json_t *words);
json_t *leniency_words(uint32_t set);
json_t *failure(const mta_sts *core, int status);
void only_fields(const json_t *object, const char *fields);
/* Appends printf-like text, with a blank before it where there is text already. */
void add_word(char *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum { LINE = 512 };

/* One per vector file. */
typedef json_t *runner(mta_sts *core, const json_t *vector);
runner run_record, run_policy, run_media_type, run_mx, run_identity, run_plan, run_judge, run_tlsa, run_tlsa_base,
    run_tlsa_match;
/* Lists of effects, one per step, as JSON. */
json_t *run_transcript(mta_sts *core, const json_t *vector, const json_t *bodies);

#endif
