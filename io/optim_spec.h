#ifndef SYMO_IO_OPTIM_SPEC_H
#define SYMO_IO_OPTIM_SPEC_H

#include <symo/optim.h>

/* Functions with which a caller changes presets.  Both may be NULL.
 *   method   changes a method that was made from a preset, named by the user or by a file without
 *            rules; options of the file and settings are applied afterwards
 *   rules    makes the rules of a method, in place of symo_optim_preset_rules */
typedef struct spec_adapter {
  void *self;
  symo_status (*method)(void *self, symo_method *method);
  symo_status (*rules)(void *self, const symo_method *method, size_t *num, symo_rule rules[4]);
} spec_adapter;

/* A spec of an optimizer under construction: from JSON by io/optim_spec.c, from a command line by
 * io/optim_settings.c. */
typedef struct spec_draft {
  symo_context *context;
  spec_adapter adapter;
  bool plain; /* one method, in rules[0], whose rules are still to be made */
  size_t num_rules;
  symo_rule *rules;
  symo_optim_spec spec; /* all but the rules */
  size_t num_kept;      /* settings "PATTERN:KEY=value" of a file */
  char **kept;
} spec_draft;

void symo_spec_draft_start(symo_context *context, spec_draft *draft);
void symo_spec_draft_drop(spec_draft *draft);

/* Room for `count` rules that fit every tensor, methods left open. */
symo_status symo_spec_draft_room(spec_draft *draft, size_t count);

symo_status symo_spec_draft_read(spec_draft *draft, const char *path);

/* A preset as the adapter has it. */
symo_status symo_spec_draft_preset(spec_draft *draft, const char *name, symo_method *out);

/* plain: the rules that go with the method.  Then *out is made of the draft. */
symo_status symo_spec_draft_expand(spec_draft *draft, const char *where);
symo_status symo_spec_draft_finish(const spec_draft *draft, const char *where,
                                   symo_optim_spec **out);

/* Settings "key=value" [count]: those that begin with "rules." (for_rules), or those that do not,
 * which are for the method of rule 0 or stand beside the rules. */
symo_status symo_spec_draft_settings(spec_draft *draft, size_t count, const char *const *settings,
                                     bool for_rules);

/* Settings "PATTERN:KEY=value": KEY as in the settings above (of rule 0, or "rules.N.KEY"), for
 * tensors whose name fits the pattern.  keep: one of a file, by its key and value.  patterns: makes
 * of each rule and pattern that a setting is for a rule of its own, in front of that rule; those of
 * files come first.  A tensor has the first of the patterns that it fits. */
bool symo_spec_has_pattern(const char *setting);
extern const char symo_spec_pattern_rule[]; /* what a pattern may be, in words */
/* out: what stands before the colon.  False: it is no pattern. */
bool symo_spec_read_pattern(const char *setting, const char *colon, char out[SYMO_MAX_NAME + 1]);
symo_status symo_spec_draft_keep(spec_draft *draft, const char *key, const char *value);
symo_status symo_spec_draft_patterns(spec_draft *draft, size_t count, const char *const *settings);

/* "KEY=value" of a method, betas too. */
symo_status symo_spec_set_option(symo_context *context, symo_method *method, const char *key,
                                 const char *value);

/* The keys beside the rules: dtype, nan, budget_memory, threads. */
enum { SYMO_SPEC_COMMON_KEYS = 4 };
extern const char *const symo_spec_common_keys[SYMO_SPEC_COMMON_KEYS];
bool symo_spec_is_common(const char *key);

/* SYMO_E_ARGUMENT "KEY: .." with what would do. */
symo_status symo_spec_set_common(symo_context *context, symo_optim_spec *spec, const char *key,
                                 const char *value);

/* After a failure, puts "WHERE: AT: " before the detail that the context holds (at may be ""), in
 * the place of its "method: ", and says in any case what to do.  Gives status back. */
symo_status symo_spec_pass_on(symo_context *context, symo_status status, const char *where,
                              const char *at);

/* symo_optim_spec_open with an adapter; NULL: none. */
symo_status symo_optim_spec_open_adapted(symo_context *context, const char *name_or_path,
                                         size_t num_settings, const char *const *settings,
                                         const spec_adapter *adapter, symo_optim_spec **out);

/* From JSON text `length` long, in one go. */
symo_status symo_optim_spec_parse(symo_context *context, const char *where, const char *text,
                                  size_t length, symo_optim_spec **out);

#endif
