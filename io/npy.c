/* The .npy format (numpy/lib/format.py describes it): "\x93NUMPY", two bytes of version, the length
 * of the header (2 bytes little-endian in version 1.0, 4 bytes later), the header: a Python
 * dictionary
 *   {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
 * padded with blanks and a newline so that the numbers begin at a multiple of 64 bytes. */
#include "io/npy.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "io/atomic.h"
#include "io/file.h"

enum { MAGIC = 8, ALIGNMENT = 64, LARGEST_HEADER = 65536 };

static const unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 0};

static const struct {
  const char *descr;
  symo_scalar type;
} types[] = {{"<f8", SYMO_SCALAR_F64}, {"<f4", SYMO_SCALAR_F32}, {"|u1", SYMO_SCALAR_U8}};

enum { NUM_TYPES = sizeof types / sizeof types[0] };

/* ---- writing ---- */

static bool array_bytes(symo_scalar type, size_t order, const size_t *shape, size_t *count,
                        size_t *bytes) {
  bool empty = false;
  *count = 1;
  for (size_t i = 0; i < order; ++i) empty = empty || shape[i] == 0;
  for (size_t i = 0; i < order && !empty; ++i)
    if (!symo_mul_size(*count, shape[i], count)) return false;
  if (empty) *count = 0;
  return symo_mul_size(*count, symo_scalar_size(type), bytes);
}

static void make_header(symo_text *text, const char *descr, size_t order, const size_t *shape) {
  symo_text_add(text, "%c%s", magic[0], (const char *)magic + 1);
  symo_text_add(text, "%c%c%c%c", 1, 0, 0, 0); /* the version; the length comes last */
  symo_text_add(text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (size_t i = 0; i < order; ++i)
    symo_text_add(text, "%s%zu%s", i > 0 ? " " : "", shape[i],
                  order == 1 || i + 1 < order ? "," : "");
  symo_text_add(text, "), }");
  if (text->failed) return;
  int blanks = (int)(ALIGNMENT - 1 - text->used % ALIGNMENT);
  symo_text_add(text, "%*s\n", blanks, "");
  if (text->failed) return;
  size_t length = text->used - MAGIC - 2;
  text->text[MAGIC] = (char)(length & 255u);
  text->text[MAGIC + 1] = (char)(length >> 8);
}

symo_status symo_npy_write_array(symo_context *context, const char *path, symo_scalar type,
                                 size_t order, const size_t *shape, const void *data) {
  symo_text header = {0};
  symo_atomic *file = NULL;
  symo_status status = SYMO_OK;
  size_t count, bytes;
  const char *descr = NULL;
  for (size_t i = 0; i < NUM_TYPES; ++i)
    if (types[i].type == type) descr = types[i].descr;
  if (path == NULL || descr == NULL || order > SYMO_MAX_ORDER)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "npy: cannot write this (a path, F64, F32 or U8, and at most %d axes)",
                     SYMO_MAX_ORDER);
  if (!array_bytes(type, order, shape, &count, &bytes))
    return symo_fail(context, SYMO_E_SIZE, "%s: an array of shape %s is too large (write a part)",
                     path, symo_quoted_shape(order, shape).text);
  if (data == NULL && bytes > 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: no numbers (pass data)", path);
  make_header(&header, descr, order, shape);
  if (header.failed) SYMO_TRY(symo_fail_memory(context, path));
  SYMO_TRY(symo_atomic_open(context, path, &file));
  SYMO_TRY(symo_atomic_write(file, header.text, header.used));
  SYMO_TRY(symo_atomic_write(file, data, bytes));
  SYMO_TRY(symo_atomic_commit(file));
fail:
  symo_atomic_destroy(file);
  symo_free(header.text);
  return status;
}

symo_status symo_npy_write(symo_context *context, const char *path, const double *data, size_t rows,
                           size_t columns) {
  const size_t shape[] = {rows, columns};
  if (path == NULL || (data == NULL && rows > 0 && columns > 0))
    return symo_fail_null(context, "npy_write", path == NULL ? "path" : "data");
  return symo_npy_write_array(context, path, SYMO_SCALAR_F64, 2, shape, data);
}

/* ---- reading ---- */

/* What is left of the header, walked through by the functions below. */
typedef struct cursor {
  const char *at;
  const char *end;
} cursor;

static void skip_blanks(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
    ++c->at;
}

/* Takes `text` if it comes next, after blanks. */
static bool accept(cursor *c, const char *text) {
  size_t n = strlen(text);
  skip_blanks(c);
  if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0) return false;
  c->at += n;
  return true;
}

/* Takes a quoted text of fewer than 32 characters. */
static bool read_string(cursor *c, char out[32]) {
  skip_blanks(c);
  if (c->at >= c->end || (*c->at != '\'' && *c->at != '"')) return false;
  char quote = *c->at++;
  size_t n = 0;
  while (c->at < c->end && *c->at != quote && n < 31) out[n++] = *c->at++;
  out[n] = '\0';
  if (c->at >= c->end || *c->at != quote) return false;
  ++c->at;
  return true;
}

static bool read_size(cursor *c, size_t *out) {
  skip_blanks(c);
  const char *begin = c->at;
  size_t number = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; ++c->at) {
    size_t digit = (size_t)(*c->at - '0');
    if (number > (SIZE_MAX - digit) / 10) return false;
    number = 10 * number + digit;
  }
  *out = number;
  return c->at > begin;
}

/* (), (3,) or (3, 4) */
static bool read_shape(cursor *c, symo_npy *array) {
  array->order = 0;
  if (!accept(c, "(")) return false;
  while (!accept(c, ")")) {
    if (array->order == SYMO_MAX_ORDER || !read_size(c, &array->shape[array->order])) return false;
    ++array->order;
    if (!accept(c, ",")) return accept(c, ")");
  }
  return true;
}

/* NULL, or what is wrong with the header. */
static const char *parse_header(cursor c, symo_npy *array) {
  char key[32], descr[32] = "";
  unsigned seen = 0;
  if (!accept(&c, "{")) return "the header is not a dictionary";
  while (!accept(&c, "}")) {
    if (!read_string(&c, key) || !accept(&c, ":")) return "the header is not a dictionary";
    if (strcmp(key, "descr") == 0) {
      if (!read_string(&c, descr))
        return "descr is not a simple type (structured arrays are not read)";
      seen |= 1;
    } else if (strcmp(key, "fortran_order") == 0) {
      if (!accept(&c, "False"))
        return "fortran_order is not False (save it with numpy.ascontiguousarray)";
      seen |= 2;
    } else if (strcmp(key, "shape") == 0) {
      if (!read_shape(&c, array)) return "shape is not a tuple of at most 8 whole numbers";
      seen |= 4;
    } else {
      return "unknown key in the header (known: descr, fortran_order, shape)";
    }
    if (accept(&c, ",")) continue;
    if (accept(&c, "}")) break;
    return "the header is not a dictionary";
  }
  skip_blanks(&c);
  if (seen != 7 || c.at != c.end) return "the header must hold descr, fortran_order and shape only";
  for (size_t i = 0; i < NUM_TYPES; ++i)
    if (strcmp(types[i].descr, descr) == 0) {
      array->type = types[i].type;
      return NULL;
    }
  return "the type is not '<f8', '<f4' or '|u1' (convert it with astype)";
}

/* Reads magic, version and header; *at is where the numbers begin. */
static symo_status load_header(symo_context *context, const char *path, int fd, uint64_t size,
                               char *header, size_t *length, uint64_t *at) {
  unsigned char start[MAGIC + 4] = {0};
  size_t got = size < sizeof start ? (size_t)size : sizeof start;
  symo_status status = symo_file_read_at(context, path, "header", fd, 0, start, got);
  if (status != SYMO_OK) return status;
  if (got < MAGIC + 2 || memcmp(start, magic, sizeof magic - 1) != 0)
    return symo_fail(context, SYMO_E_FORMAT, "%s: not a .npy file (save it with numpy.save)", path);
  if (start[6] < 1 || start[6] > 3)
    return symo_fail(context, SYMO_E_FORMAT, "%s: .npy version %d.%d is not known (save it as 1.0)",
                     path, start[6], start[7]);
  uint64_t announced = start[MAGIC] | (uint64_t)start[MAGIC + 1] << 8;
  if (start[6] > 1)
    announced |= (uint64_t)start[MAGIC + 2] << 16 | (uint64_t)start[MAGIC + 3] << 24;
  *at = MAGIC + (start[6] > 1 ? 4 : 2);
  if (size < *at || announced > size - *at || announced > LARGEST_HEADER)
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: a header of %llu %s does not fit the file (is it cut off?)", path,
                     (unsigned long long)announced, symo_plural(announced, "byte", "bytes"));
  status = symo_file_read_at(context, path, "header", fd, *at, header, (size_t)announced);
  *at += announced;
  *length = (size_t)announced;
  return status;
}

static symo_status load_array(symo_context *context, const char *path, int fd, uint64_t size,
                              char *header, symo_npy *array) {
  size_t length = 0, bytes;
  uint64_t at = 0;
  symo_status status = load_header(context, path, fd, size, header, &length, &at);
  if (status != SYMO_OK) return status;
  const char *wrong = parse_header((cursor){header, header + length}, array);
  if (wrong != NULL) return symo_fail(context, SYMO_E_FORMAT, "%s: %s", path, wrong);
  if (!array_bytes(array->type, array->order, array->shape, &array->count, &bytes) ||
      bytes != size - at)
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: shape %s does not take the %llu %s that follow the header (is the file "
                     "cut off?)",
                     path, symo_quoted_shape(array->order, array->shape).text,
                     (unsigned long long)(size - at), symo_plural((size - at), "byte", "bytes"));
  array->data = symo_malloc(bytes);
  if (array->data == NULL) return symo_fail_memory(context, path);
  status = symo_file_read_at(context, path, "data", fd, at, array->data, bytes);
  if (status != SYMO_OK) symo_free(array->data);
  return status;
}

symo_status symo_npy_read(symo_context *context, const char *path, symo_npy *out) {
  symo_npy array = {0};
  uint64_t size = 0;
  int fd = -1;
  symo_status status = symo_file_open(context, path, &fd, &size);
  if (status != SYMO_OK) return status;
  char *header = symo_malloc(LARGEST_HEADER);
  if (header == NULL)
    status = symo_fail_memory(context, path);
  else
    status = load_array(context, path, fd, size, header, &array);
  symo_free(header);
  symo_file_close(fd);
  if (status == SYMO_OK) *out = array;
  return status;
}
