#ifndef SYMO_NET_GPT_LAYOUT_H
#define SYMO_NET_GPT_LAYOUT_H

#include "net/gpt.h"

/* The spaces and tensors of a transformer in an empty layout; net.h says which and what `group`
 * may be. */
symo_status symo_gpt_fill_layout(symo_context *context, const symo_gpt_spec *gpt, const char *group,
                                 symo_layout *layout);

/* A space whose group is a text: a name, or the notation of symo_layout_parse without its
 * dimension, which is that of the space. */
symo_status symo_net_add_space(symo_context *context, const char *name, size_t dim,
                               const char *text, symo_layout *layout);

/* The space's group is that of scales, under which what is read is dual to what is written. */
bool symo_net_scales(const symo_layout *layout, const char *space);

#endif
