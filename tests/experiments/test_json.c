/* The answers of symo compare and symo sweep in JSON: one value on stdout, the same as in the file,
 * and the same in every run but for times. */
#include "tests/support/testing.h"

#include "experiments/commands/commands.h"
#include "tests/cli/test_program.h"

static const cli_command *const commands[] = {&cli_command_compare, &cli_command_sweep, NULL};

/* Values under "seconds" are taken out; returns how many there were. */
static size_t drop_times(json_t *value) {
  size_t index, count = 0;
  const char *key;
  json_t *item;
  json_array_foreach(value, index, item) count += drop_times(item);
  if (json_object_get(value, "seconds") != NULL) count++;
  json_object_del(value, "seconds");
  json_object_foreach(value, key, item) count += drop_times(item);
  return count;
}

static json_t *read_file(const char *path) {
  json_error_t error = {.text = ""};
  json_t *value = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  cr_assert(value != NULL, "%s: %s", path, error.text);
  return value;
}

/* The line twice, with --json and folders of their own; the answer of the second run without
 * times. */
static json_t *stable_answer(const char *line, const char *name) {
  char full[1024], path[512];
  json_t *answers[2];
  for (int i = 0; i < 2; i++) {
    snprintf(full, sizeof full, "%s --threads 1 --json --out @%d", line, i);
    answers[i] = test_program_json(commands, full);
    snprintf(path, sizeof path, "%d/%s", i, name);
    json_t *file = read_file(symo_test_path(path));
    cr_assert(json_equal(answers[i], file), "%s: stdout is not what %s holds", line, name);
    json_decref(file);
    cr_assert(drop_times(answers[i]) > 0);
  }
  cr_assert(json_equal(answers[0], answers[1]), "%s: another answer the second time", line);
  json_decref(answers[0]);
  return answers[1];
}

#define COMPARE "symo compare --data teacher --net 2-3-1 --examples 10 --no-plots --seed 3"

Test(json, of_a_comparison) {
  json_t *answer = stable_answer(COMPARE, "results.json");
  cr_assert_str_eq(json_string_value(json_object_get(answer, "net")), "2-3-1");
  cr_assert(json_array_size(json_object_get(answer, "estimators")) >= 10);
  cr_assert(json_object_get(answer, "sweep") == NULL && json_object_get(answer, "runs") == NULL);
  json_decref(answer);
}

Test(json, of_a_comparison_over_seeds_and_numbers) {
  json_t *answer =
      stable_answer(COMPARE " --seeds 2 --sweep scale --sweep-values 0.1,1", "results.json");
  const json_t *sweep = json_object_get(answer, "sweep");
  const json_t *points = json_object_get(sweep, "points");
  cr_assert_eq(json_array_size(json_object_get(answer, "runs")), 2);
  cr_assert_str_eq(json_string_value(json_object_get(sweep, "over")), "scale");
  cr_assert_eq(json_array_size(points), 2);
  for (size_t i = 0; i < 2; i++) {
    const json_t *point = json_array_get(points, i);
    cr_assert(json_number_value(json_object_get(point, "value")) == (i == 0 ? 0.1 : 1));
    cr_assert_eq(json_array_size(json_object_get(json_object_get(point, "result"), "runs")), 2);
  }
  json_decref(answer);
}

Test(json, of_a_comparison_over_words) {
  json_t *answer =
      stable_answer(COMPARE " --sweep groups --sweep-values identity,permutation", "results.json");
  const json_t *points = json_object_get(json_object_get(answer, "sweep"), "points");
  const json_t *second = json_array_get(points, 1);
  cr_assert_eq(json_array_size(points), 2);
  cr_assert_str_eq(json_string_value(json_object_get(second, "value")), "permutation");
  json_decref(answer);
}

Test(json, of_a_sweep) {
  json_t *answer = stable_answer("symo sweep teacher-student --net 4-3-2 --train 20 --test 10 "
                                 "--steps 2 --seeds 2 --grid optimizer=adam,sgd --grid lr=0.01,0.1",
                                 "sweep.json");
  const json_t *points = json_object_get(answer, "points");
  size_t best = 0;
  cr_assert_str_eq(json_string_value(json_object_get(answer, "task")), "teacher-student");
  cr_assert_eq(json_array_size(points), 4);
  for (size_t i = 0; i < 4; i++) {
    const json_t *point = json_array_get(points, i);
    cr_assert_str_eq(json_string_value(json_object_get(point, "optimizer")),
                     i < 2 ? "adam" : "sgd");
    cr_assert_eq(json_array_size(json_object_get(point, "figures")), 2);
    best += json_is_true(json_object_get(point, "best"));
  }
  cr_assert_eq(best, 2, "one of each optimizer");
  json_decref(answer);
}
