# Texts as Doxygen wants them: headings get names, "python-an-estimate" (a text's own name, then GitHub's
# anchor), links between texts of the site lead to these, links to other files become their words, and
# pictures stay in their folders, which make docs puts beside the pages.  A star that is part of a name
# (theta*) begins no emphasis.
function slug(text) {
  text = tolower(text)
  gsub(/[^a-z0-9_ -]/, "", text)
  gsub(/ /, "-", text)
  return text
}
# "results" of docs/results/README.md, "python" of ../python.md; relative to this text.
function name_of(path,    parts, n, base) {
  n = split(path, parts, "/")
  base = parts[n]
  sub(/\.md$/, "", base)
  if (base != "README") return base
  if (n > 1) return parts[n - 1]
  n = split(FILENAME, parts, "/")
  return parts[n - 1]
}
function reference(name, anchor) {
  if (anchor != "") return "@ref " name "-" anchor
  return "@ref " (name == "manual" ? "index" : "page-" name)
}
function link(text, target,    at, anchor, path, name) {
  if (target ~ /^[a-z]+:/) return "[" text "](" target ")"
  at = index(target, "#")
  anchor = at ? substr(target, at + 1) : ""
  path = at ? substr(target, 1, at - 1) : target
  name = path == "" ? own : path ~ /\.md$/ ? name_of(path) : ""
  return index(pages, " " name " ") && name != "" ? "[" text "](" reference(name, anchor) ")" : text
}
function links(line,    out, whole, text, target) {
  out = ""
  while (match(line, /!?\[[^]]*\]\([^)]*\)/)) {
    out = out substr(line, 1, RSTART - 1)
    whole = substr(line, RSTART, RLENGTH)
    line = substr(line, RSTART + RLENGTH)
    text = target = whole
    sub(/^!?\[/, "", text); sub(/\]\(.*$/, "", text)
    sub(/^.*\]\(/, "", target); sub(/\)$/, "", target)
    if (whole ~ /^!/) out = out "<img src=\"results/" target "\" alt=\"" text "\" style=\"max-width:100%\"/>"
    else out = out link(text, target)
  }
  return out line
}
# Single stars that neither begin nor end an emphasis are escaped; `code` and **bold** are left alone.
function stars(line,    i, c, before, after, out, code, n) {
  n = length(line)
  for (i = 1; i <= n; i++) {
    c = substr(line, i, 1)
    if (c == "`") code = !code
    before = i > 1 ? substr(line, i - 1, 1) : " "
    after = i < n ? substr(line, i + 1, 1) : " "
    if (c == "*" && !code && after == "*") { out = out "**"; i++; continue }
    if (c == "*" && !code && !(i == 1 && after == " ")) {
      if (!open && before ~ /[ (|]/ && after ~ /[A-Za-z0-9`]/) open = 1
      else if (open && before !~ / /) open = 0
      else c = "\\*"
    }
    out = out c
  }
  return out
}
FNR == 1 {
  own = name_of(FILENAME)
  pages = " manual estimate groups estimators optimizer limits reading python graphs mathematics results architecture robustness reliability "
}
/^```/ { fence = !fence; print; next }
fence || /^    / { print; next }
/^[ \t]*$/ { open = 0 }
/^#+ / {
  text = $0
  sub(/^#+ /, "", text)
  print $0 (/^# / ? (own == "manual" ? "" : " {#page-" own "}") : " {#" own "-" slug(text) "}")
  next
}
{ print stars(links($0)) }
