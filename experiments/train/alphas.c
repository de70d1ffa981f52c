/* Exponents that alpha=auto has come to, by the names of the tensors. */
#include <math.h>

#include "experiments/train/metrics.h"
#include "io/json.h"

void train_alphas_add(symo_text *line, const char *key, const symo_optim_state *state,
                      const symo_layout *layout, bool in_use) {
  size_t written = 0;
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    double measured, alpha = symo_optim_state_alpha(state, t, &measured);
    if (isnan(measured)) continue;
    symo_text_add(line, written++ == 0 ? ", \"%s\": {" : ", ", key);
    symo_json_add_string(line, symo_layout_tensor_name(layout, t));
    symo_text_add(line, ": %.6g", in_use ? alpha : measured);
  }
  if (written > 0) symo_text_add(line, "}");
}

json_t *train_alphas_json(const symo_optim_state *state, const symo_layout *layout) {
  json_t *o = json_object();
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    double measured, alpha = symo_optim_state_alpha(state, t, &measured);
    if (!isnan(measured))
      json_object_set_new(o, symo_layout_tensor_name(layout, t), json_real(alpha));
  }
  if (json_object_size(o) > 0) return o;
  json_decref(o);
  return NULL;
}
