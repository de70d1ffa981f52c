"""Mutations of C text: where they are possible, and what stands there then.

The text is formatted by clang-format, so a binary operator has a blank on both sides, and `*` of a pointer has
not.  Comments, strings and lines of the preprocessor are left alone, and so are functions that only say what
something costs or how large it is: a wrong number there is a wrong estimate and no wrong result."""
import re

# Functions, by name, whose numbers are estimates of work or sizes.
ESTIMATES = re.compile(r"(cost|flops|work|bytes|needs|describe|report_text)$")

SWAPS = {
    "relation": {" < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == "},
    "sign": {" + ": " - ", " - ": " + "},
    "factor": {" * ": " / ", " / ": " * "},
    "compound": {" += ": " -= ", " -= ": " += ", " *= ": " /= ", " /= ": " *= "},
    "logic": {" && ": " || ", " || ": " && "},
    "transposition": {"CblasTrans": "CblasNoTrans", "CblasNoTrans": "CblasTrans",
                      "symo_mat_t(": "(", ", true)": ", false)", ", false)": ", true)"},
    "extremum": {"fmin(": "fmax(", "fmax(": "fmin(", "sqrt(": "(", "fabs(": "("},
}
KINDS = sorted(SWAPS) + ["constant", "drop", "negate"]

COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
NUMBER = re.compile(r"(?<![\w.])(\d+\.?\d*(?:e[-+]?\d+)?)(?![\w.])")
HEAD = re.compile(r"^(?:[A-Za-z_][\w \*]*?[ \*])?([A-Za-z_]\w*)\([^;]*?\)[ \n]*\{", re.M)
NOT_DROPPED = re.compile(r"\s*(return|goto|break|continue|else|if|for|while|switch|case|default|do|typedef|"
                         r"struct|enum|static|const|extern|assert|\(void\))\b")
CALL = re.compile(r"^( +)([A-Za-z_]\w*\(.*\);)$", re.M)
ASSIGNMENT = re.compile(r"^( +)((?:\*|\w|\[[^\]]*\]|->|\.)+ (?:[-+*/|&]?=) [^;]*;)$", re.M)
CONDITION = re.compile(r"\bif \(")


def blanked(text):
    """The text with comments, strings and directives as blanks: places stay the same."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return DIRECTIVE.sub(blank, COMMENT.sub(blank, text))


def functions(code):
    """[(name, first, last)] of bodies, as places in the text."""
    found = []
    for match in HEAD.finditer(code):
        depth, at = 0, match.end() - 1
        while at < len(code):
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
            if depth == 0:
                break
        found.append((match.group(1), match.end(), at))
    return found


def closing(code, at):
    """The place of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return i
    return -1


def other_constant(text):
    if re.fullmatch(r"\d+", text):
        return str(int(text) + 1) if text != "1" else "0"
    return repr(2 * float(text))


def within(code, first, last):
    """(kind, place, end, replacement) of a body."""
    for kind, swaps in SWAPS.items():
        for old, new in swaps.items():
            start = code.find(old, first)
            while 0 <= start < last:
                word = old[0].isalpha() and code[start - 1:start].isidentifier()
                longer = code[start + len(old)].isidentifier() and old[-1].isalpha()
                if not word and not longer:
                    yield kind, start, start + len(old), new
                start = code.find(old, start + 1)
    for match in NUMBER.finditer(code, first, last):
        line = code[code.rfind("\n", 0, match.start()) + 1:match.start()]
        declared = re.match(r"\s*(?:static |const )*(?:char|enum)\b", line)
        if not declared:
            yield "constant", match.start(), match.end(), other_constant(match.group(1))
    for pattern in (CALL, ASSIGNMENT):
        for match in pattern.finditer(code, first, last):
            if not NOT_DROPPED.match(match.group(2)):
                yield "drop", match.start(2), match.end(2), ";"
    for match in CONDITION.finditer(code, first, last):
        end = closing(code, match.end() - 1)
        if 0 < end < last:
            yield "negate", match.end(), end, "!(" + code[match.end():end] + ")"


def candidates(text):
    """All mutations of a file: dictionaries of kind, place, end, new, line, function."""
    code, found = blanked(text), []
    for name, first, last in functions(code):
        if ESTIMATES.search(name):
            continue
        for kind, start, end, new in within(code, first, last):
            if kind == "negate":  # strings inside stay what they are
                new = "!(" + text[start:end] + ")"
            found.append({"kind": kind, "place": start, "end": end, "new": new, "function": name,
                          "line": code.count("\n", 0, start) + 1,
                          "last_line": code.count("\n", 0, end) + 1})
    return found
