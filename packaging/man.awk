# The headers as manual pages, section 3: awk -v out=FOLDER -v version=0.1.0 -f man.awk symo.h and all others.
# symo/hessian.h becomes symo_hessian.3, with its comments and declarations in their order, and each function
# a page that refers to it.  symo.h comes first: it says in a few words what each of the others is.

# roff's own characters; dashes stay dashes, so that what is copied still means the same.
function plain(s) {
  gsub(/\\/, "\\e", s)
  gsub(/-/, "\\-", s)
  gsub(/\^/, "\\(ha", s)
  gsub(/~/, "\\(ti", s)
  gsub(/`/, "\\(ga", s)
  gsub(/'/, "\\(aq", s)
  if (s ~ /^\./) s = "\\\\&" s
  return s
}
function mode(wanted) { # lines as they stand, or filled
  if (wanted != verbatim) print(wanted ? ".nf" : ".fi") > page
  verbatim = wanted
}
# A comment of several lines; what is indented stays as it is.
function text(s,    lines, n, i, line) {
  sub(/^[ \t]*\/\*[ \t]?/, "", s)
  sub(/[ \t]*\*\/[ \t]*$/, "", s)
  n = split(s, lines, "\n")
  mode(0)
  print ".PP" > page
  for (i = 1; i <= n; i++) {
    line = lines[i]
    sub(/^[ \t]*\* ?/, "", line)
    if (line ~ /^[ \t]*$/) { mode(0); print ".PP" > page; continue }
    mode(line ~ /^  /)
    print plain(line) > page
  }
  mode(0)
}
function finish() {
  if (page == "") return
  code_ends()
  print ".SH SEE ALSO" > page
  print ".BR symo (3)" (others == "" ? "" : ",") others > page
  close(page)
}
function code_ends() {
  if (!in_code) return
  print ".RE" > page
  in_code = 0
  mode(0)
}
# What symo.h says of a header; of one that it does not include, how that begins.
function brief(header,    line) {
  if (name == "symo") return "curvature for neural networks from weight\\-space symmetry"
  while (!(header in about) && (getline line < FILENAME) > 0)
    if (sub(/^\/\* */, "", line)) {
      sub(/[.:].*/, "", line)
      about[header] = plain(line)
    }
  close(FILENAME)
  return about[header]
}
function begin(    header) {
  finish()
  header = FILENAME
  sub(/.*\//, "", header)
  name = header
  sub(/\.h$/, "", name)
  name = name == "symo" ? "symo" : "symo_" name
  page = out "/" name ".3"
  others = ""
  verbatim = in_code = depth = hidden = 0
  print ".TH " toupper(name) " 3 \"\" \"libsymo " version "\" \"libsymo\"\n.nh\n.ad l\n.SH NAME" > page
  print name " \\- " brief(header) > page
  print ".SH SYNOPSIS\n.nf\n#include <symo/" header ">\n\ncc .. $(pkg\\-config \\-\\-cflags \\-\\-libs symo)\n.fi\n.SH DESCRIPTION" > page
}
FNR == 1 { begin() }
# What is for the compiler alone.
/^#ifdef __cplusplus/ { hidden = 1 }
hidden { if (/^#endif/) hidden = 0; next }
/^#ifndef SYMO_[A-Z_]*_H$/ || /^#define SYMO_[A-Z_]*_H$/ || /^#endif/ { next }
/^#include/ {
  other = $2
  gsub(/[<>]|symo\/|\.h/, "", other)
  if (name != "symo" || $2 !~ /symo\//) {
    if ($2 ~ /symo\//) others = others (others == "" ? "\n" : ",\n") ".BR symo_" other " (3)"
    next
  }
  words = $0
  sub(/.*\/\* */, "", words)
  sub(/ *\*\/$/, "", words)
  about[other ".h"] = plain(words)
  print ".TP\n.BR symo_" other " (3)\n" plain(words) > page
  next
}
/^\/\* ----/ {
  code_ends()
  gsub(/^\/\* -+ *| *-+ \*\/$/, "")
  print ".SS " plain($0) > page
  next
}
/^\/\*/ && depth == 0 {
  code_ends()
  comment = $0
  while (comment !~ /\*\/[ \t]*$/ && (getline more) > 0) comment = comment "\n" more
  text(comment)
  next
}
/^[ \t]*$/ { if (depth == 0) code_ends(); else print "" > page; next }
{
  if (!in_code) {
    print ".PP\n.RS 2" > page
    mode(1)
    in_code = 1
  }
  code = $0
  gsub(/\/\*.*/, "", code)
  if (depth == 0 && code ~ /^[a-z]/ && code !~ /^typedef/ && match(code, /symo_[a-z0-9_]+\(/)) {
    link = substr(code, RSTART, RLENGTH - 1)
    if (link != name) {
      print ".so man3/" name ".3" > (out "/" link ".3")
      close(out "/" link ".3")
    }
  }
  print plain($0) > page
  depth += gsub(/\{/, "{", code) - gsub(/\}/, "}", code)
}
END { finish() }
