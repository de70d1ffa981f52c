#!/usr/bin/env bash
# What a run and a sweep keep beside their checkpoints (metrics.jsonl, run.json, summary.json, command.json),
# damaged in every way: report, plot, train --resume and sweep say so in one line, or mend it and say so; no
# figure is made up, and what was there is still there.
set -u
test=damaged
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

"$symo" train teacher-student --net 6-3-2 --steps 6 --threads 1 --out run >/dev/null 2>err || fail "train: $(cat err)"
grid=(teacher-student --net 6-3-2 --grid optimizer=sgd --grid lr=0.1,0.2 --steps 4 --threads 1)
"$symo" sweep "${grid[@]}" --out sweep >/dev/null 2>err || fail "sweep: $(cat err)"
figures() { grep -v seconds "$1/sweep.json"; }
# Losses by step, without times.
losses() { sed 's/, "lr".*//; s/, "seconds".*//' "$1/metrics.jsonl"; }
cp -r run whole
"$symo" train teacher-student --resume whole --steps 9 >/dev/null 2>err || fail "resume: $(cat err)"

# damage FILE HOW
damage() {
  cp "$1" sound
  case $2 in
    empty) : >"$1" ;;
    cut) head -c $(($(wc -c <sound) / 2)) sound >"$1" ;;
    zeros) head -c "$(wc -c <sound)" /dev/zero >"$1" ;;
    nul) { head -c 60 sound && printf '\0' && tail -c +61 sound; } >"$1" ;;
    binary) printf '\377\376\200\001\n\002' >"$1" ;;
    list) echo '[1, 2]' >"$1" ;;
    number) echo 3 >"$1" ;;
    object) echo '{}' >"$1" ;;
    deep) head -c 100000 /dev/zero | tr '\0' '[' >"$1" ;;
    types) sed 's/: [-0-9.e]*\([,}]\)/: "x"\1/g; s/: [-0-9.e]*$/: [3]/; s/"words": \[/"words": 3, "w": [/' sound >"$1" ;;
    exchanged) if [ "${1##*/}" = run.json ]; then cp run/summary.json "$1"; else cp run/run.json "$1"; fi ;;
  esac
}
every="empty cut zeros nul binary list number object deep types exchanged"

# answers WHAT CODES COMMAND..: the exit code is one of these; where it is not 0, one error line names the file.
answers() {
  local what=$1 codes=$2 code
  shift 2
  "$symo" "$@" >out 2>err </dev/null
  code=$?
  case " $codes " in *" $code "*) ;; *) fail "$what: exit code $code, not one of $codes: $(head -n 3 err)" ;; esac
  if [ $code -ne 0 ]; then
    [ "$(grep -c '^symo: error: ' err)" -eq 1 ] || fail "$what: not one error line: $(cat err)"
  fi
}
names() { # WHAT FILE
  grep -q "$2" err || fail "$1: the message does not name $2: $(head -n 3 err)"
}

for how in $every; do
  # ---- metrics.jsonl ----
  rm -rf r && cp -r run r && damage r/metrics.jsonl "$how"
  cp r/metrics.jsonl was
  case $how in
    empty | cut) # a run that has not gone on for long, or was killed while it wrote a line
      answers "metrics $how: report" 0 report r
      if [ "$how" = empty ]; then answers "metrics $how: plot" 3 plot r --out p; else answers "metrics $how: plot" 0 plot r --out p; fi
      ;;
    *)
      answers "metrics $how: report" 3 report r
      names "metrics $how: report" r/metrics.jsonl
      answers "metrics $how: plot" 3 plot r --csv --out p
      names "metrics $how: plot" r/metrics.jsonl
      ;;
  esac
  cmp -s was r/metrics.jsonl || fail "metrics $how: report or plot has changed it"
  answers "metrics $how: resume" 0 train teacher-student --resume r --steps 9
  names "metrics $how: resume" r/metrics.jsonl.damaged
  cmp -s was r/metrics.jsonl.damaged || fail "metrics $how: what was there is not kept"
  [ "$(losses r | wc -l)" -eq 10 ] || fail "metrics $how: $(losses r | wc -l) lines after all"
  cmp -s <(losses r | tail -n 4) <(losses whole | tail -n 4) || fail "metrics $how: other losses: $(losses r | tail -n 4)"
  lost=$(grep -c '"loss": null}$' r/metrics.jsonl)
  cmp -s <(losses r | head -n $((6 - lost))) <(losses whole | head -n $((6 - lost))) || fail "metrics $how: whole lines are gone"
  [ "$how" != cut ] || [ "$lost" -lt 6 ] || fail "metrics cut: no whole line was kept"
  answers "metrics $how: report of the mended run" 0 report r
  answers "metrics $how: plot of the mended run" 0 plot r --csv --out p

  # ---- run.json: nothing is known without it, and nothing is touched ----
  rm -rf r && cp -r run r && damage r/run.json "$how"
  cp -r r was-run
  for command in "report r" "plot r --out p" "train teacher-student --resume r --steps 9"; do
    # shellcheck disable=SC2086
    answers "run.json $how: $command" 3 $command
    names "run.json $how: $command" r/run.json
  done
  diff -r was-run r >out || fail "run.json $how: files have changed: $(cat out)"
  rm -rf was-run

  # ---- summary.json: made again ----
  rm -rf s && cp -r sweep s && damage s/sgd/lr=0.1/s1/summary.json "$how"
  answers "summary $how: sweep" 0 sweep "${grid[@]}" --out s
  names "summary $how: sweep" s/sgd/lr=0.1/s1/summary.json
  cmp -s <(figures s) <(figures sweep) || fail "summary $how: another result: $(diff <(figures s) <(figures sweep))"
  rm -rf s && cp -r sweep s && damage s/sgd/lr=0.1/s1/run.json "$how"
  answers "run.json $how: sweep" 3 sweep "${grid[@]}" --out s
  names "run.json $how: sweep" s/sgd/lr=0.1/s1/run.json

  # ---- command.json: kept under another name ----
  rm -rf r && cp -r run r && damage r/command.json "$how"
  cp r/command.json was
  answers "command $how: report" 3 report r
  names "command $how: report" r/command.json
  answers "command $how: plot" 0 plot r --out p
  answers "command $how: resume" 0 train teacher-student --resume r --steps 9
  if [ "$how" != types ]; then # a list of other things than commands is not looked into
    names "command $how: resume" r/command.json.damaged
    cmp -s was r/command.json.damaged || fail "command $how: what was there is not kept"
    answers "command $how: report after resume" 0 report r
  fi
done

# ---- one that is gone; a second one that is damaged ----
rm -rf r && cp -r run r && rm r/metrics.jsonl
answers "no metrics: resume" 0 train teacher-student --resume r --steps 9
names "no metrics: resume" "made again"
[ "$(losses r | wc -l)" -eq 10 ] || fail "no metrics: $(losses r | wc -l) lines"
damage r/metrics.jsonl list
echo earlier >r/metrics.jsonl.damaged
answers "a second damage: resume" 0 train teacher-student --resume r --steps 10
names "a second damage: resume" r/metrics.jsonl.damaged-2
[ "$(cat r/metrics.jsonl.damaged)" = earlier ] || fail "what was kept first is gone"
rm -rf r && cp -r run r && rm r/metrics.jsonl && mkdir r/metrics.jsonl && cp -r r was-run
answers "a folder: resume" 4 train teacher-student --resume r --steps 9
diff -r was-run r >out || fail "a folder: files have changed: $(cat out)"

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "what lies beside a checkpoint may be damaged: it is said, or mended"
