/* vectors FOLDER: runs every vector file and prints a line "FILE passed failed" for each. Exit code 1 when one failed, 2 when
 * a file or a field is not known here. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static const struct {
  const char *file;
  runner *run;
} runners[] = {
    {"identities.json", run_identity}, {"judge.json", run_judge},         {"media-types.json", run_media_type},
    {"mx.json", run_mx},               {"plan.json", run_plan},           {"policies.json", run_policy},
    {"records.json", run_record},      {"step.json", NULL},               {"tlsa-base.json", run_tlsa_base},
    {"tlsa-match.json", run_tlsa_match}, {"tlsa.json", run_tlsa},
};
enum { FILES = sizeof runners / sizeof *runners };

static json_t *expected_steps(const json_t *vector) {
  json_t *all = json_array();
  const json_t *steps = json_object_get(vector, "steps");
  for (size_t i = 0; i < json_array_size(steps); i++)
    json_array_append(all, json_object_get(json_array_get(steps, i), "expect"));
  return all;
}

static int run_one(mta_sts *core, size_t file, size_t number, const json_t *vector, const json_t *bodies) {
  json_t *got = runners[file].run == NULL ? run_transcript(core, vector, bodies) : runners[file].run(core, vector);
  json_t *want = runners[file].run == NULL ? expected_steps(vector) : json_incref(json_object_get(vector, "expect"));
  int equal = json_equal(got, want);
  if (!equal) {
    char *is = json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT), *should = json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);
    fprintf(stderr, "%s %zu %s\n  got  %s\n  want %s\n", runners[file].file, number + 1, text_or(vector, "name", ""), is, should);
    free(is);
    free(should);
  }
  json_decref(got);
  json_decref(want);
  return equal;
}

static int run_file(mta_sts *core, const char *folder, size_t file) {
  char path[4096];
  json_error_t error;
  snprintf(path, sizeof path, "%s/%s", folder, runners[file].file);
  json_t *content = json_load_file(path, JSON_ALLOW_NUL, &error);
  if (content == NULL) give_up(path, error.text);
  const json_t *vectors = json_object_get(content, "vectors");
  size_t passed = 0, count = json_array_size(vectors);
  for (size_t i = 0; i < count; i++)
    passed += (size_t)run_one(core, file, i, json_array_get(vectors, i), json_object_get(content, "bodies"));
  printf("%s %zu %zu\n", runners[file].file, passed, count - passed);
  json_decref(content);
  return count > 0 && passed == count;
}

static void know_every_file(const char *folder) {
  DIR *directory = opendir(folder);
  if (directory == NULL) give_up("no folder", folder);
  for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    const char *end = strrchr(entry->d_name, '.');
    size_t known = 0;
    if (end == NULL || strcmp(end, ".json") != 0) continue;
    for (size_t i = 0; i < FILES; i++) known += strcmp(runners[i].file, entry->d_name) == 0;
    if (known == 0) give_up("a file that this runner does not know:", entry->d_name);
  }
  closedir(directory);
}

int main(int count, char **arguments) {
  const char *folder = count > 1 ? arguments[1] : "../../test/vectors";
  mta_sts *core = mta_sts_new();
  if (core == NULL) give_up("the module cannot be made", "");
  know_every_file(folder);
  int good = 1;
  for (size_t i = 0; i < FILES; i++) good &= run_file(core, folder, i);
  mta_sts_free(core);
  return good ? 0 : 1;
}
