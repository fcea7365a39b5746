#include "mta_sts.h"

#define CASE(value, text) \
  case value:             \
    return text;

#define WORDS(name, LIST)                            \
  const char *mta_sts_##name##_word(int32_t number) { \
    switch (number) {                                \
      LIST(CASE)                                     \
      default:                                       \
        return "";                                   \
    }                                                \
  }

WORDS(error, MTA_STS_WORDS_ERROR)
WORDS(mode, MTA_STS_WORDS_MODE)
WORDS(status, MTA_STS_WORDS_STATUS)
WORDS(verdict, MTA_STS_WORDS_VERDICT)
WORDS(reason, MTA_STS_WORDS_REASON)
WORDS(result_type, MTA_STS_WORDS_RESULT_TYPE)
WORDS(notice, MTA_STS_WORDS_NOTICE)
WORDS(event, MTA_STS_WORDS_EVENT)
WORDS(effect, MTA_STS_WORDS_EFFECT)
WORDS(on_failure, MTA_STS_WORDS_ON_FAILURE)
WORDS(record_outcome, MTA_STS_WORDS_RECORD_OUTCOME)
WORDS(fetch_outcome, MTA_STS_WORDS_FETCH_OUTCOME)
WORDS(action, MTA_STS_WORDS_ACTION)
WORDS(plan_reason, MTA_STS_WORDS_PLAN_REASON)
WORDS(session, MTA_STS_WORDS_SESSION)
WORDS(chain, MTA_STS_WORDS_CHAIN)
WORDS(judgement, MTA_STS_WORDS_JUDGEMENT)
WORDS(why, MTA_STS_WORDS_WHY)
WORDS(leniency, MTA_STS_WORDS_LENIENCY)
WORDS(dane_state, MTA_STS_WORDS_DANE_STATE)
WORDS(addresses, MTA_STS_WORDS_ADDRESSES)
WORDS(base, MTA_STS_WORDS_BASE)
