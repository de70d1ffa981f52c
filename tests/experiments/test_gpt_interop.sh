#!/usr/bin/env bash
# A transformer with random parameters, written in both forms: loss, gradient and logits of
# experiments/interop/gpt_numpy.py, which has nothing of this library in it, are those computed here;
# so is the loss of symo eval and of what symo export made.
# Environment: SOURCE, BUILD (with libsymo.a, obj/libkit.a and symo), CC, WORK, SANITIZED.
set -euo pipefail
SOURCE=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD=${BUILD:-$SOURCE/build}
SYMO=${SYMO:-$BUILD/symo}

python=
for candidate in /usr/bin/python3 python3; do
  if "$candidate" -c 'import numpy' >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || { echo "no python3 that imports numpy"; exit 77; }
[ -f "$BUILD/obj/libkit.a" ] || { echo "no $BUILD/obj/libkit.a (make test builds it)"; exit 77; }
WORK=${WORK:-$(mktemp -d)}
cd "$WORK"
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}

cat >program.c <<'END'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "experiments/gpt/weights.h"

/* program f32|f64 BIAS TIED gelu|gelu-tanh: writes model, hf and grad .safetensors, tokens.txt,
 * next.txt; prints the loss. */
enum { V = 13, T = 7, WINDOWS = 20 };

#define TRY(call)                                                                                  \
  do {                                                                                             \
    if ((call) != SYMO_OK) {                                                                       \
      fprintf(stderr, "%s: %s\n", #call, symo_context_detail(context));                            \
      exit(3);                                                                                     \
    }                                                                                              \
  } while (0)

int main(int count, char **arguments) {
  symo_context *context;
  symo_rng *rng;
  symo_gpt_spec spec = symo_gpt_spec_default();
  static symo_net_spec described;
  symo_net *net;
  double next[V], loss;
  uint32_t ids[WINDOWS * T + 1];
  if (count < 5 || symo_context_create(&context) != SYMO_OK) return 9;
  spec.vocabulary = V, spec.block = T, spec.width = 12, spec.heads = 3, spec.layers = 2;
  spec.dtype = strcmp(arguments[1], "f32") == 0 ? SYMO_F32 : SYMO_F64;
  spec.bias = atoi(arguments[2]) != 0, spec.tied = atoi(arguments[3]) != 0;
  if (!symo_activation_find(arguments[4], &spec.activation)) return 9;
  TRY(symo_gpt_to_net(context, &spec, &described));
  TRY(symo_net_create(context, &described, &net));
  TRY(symo_rng_create(context, 7, &rng));
  const size_t n = symo_net_num_parameters(net), size = symo_dtype_size(spec.dtype);
  void *theta = symo_calloc(n, size), *grad = symo_calloc(n, size);
  for (size_t i = 0; i < n; i++) {
    const double value = 0.4 * symo_rng_normal(rng);
    if (spec.dtype == SYMO_F32)
      ((float *)theta)[i] = (float)value;
    else
      ((double *)theta)[i] = value;
  }
  FILE *file = fopen("tokens.txt", "w");
  for (size_t i = 0; i <= WINDOWS * T; i++)
    fprintf(file, "%u\n", (unsigned)(ids[i] = (uint32_t)symo_rng_below(rng, V)));
  fclose(file);
  TRY(symo_net_set_tokens(net, WINDOWS, ids, ids + 1));
  symo_problem problem = symo_net_problem(net);
  TRY(problem.gradient(problem.self, theta, &loss, grad));
  TRY(gpt_weights_write(context, "model.safetensors", GPT_NANOGPT, &spec, theta, NULL));
  TRY(gpt_weights_write(context, "hf.safetensors", GPT_HUGGING_FACE, &spec, theta, NULL));
  TRY(gpt_weights_write(context, "grad.safetensors", GPT_NANOGPT, &spec, grad, NULL));
  TRY(gpt_weights_write(context, "grad-hf.safetensors", GPT_HUGGING_FACE, &spec, grad, NULL));
  symo_gpt_reader *reader;
  TRY(symo_gpt_reader_create(net, theta, &reader));
  file = fopen("next.txt", "w");
  for (size_t w = 0; w < 2; w++) { /* of a whole window, and of one with two tokens less */
    TRY(symo_gpt_next(reader, T - 2 * w, ids + w * T, next));
    for (size_t i = 0; i < V; i++) fprintf(file, "%.17g\n", next[i]);
  }
  fclose(file);
  symo_gpt_reader_destroy(reader);
  printf("%.17g\n", loss);
  symo_free(theta);
  symo_free(grad);
  symo_rng_destroy(rng);
  symo_net_destroy(net);
  symo_context_destroy(context);
  return 0;
}
END

sanitize=()
[ -n "${SANITIZED:-}" ] && sanitize=("-fsanitize=address,undefined")
libraries=(-lgsl -llapacke -lopenblas -ljansson -lz -lm -ldl)
"${CC:-cc}" -std=c11 -Werror -D_POSIX_C_SOURCE=200809L -I"$SOURCE/include" -I"$SOURCE" "${sanitize[@]}" \
  program.c "$BUILD/obj/libkit.a" "$BUILD/libsymo.a" "${libraries[@]}" -pthread -rdynamic -o program

cat >check.py <<'END'
import json
import subprocess
import sys

import numpy as np

source, symo = sys.argv[1:3]
sys.path.insert(0, source + "/experiments/interop")
import gpt_numpy


def call(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def script(path, *more):
    return json.loads(call(sys.executable, source + "/experiments/interop/gpt_numpy.py",
                           "--checkpoint", path, "--tokens", "tokens.txt", *more))["loss"]


def near(a, b, limit, what):
    a, b = np.asarray(a), np.asarray(b)
    error = np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30)
    assert error <= limit, (what, error)
    return error


def same_tensors(ours, theirs, limit, what):
    a, b = (gpt_numpy.read_safetensors(path)[0] for path in (ours, theirs))
    assert sorted(a) == sorted(b), what
    scale = max(np.linalg.norm(x) for x in b.values())
    worst = 0.0
    for name in a:  # key biases have no gradient but for rounding: against the largest, too
        error = np.linalg.norm(a[name] - b[name]) / max(np.linalg.norm(b[name]), 1e-2 * scale)
        assert error <= limit, (what, name, error)
        worst = max(worst, error)
    return worst


worst = {}
for dtype, limit in [("f64", 1e-10), ("f32", 1e-4)]:
    for bias, tied, act in [(0, 1, "gelu"), (1, 1, "gelu-tanh"), (1, 0, "gelu"), (0, 0, "gelu-tanh")]:
        case = f"{dtype} bias {bias} tied {tied} {act}"
        loss = float(call("./program", dtype, str(bias), str(tied), act))
        found = script("model.safetensors", "--grad", "theirs.safetensors", "--logits", "logits.npy")
        errors = [near(loss, found, limit, case + ": loss")]
        errors.append(same_tensors("grad.safetensors", "theirs.safetensors", limit, case))
        logits, ours = np.load("logits.npy"), np.loadtxt("next.txt").reshape(2, -1)
        errors.append(near(ours, np.stack([logits[0, -1], logits[1, -3]]), limit, case + ": logits"))
        # Hugging Face's form is the same model, and so is what symo export makes of either.
        found = script("hf.safetensors", "--grad", "theirs.safetensors")
        near(loss, found, limit, case + ": loss, hf")
        if bias:
            same_tensors("grad-hf.safetensors", "theirs.safetensors", limit, case + " hf")
        for form in ["nanogpt", "hf"]:
            for file in ["model.safetensors", "hf.safetensors"]:
                call(symo, "export", "--checkpoint", file, "--format", form, "--out", "out.safetensors")
                near(loss, script("out.safetensors"), limit, f"{case}: {file} as {form}")
        worst[dtype] = max(worst.get(dtype, 0.0), *errors)

# A text, a run, and its loss by both: what is left over at the end is not used.
text = ("In the beginning was the word. " * 40)[:1003]
with open("text.txt", "w") as file:
    file.write(text)
call(symo, "train", "gpt", "--data", "text.txt", "--n-layer", "1", "--n-head", "2", "--n-embd", "16",
     "--block-size", "16", "--batch-size", "4", "--steps", "3", "--dtype", "f64", "--optimizer", "adamw",
     "--out", "run")
checkpoint = "run/checkpoint.safetensors"
ours = json.loads(call(symo, "eval", "--checkpoint", checkpoint, "--data", "text.txt", "--json"))
theirs = json.loads(call(sys.executable, source + "/experiments/interop/gpt_numpy.py", "--checkpoint",
                         checkpoint, "--text", "text.txt"))
near(ours["loss"], theirs["loss"], 1e-10, "symo eval")
for form in ["nanogpt", "hf"]:
    call(symo, "export", "--checkpoint", checkpoint, "--format", form, "--out", "out.safetensors")
    again = json.loads(call(sys.executable, source + "/experiments/interop/gpt_numpy.py", "--checkpoint",
                            "out.safetensors", "--text", "text.txt"))
    near(ours["loss"], again["loss"], 1e-10, "symo export " + form)

# Samples: the same for a seed, others for another; greedy ones by the logits of the script.
sample = [symo, "sample", "--checkpoint", checkpoint, "--prompt", "the ", "--tokens", "40", "--json"]
first, same, other = (json.loads(call(*sample, "--seed", seed)) for seed in ["1", "1", "2"])
assert first == same and first != other
assert first["samples"][0]["text"].startswith("the ") and len(first["samples"][0]["text"]) == 44
greedy = json.loads(call(*sample, "--temperature", "0"))["samples"][0]
single = json.loads(call(*sample, "--top-k", "1"))["samples"][0]
assert greedy == single
plain = call(*sample[:-1], "--temperature", "0")
assert plain == greedy["text"] + "\n", plain
model = gpt_numpy.Model(checkpoint)
ids = list(model.encode("the "))
while len(ids) < 44:
    logits, _ = gpt_numpy.Pass(model).logits(np.array([ids[-model.block:]]))
    ids.append(int(logits[0, -1].argmax()))
assert ids == greedy["tokens"]
print("worst relative differences:", {k: f"{v:.1e}" for k, v in worst.items()})
END
PYTHONDONTWRITEBYTECODE=1 "$python" check.py "$SOURCE" "$SYMO"
