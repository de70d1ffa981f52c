/* Parsing with jansson (RFC 8259; objects keep the order of their keys). */
#include "io/json.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/names.h"
#include "io/file.h"

const char *symo_json_type_name(json_type type) {
  switch (type) {
  case JSON_OBJECT: return "an object {...}";
  case JSON_ARRAY: return "a list [...]";
  case JSON_STRING: return "a string";
  case JSON_INTEGER: return "a whole number";
  case JSON_REAL: return "a number with a fraction or exponent";
  case JSON_TRUE: return "true";
  case JSON_FALSE: return "false";
  default: return "null";
  }
}

symo_status symo_json_parse(symo_context *context, const char *where, const char *text,
                            size_t length, json_t **out) {
  json_error_t error;
  symo_status status = symo_file_skip_mark(context, where, &text, &length);
  if (status != SYMO_OK) return status;
  json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (root != NULL) {
    *out = root;
    return SYMO_OK;
  }
  /* Where its own memory runs out, jansson has no words, and mostly no code. */
  if (json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0')
    return symo_fail_memory(context, where);
  /* jansson repeats a piece of the text, which may hold anything. */
  for (char *p = error.text; *p != '\0'; ++p)
    if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = ' ';
  if (!symo_utf8_valid(error.text)) snprintf(error.text, sizeof error.text, "invalid text");
  return symo_fail(context, SYMO_E_FORMAT, "%s: line %d, column %d: %s (it must be valid JSON)",
                   where, error.line, error.column, error.text);
}

symo_status symo_json_expect(symo_context *context, const char *where, const char *at,
                             const json_t *value, json_type type, const char *advice) {
  const char *colon = at[0] == '\0' ? "" : ": ";
  if (value == NULL)
    return symo_fail(context, SYMO_E_FORMAT, "%s: %s%sis missing (%s)", where, at, colon, advice);
  if (json_typeof(value) == type) return SYMO_OK;
  return symo_fail(context, SYMO_E_FORMAT, "%s: %s%smust be %s, not %s (%s)", where, at, colon,
                   symo_json_type_name(type), symo_json_type_name(json_typeof(value)), advice);
}

symo_status symo_json_check_keys(symo_context *context, const char *where, const char *at,
                                 json_t *object, size_t count, const char *const *known) {
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    size_t i = 0;
    while (i < count && strcmp(key, known[i]) != 0) ++i;
    if (i < count) continue;
    char list[256] = "";
    for (size_t k = 0, n = 0; k < count && n < sizeof list; ++k)
      n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", k > 0 ? ", " : "", known[k]);
    return symo_fail(context, SYMO_E_FORMAT, "%s: %s%s%s: unknown key (known: %s%s)", where, at,
                     at[0] == '\0' ? "" : ".", symo_quoted(key).text, list,
                     symo_did_you_mean(key, count, known).text);
  }
  return SYMO_OK;
}

void symo_json_add_string(symo_text *text, const char *string) {
  symo_text_add(text, "\"");
  for (const char *p = string; *p != '\0'; ++p) {
    size_t plain = 0;
    while ((unsigned char)p[plain] >= 0x20 && p[plain] != '"' && p[plain] != '\\') ++plain;
    symo_text_add(text, "%.*s", (int)plain, p);
    p += plain;
    if (*p == '\0') break;
    if (*p == '\n')
      symo_text_add(text, "\\n");
    else if ((unsigned char)*p < 0x20)
      symo_text_add(text, "\\u%04x", (unsigned)*p);
    else
      symo_text_add(text, "\\%c", *p);
  }
  symo_text_add(text, "\"");
}
