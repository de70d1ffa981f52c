/* The registry of competitors, and where their layers lie. */
#include "experiments/compare/competitor.h"

#include <string.h>

#define EXTERN_ROW(name) extern const compare_competitor compare_competitor_##name;
COMPARE_COMPETITOR_LIST(EXTERN_ROW)
#undef EXTERN_ROW

static const compare_competitor *const registry[] = {
#define TABLE_ROW(name) &compare_competitor_##name,
    COMPARE_COMPETITOR_LIST(TABLE_ROW)
#undef TABLE_ROW
};

size_t compare_competitor_count(void) { return sizeof registry / sizeof registry[0]; }

const compare_competitor *compare_competitor_at(size_t index) {
  return index < compare_competitor_count() ? registry[index] : NULL;
}

const compare_competitor *compare_competitor_find(const char *name) {
  for (size_t i = 0; i < compare_competitor_count(); i++)
    if (strcmp(registry[i]->name, name) == 0) return registry[i];
  return NULL;
}

compare_layer compare_layer_at(const symo_net_spec *spec, size_t layer) {
  size_t offset = 0, in = spec->input.features;
  for (size_t l = 0; l < layer; l++) {
    offset += spec->layers[l].width * (in + (spec->bias ? 1 : 0));
    in = spec->layers[l].width;
  }
  size_t out = spec->layers[layer].width;
  return (compare_layer){in, out, offset, offset + in * out};
}
