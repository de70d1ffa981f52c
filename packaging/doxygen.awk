# The headers as Doxygen wants them: a comment in front of a declaration, or behind a member on its line,
# documents it.  One comment in front of several declarations without a blank line between them documents
# each.  Headings ("/* ---- plans ---- */") stay what they are.
BEGIN { print "/** @file */" }
# The comment that begins in this line, whole, with more lines read as they are needed.
function whole(text,    more) {
  while (text !~ /\*\// && (getline more) > 0) text = text "\n" more
  return text
}
/^#define/ {
  if (!fresh && doc != "") print doc
  fresh = 0
  print
  continues = $0 ~ /\\$/
  if (continues) doc = ""
  next
}
continues { print; continues = $0 ~ /\\$/; next }
/^[ \t]*\/\* ----/ || /^#/ { print; if ($0 !~ /\\$/) doc = ""; next }
/^[ \t]*\/\*/ {
  text = whole($0)
  sub(/\/\*/, "/**", text)
  print text
  if (depth == 0) { doc = text; fresh = 1 }
  next
}
/^[ \t]*$/ { if (depth == 0) doc = ""; print; next }
{
  line = $0
  if (depth == 0 && !started && !fresh && doc != "") print doc
  fresh = 0
  code = line
  sub(/\/\*.*/, "", code)
  if (line ~ /\/\*/) {
    line = whole(line)
    if (depth == 0 && !started && doc == "") {
      doc = line
      sub(/^.*\/\*/, "/**", doc)
    }
    sub(/\/\*/, "/**<", line)
  }
  print line
  if (code ~ /extern "C" \{/ || (code ~ /^\}[ \t]*$/ && depth == 0)) next
  depth += gsub(/\{/, "{", code) - gsub(/\}/, "}", code)
  started = depth > 0 || code !~ /(;|\}|\\)[ \t]*$/
}
