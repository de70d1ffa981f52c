#!/usr/bin/env bash
# alpha=auto on the command line: plan, metrics, summary, report, a run that is taken up, and where there are no products.
set -u
faults=0
complain() { echo "$*" >&2; faults=$((faults + 1)); }
cd "$WORK" || exit 1
rm -rf whole half one two r.html

settings=(--optimizer spectral-newton-exact --set alpha=auto --set alpha_first=4 --set alpha_every=6
  --set alpha_directions=7)
train() { "$SYMO" train classifier --data digits --net 64-14-10 --threads 1 "$@" >out 2>err || complain "$*: $(cat err)"; }

train "${settings[@]}" --plan
grep -q '14 products with the Gauss-Newton matrix a measurement at most, 2.33 a step' out || complain "plan: $(cat out)"
grep -q 'exponents *every 6 *from 5 ' out || complain "plan: $(cat out)"

# Steps 4, 10 and 16 of 18 measure both matrices; a run of two parts has the bits of one.
train "${settings[@]}" --steps 18 --out whole
measured=$(grep -c '"alphas": {"w1": [0-9.]*, "w2": [0-9.]*}' whole/metrics.jsonl)
[ "$measured" = 3 ] || complain "$measured measurements"
grep '"alphas"' whole/metrics.jsonl | grep -o '^{"step": [0-9]*' | tr -dc '0-9\n' | tr '\n' ' ' >steps
[ "$(cat steps)" = "4 10 16 " ] || complain "measured before steps $(cat steps)"
grep -q '"measured_alphas": {"w1": ' whole/metrics.jsonl || complain "no averages"
tr -d '\n' <whole/summary.json | grep -q '"alphas": { *"w1": [0-9.]*' || complain "summary: $(cat whole/summary.json)"
train "${settings[@]}" --steps 11 --out half
"$SYMO" train classifier --resume half --steps 18 --threads 1 >out 2>err || complain "resume: $(cat err)"
for run in whole half; do
  sed -E 's/"optimizer_items": \{[^}]*\}(, )?//g; s/"(optimizer_)?seconds": [0-9.e+-]+(, )?//g' $run/metrics.jsonl |
    sed -E 's/, "val_[a-z]*": [0-9.]*//g' >$run.lines
done
cmp -s whole.lines half.lines || complain "a run of two parts is another: $(diff whole.lines half.lines | head -4)"

# The page of the run has them, and the table of its figures a column for each.
"$SYMO" report whole --out r.html >out 2>err || complain "report: $(cat err)"
grep -q 'alphas.w1' r.html || complain "the report has no alphas"
"$SYMO" plot whole --csv >out 2>err || complain "csv: $(cat err)"
head -1 whole/metrics.csv | grep -q 'measured_alphas.w1.*alphas.w2' || complain "csv: $(head -1 whole/metrics.csv)"

# As a file, the word stands in quotes.
grep -q '"alpha": "auto"' whole/optimizer.json || complain "optimizer.json: $(cat whole/optimizer.json)"
echo '{"preset": "spectral-newton-exact", "alpha": "auto", "alpha_first": 2}' >o.json
"$SYMO" train classifier --data digits --net 64-14-10 --threads 1 --steps 4 --optimizer o.json --out one >out 2>err ||
  complain "a file: $(cat err)"
grep -q '"step": 2, .*"alphas"' one/metrics.jsonl || complain "a file: no alphas"
refused() { # CODE TEXT ARGUMENTS...
  local code=$1 text=$2 status
  shift 2
  "$SYMO" "$@" >out 2>err
  status=$?
  [ $status = "$code" ] && grep -q -- "$text" err || complain "$*: $status: $(cat err)"
}
echo '{"preset": "spectral-newton-exact", "alpha": "Auto"}' >o.json
refused 3 'alpha: must be a number' train classifier --data digits --optimizer o.json --out two
refused 2 'or auto)' train classifier --data digits --optimizer spectral-newton --set alpha=Auto --out two
refused 2 'alpha auto' train classifier --data digits --optimizer spectral-newton --set alpha_first=3 --out two
echo '{"preset": "symo", "alpha": "auto"}' >o.json
refused 3 'is not divided: every process has all of the method' plan --net 64-14-10 --optimizer o.json --ranks 2
[ $faults -eq 0 ] || exit 1
