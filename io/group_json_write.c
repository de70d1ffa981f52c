/* Groups in layout files, written: what io/group_json.c reads.  The generators of custom groups stand
 * in the file, numbers with as many digits as give the same bits. */
#include "io/group_json.h"

#include <string.h>

static void add_permutation(symo_text *text, const size_t *image, size_t dim) {
  for (size_t i = 0; i < dim; ++i) symo_text_add(text, "%s%zu", i > 0 ? ", " : "[", image[i]);
  symo_text_add(text, "]");
}

static void add_matrix(symo_text *text, const double *matrix, size_t dim) {
  for (size_t i = 0; i < dim; ++i) {
    symo_text_add(text, i > 0 ? ", " : "[");
    for (size_t j = 0; j < dim; ++j) {
      symo_text_add(text, j > 0 ? ", " : "[");
      symo_text_add_number(text, matrix[i * dim + j]);
    }
    symo_text_add(text, "]");
  }
  symo_text_add(text, "]");
}

static void add_generators(symo_text *text, const symo_generators *g) {
  size_t dim = g->dim;
  symo_text_add(text, ", \"generators\": [");
  for (size_t i = 0; i < g->num_permutations; ++i) {
    symo_text_add(text, i > 0 ? ", " : "");
    add_permutation(text, g->permutations + i * dim, dim);
  }
  for (size_t i = 0; i < g->num_matrices; ++i) {
    symo_text_add(text, i + g->num_permutations > 0 ? ", " : "");
    add_matrix(text, g->matrices + i * dim * dim, dim);
  }
  symo_text_add(text, "]");
  if (g->num_lie == 0) return;
  symo_text_add(text, ", \"lie_generators\": [");
  for (size_t i = 0; i < g->num_lie; ++i) {
    symo_text_add(text, i > 0 ? ", " : "");
    add_matrix(text, g->lie + i * dim * dim, dim);
  }
  symo_text_add(text, "]");
}

static void add_list(symo_text *text, const char *key, const symo_group_spec *spec) {
  symo_text_add(text, ", \"%s\": [", key);
  for (size_t i = 0; i < spec->num_parts; ++i) {
    symo_text_add(text, i > 0 ? ", " : "");
    symo_group_add_json(text, spec->parts[i].group, spec->parts[i].dim);
  }
  symo_text_add(text, "]");
}

static void add_part(symo_text *text, const char *key, const symo_group_spec *spec) {
  symo_text_add(text, ", \"%s\": ", key);
  symo_group_add_json(text, spec->parts[0].group, spec->parts[0].dim);
}

static void add_scaling(symo_text *text, const symo_group_spec *spec) {
  symo_text_add(text, ", \"window\": ");
  symo_text_add_number(text, spec->window);
  symo_text_add(text, ", \"signs\": %s, \"permute\": %s", spec->signs ? "true" : "false",
                spec->permute ? "true" : "false");
}

static void add_wreath(symo_text *text, const symo_group_spec *spec) {
  symo_text_add(text, ", \"copies\": %zu", spec->copies);
  add_part(text, "inner", spec);
}

static void add_product(symo_text *text, const symo_group_spec *spec) {
  add_list(text, "factors", spec);
}

static void add_sum(symo_text *text, const symo_group_spec *spec) { add_list(text, "parts", spec); }

static void add_restriction(symo_text *text, const symo_group_spec *spec) {
  add_part(text, "of", spec);
  symo_text_add(text, ", \"generators\": [");
  for (size_t i = 0; i < spec->num_keep; ++i)
    symo_text_add(text, "%s%zu", i > 0 ? ", " : "", spec->keep[i]);
  symo_text_add(text, "]");
}

static void add_custom(symo_text *text, const symo_group_spec *spec) {
  add_generators(text, &spec->generators);
}

static const struct {
  const char *name;
  void (*add)(symo_text *text, const symo_group_spec *spec);
} kinds[] = {{"scaling", add_scaling}, {"wreath", add_wreath},           {"product", add_product},
             {"sum", add_sum},         {"restriction", add_restriction}, {"custom", add_custom}};

void symo_group_add_json(symo_text *text, const symo_group *group, size_t dim) {
  const symo_group_spec *spec = symo_group_get_spec(group);
  symo_text_add(text, "{\"dim\": %zu, \"group\": \"%s\"", dim,
                spec != NULL ? spec->group : symo_group_name(group));
  for (size_t i = 0; spec != NULL && i < sizeof kinds / sizeof *kinds; ++i)
    if (strcmp(spec->group, kinds[i].name) == 0) kinds[i].add(text, spec);
  symo_text_add(text, "}");
}
