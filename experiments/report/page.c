/* The frame of the page: escapes, style, pictures inside. */
#include "experiments/report/report.h"

#include <string.h>

#include "core/alloc.h"
#include "io/file.h"

void report_escape(report_page *page, const char *text) {
  for (const char *p = text; *p;) {
    size_t plain = strcspn(p, "<>&\"");
    symo_text_add(&page->text, "%.*s", (int)plain, p);
    p += plain;
    if (*p == '\0') break;
    symo_text_add(&page->text, "%s",
                  *p == '<'   ? "&lt;"
                  : *p == '>' ? "&gt;"
                  : *p == '&' ? "&amp;"
                              : "&quot;");
    p++;
  }
}

static const char style[] =
    "body{font:16px/1.5 sans-serif;color:#111;background:#fff;max-width:72em;margin:2em auto;"
    "padding:0 1em}\n"
    "h1,h2,h3{line-height:1.2}h2{border-bottom:1px solid #888;margin-top:2em}\n"
    "table{border-collapse:collapse;margin:.5em 0}caption{text-align:left;font-weight:bold;"
    "padding:.3em 0;white-space:nowrap}\n"
    "th,td{border:1px solid #999;padding:.2em .6em;text-align:left;vertical-align:top}\n"
    "th{background:#eee}td.n{text-align:right;font-variant-numeric:tabular-nums;"
    "white-space:nowrap}\n"
    ".wide{overflow-x:auto}pre{background:#eee;padding:.6em;white-space:pre-wrap;"
    "overflow-wrap:anywhere}\n"
    "figure{margin:1em 0}img,svg{max-width:100%;height:auto}figcaption{color:#333}\n";

void report_begin(report_page *page, const char *title) {
  symo_text_add(
      &page->text,
      "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
      "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"/>\n<title>");
  report_escape(page, title);
  symo_text_add(&page->text, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
  report_escape(page, title);
  symo_text_add(&page->text, "</h1>\n");
}

void report_end(report_page *page) {
  symo_text_add(&page->text, "<footer><p>Made by symo report %s.</p></footer>\n</body>\n</html>\n",
                symo_version());
}

void report_heading(report_page *page, const char *text) {
  symo_text_add(&page->text, "<h2>");
  report_escape(page, text);
  symo_text_add(&page->text, "</h2>\n");
}

/* ---- pictures ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Base64 (RFC 4648), lines of it at a time. */
static void add_base64(symo_text *out, const char *data, size_t size) {
  enum { LINE = 3 * 1024 };
  char line[LINE / 3 * 4 + 1];
  for (size_t at = 0; at < size; at += LINE) {
    size_t used = 0, end = at + LINE < size ? at + LINE : size;
    for (size_t i = at; i < end; i += 3) {
      const size_t have = end - i < 3 ? end - i : 3;
      unsigned long bits = 0;
      for (size_t k = 0; k < 3; k++)
        bits = bits << 8 | (k < have ? (unsigned long)(unsigned char)data[i + k] : 0);
      for (size_t k = 0; k < 4; k++)
        line[used++] = k <= have ? digits[bits >> (18 - 6 * k) & 63] : '=';
    }
    line[used] = '\0';
    symo_text_add(out, "%s", line);
  }
}

int report_picture(report_page *page, const char *directory, const char *name) {
  enum { MOST = 1 << 26 };
  char *path = cli_join(directory, name), *data = NULL;
  if (path == NULL) return cli_fail_memory(page->c);
  size_t size = 0, length = strlen(name);
  symo_status status = symo_file_read_all(cli_context(page->c), path, MOST, &data, &size);
  symo_free(path);
  if (status != SYMO_OK) return cli_fail_status(page->c, status);
  const bool svg = strcmp(name + length - 4, ".svg") == 0;
  symo_text_add(&page->text, "<figure><img alt=\"");
  report_escape(page, name);
  symo_text_add(&page->text, "\" src=\"data:image/%s;base64,", svg ? "svg+xml" : "png");
  add_base64(&page->text, data, size);
  symo_text_add(&page->text, "\"/><figcaption>");
  report_escape(page, name);
  symo_text_add(&page->text, "</figcaption></figure>\n");
  symo_free(data);
  page->figures++;
  return CLI_DONE;
}
