#include "instance.h"

static uint32_t plan(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_plan(module, a[0], a[1]);
}

int mta_sts_plan(mta_sts *core, const mta_sts_plan_request *request, mta_sts_plan_entry *entries) {
  mta_sts_begin(core, MTA_STS_P_SIZE);
  mta_sts_put(core, MTA_STS_P_VERSION, MTA_STS_FRAME_VERSION);
  mta_sts_put(core, MTA_STS_P_VERDICT, request->verdict);
  mta_sts_put(core, MTA_STS_P_LENIENCY, request->used);
  mta_sts_put(core, MTA_STS_P_FLAGS, request->facts);
  mta_sts_part(core, MTA_STS_P_POLICY, request->policy);
  uint32_t start = core->length;
  for (size_t i = 0; i < request->host_count; i++) {
    mta_sts_append_item(core, request->hosts[i]);
    if (i < request->dane_state_count) mta_sts_append16(core, request->dane_states[i]);
  }
  mta_sts_close_part(core, MTA_STS_P_HOSTS, start);
  const uint32_t arguments[] = {core->in_ptr, core->length};
  int status = mta_sts_call(core, plan, arguments);
  for (size_t i = 0; status >= 0 && i < request->host_count; i++) {
    uint32_t at = (uint32_t)i * MTA_STS_PLAN_ENTRY;
    entries[i].action = mta_sts_field(core, at);
    entries[i].reason = mta_sts_field(core, at + 4);
    entries[i].evaluate = mta_sts_field(core, at + 8);
  }
  return status;
}

static uint32_t judge(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_judge(module, a[0], a[1]);
}

/* The host; for DANE a list of reference identities, any of which will do. */
static void write_reference(mta_sts *core, const mta_sts_judge_request *request) {
  uint32_t start = core->length;
  if (request->entry.action != MTA_STS_ACTION_DANE)
    mta_sts_append(core, request->host);
  else if (request->references == NULL)
    mta_sts_append_item(core, request->host);
  else
    mta_sts_append_list(core, request->references, request->reference_count);
  mta_sts_close_part(core, MTA_STS_J_HOST, start);
}

int mta_sts_judge(mta_sts *core, const mta_sts_judge_request *request, mta_sts_judgement *judgement) {
  mta_sts_begin(core, MTA_STS_J_SIZE);
  mta_sts_put(core, MTA_STS_J_VERSION, MTA_STS_FRAME_VERSION);
  mta_sts_put(core, MTA_STS_J_ACTION, request->entry.action);
  mta_sts_put(core, MTA_STS_J_REASON, request->entry.reason);
  mta_sts_put(core, MTA_STS_J_EVALUATE, request->entry.evaluate);
  mta_sts_put(core, MTA_STS_J_FLAGS, request->last ? MTA_STS_JUDGE_LAST_HOST : 0);
  mta_sts_put(core, MTA_STS_J_SESSION, request->session);
  mta_sts_put(core, MTA_STS_J_TLS_VERSION, request->tls_version);
  mta_sts_put(core, MTA_STS_J_CHAIN, request->chain);
  uint32_t start = core->length;
  mta_sts_append_list(core, request->names, request->name_count);
  mta_sts_close_part(core, MTA_STS_J_NAMES, start);
  write_reference(core, request);
  const uint32_t arguments[] = {core->in_ptr, core->length};
  int status = mta_sts_call(core, judge, arguments);
  if (status < 0) {
    judgement->verdict = MTA_STS_JUDGE_DEFER;
    judgement->result_type = judgement->compliant = judgement->why = 0;
    return status;
  }
  judgement->verdict = mta_sts_field(core, 0);
  judgement->result_type = mta_sts_field(core, 4);
  judgement->compliant = mta_sts_field(core, 8);
  judgement->why = mta_sts_field(core, 12);
  return status;
}
