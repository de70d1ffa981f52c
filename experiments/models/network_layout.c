/* From what --groups says to a layout, and groups as text. */
#include "experiments/models/network_layout.h"

#include <stdio.h>
#include <string.h>

#include "cli/plugin.h"
#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "groups/plan/group_text.h"
#include "net/gpt.h"
#include <symo/io.h>

/* ---- layouts of the user's ---- */

/* Axes of the layout, one or several for each of the network's: features may be heads and what is
 * in them. */
static bool same_shape(const symo_layout *own, const symo_layout *layout, size_t t, bool split) {
  const size_t order = symo_layout_tensor_order(layout, t);
  size_t next = 0;
  for (size_t a = 0; a < symo_layout_tensor_order(own, t); a++) {
    const size_t dim = symo_layout_axis_dim(own, t, a);
    size_t product = next < order ? symo_layout_axis_dim(layout, t, next++) : 0;
    while (split && product < dim && next < order && product > 0)
      product *= symo_layout_axis_dim(layout, t, next++);
    if (product != dim) return false;
  }
  return next == order;
}

symo_status network_layout_check(symo_context *context, const char *where, const symo_layout *own,
                                 const symo_layout *layout, bool split) {
  const size_t count = symo_layout_num_tensors(own), given = symo_layout_num_tensors(layout);
  if (given != count)
    return symo_fail(context, SYMO_E_SHAPE,
                     "%s: %zu %s, but the network has %zu (name them %s, ... in this "
                     "order)",
                     where, given, symo_plural(given, "tensor", "tensors"), count,
                     symo_layout_tensor_name(own, 0));
  for (size_t t = 0; t < count; t++) {
    const char *want = symo_layout_tensor_name(own, t), *name = symo_layout_tensor_name(layout, t);
    if (strcmp(name, want) != 0)
      return symo_fail(context, SYMO_E_SHAPE,
                       "%s: tensor %zu is %s, but the network's is %s (use its names and "
                       "order)",
                       where, t + 1, name, want);
    if (!same_shape(own, layout, t, split))
      return symo_fail(context, SYMO_E_SHAPE,
                       "%s: tensor %s has not the shape of the network's (compare it with "
                       "--net)",
                       where, name);
  }
  return SYMO_OK;
}

static symo_status open_layout(cli *c, network_point *s, const char *text, const char *where) {
  symo_context *context = cli_context(c);
  symo_layout *own = NULL;
  symo_status status = symo_layout_open(context, text, &s->layout);
  if (status == SYMO_OK) status = symo_net_layout(context, &s->spec.net, "identity", &own);
  if (status == SYMO_OK) status = network_layout_check(context, where, own, s->layout, true);
  symo_layout_destroy(own);
  return status;
}

/* ---- groups by name ---- */

/* The length of the name that a group's text begins with, "scaling" of "scaling(1)"; 0 if this is
 * no such text: it has neither a bare name nor one with parameters. */
static size_t name_length(const char *text) {
  size_t n = strcspn(text, "(./:; [");
  return text[n] == '\0' || text[n] == '(' ? n : 0;
}

static int unknown_group(cli *c, const char *flag, const char *name) {
  const char *names[64];
  size_t n = 0;
  for (; n < symo_group_count() && n < 64; n++) names[n] = symo_group_name(symo_group_at(n));
  for (size_t i = 0; cli_plugin_group(c, i) != NULL && n < 64; i++)
    names[n++] = symo_group_name(cli_plugin_group(c, i));
  return cli_unknown(c, flag, name, n, names,
                     "symo groups lists them; a layout file needs its whole path");
}

int network_layout_make(cli *c, network_point *s) {
  const char *text = s->spec.groups;
  const char *flag = s->spec.groups_flag != NULL ? s->spec.groups_flag : "groups";
  symo_context *context = cli_context(c);
  char name[SYMO_MAX_NAME + 1], where[32];
  size_t n = name_length(text);
  (void)snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), text);
  (void)snprintf(where, sizeof where, "--%s", flag);
  s->auto_groups = strcmp(text, "auto") == 0;
  /* "qk=orthogonal; mlp=identity"; a layout has no '=' */
  const bool kinds = symo_net_reads_tokens(&s->spec.net) && strchr(text, '=') != NULL;
  if (s->auto_groups || kinds || (n > 0 && symo_group_lookup(context, name) != NULL)) {
    symo_gpt_spec gpt;
    const bool apart =
        s->spec.heads_at_once && symo_gpt_of_net(&s->spec.net, &gpt) && gpt.heads > 1;
    if (s->auto_groups) text = apart ? "heads=permutation" : NULL;
    symo_status status = symo_net_layout(context, &s->spec.net, text, &s->layout);
    return status == SYMO_OK ? CLI_DONE : cli_fail_flag(c, status, flag);
  }
  if (n > 0) return unknown_group(c, where, name);
  const symo_status status = open_layout(c, s, text, where);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

/* ---- as text ---- */

void network_group_text(const symo_layout *layout, size_t space, char *text, size_t size) {
  const symo_group *group = symo_layout_space_group(layout, space);
  size_t dim = symo_layout_space_dim(layout, space);
  symo_text whole = {0};
  char *made = NULL, tail[32];
  if (symo_group_get_spec(group) != NULL)
    (void)symo_notation_add_group(&whole, NULL, "group", group, dim);
  if (whole.used == 0 || symo_text_finish(&whole, NULL, &made) != SYMO_OK) {
    symo_free(whole.text);
    (void)snprintf(text, size, "%s", symo_group_name(group));
    return;
  }
  size_t n = strlen(made), behind = (size_t)snprintf(tail, sizeof tail, ") %zu", dim);
  if (n > behind && strcmp(made + n - behind, tail) == 0) made[n - behind + 1] = '\0';
  (void)snprintf(text, size, "%s", made);
  symo_free(made);
}
