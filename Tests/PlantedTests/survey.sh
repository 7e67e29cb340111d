#!/usr/bin/env bash
# When the fuzzer would find each planted bug if it drew each case anew, at a fraction of the cost of a campaign for each:
#
#     Tests/PlantedTests/survey.sh .build-planted/release/apus [--cases N] [--seed N] [--jobs N] [--reduce] [BUG …] [-- FLAG …]
#
# First the cases are judged without a bug, which says what sites each case reaches, how fast cases are judged, and that none
# of them fails; a campaign of two workers is taken to be as fast as two such processes. Then each bug's cases are judged
# with the bug, in order, up to the first that fails, crashes or does not end: cases that do not reach its site are as they
# were. Prints a line for each bug: the seconds until the campaign comes to that case, the case and its oracle, or "not
# found"; then the share found, and the median. FLAGs go to the worker: `--ops 5`. The build must hold the bugs.
set -euo pipefail

apus=${1:?the path of an apus that holds the planted bugs}
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
cases=10000 seed=$RANDOM jobs=2 reduces=0 bugs=() flags=()
while (($#)); do
  case $1 in
    --cases) cases=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --reduce) reduces=1; shift ;;
    --) shift; flags=("$@"); break ;;
    *) bugs+=("$1"); shift ;;
  esac
done
if ((${#bugs[@]} == 0)); then
  mapfile -t bugs < <(sed -n 's/^  case \([A-Za-z0-9]*\)$/\1/p' "$root/Sources/ApusSupport/PlantedBug.swift")
fi

work=$(mktemp -d)
trap 'rm -rf "$work"; kill $(jobs -rp) 2>/dev/null || true' EXIT

worker() { "$apus" fuzz-worker --seed "$seed" --no-coverage "${flags[@]}"; }

# Without a bug, in `jobs` ranges side by side.
start=$EPOCHREALTIME
for ((job = 0; job < jobs; job++)); do
  printf 'run\t%d\t%d\n' $((cases * job / jobs)) $((cases * (job + 1) / jobs)) \
    | APUS_PLANTED_BUG="" worker | grep -aE '^(reached|failed|finished)' | cut -c1-4000 >"$work/clean.$job" &
done
wait
rate=$(awk -v a="$start" -v b="$EPOCHREALTIME" -v n="$cases" -v j="$jobs" 'BEGIN { printf "%.2f", 2 * n / j / (b - a) }')
cat "$work"/clean.* >"$work/clean"
if (($(grep -c '^finished' "$work/clean") != jobs)); then
  echo "a worker has ended without a bug: seed $seed" >&2
  exit 1
fi
if grep -aq '^failed' "$work/clean"; then
  echo "cases fail without a bug: seed $seed" >&2
  grep -a '^failed' "$work/clean" | cut -c1-300 >&2
  exit 1
fi
echo "$cases cases from seed $seed without a failure, $rate a second with two workers"

# The cases that reach a bug's site. What is decided once in a process is decided in its first case: all count then.
reaching() {
  awk -F'\t' -v bug="$1" -v jobs="$jobs" -v cases="$cases" '
    $1 == "reached" { for (i = 3; i <= NF; i++) if ($i == bug) { list[++n] = $2; break } }
    END { if (n <= jobs) { for (i = 0; i < cases; i++) print i } else for (i = 1; i <= n; i++) print list[i] }' "$work/clean"
}

survey() {
  local bug=$1 found ops=""
  # The worker says what it is at before it does it: what ends it is found in the case it said last.
  found=$(reaching "$bug" | awk '{ printf "run\t%d\t%d\n", $1, $1 + 1 }' \
    | { APUS_PLANTED_BUG=$bug timeout 3600 "$apus" fuzz-worker --seed "$seed" --no-coverage "${flags[@]}" 2>/dev/null || true; } \
    | awk -F'\t' -v request="$work/$bug.request" '
        function note(failure) { sub(/^drawn\t/, "", drawn); printf "reduce\t%d\t%s\t%s\n", at, failure, drawn >request }
        $1 == "start" { at = $2; open = 1; stage = "draw" }
        $1 == "drawn" { drawn = $0 }
        $1 == "stage" { stage = $3 == "" ? $2 : $3 }
        $1 == "failed" { print $2, $4 "-" $5; note($4 "\t" $5 "\t" $6); done = 1; exit }
        $1 == "finished" { open = 0 }
        END { if (!done && open) { print at, "crash"; note("crash\t" stage "\t") } }') || true
  if [[ -n $found ]]; then
    if ((reduces)); then
      ops=$(APUS_PLANTED_BUG=$bug timeout 120 "$apus" fuzz-worker --seed "$seed" --no-coverage "${flags[@]}" \
        <"$work/$bug.request" 2>/dev/null | awk -F'\t' '$1 == "reduced" { ops = $3 } END { if (ops != "") print ", " ops " ops" }') || true
    fi
    awk -v bug="$bug" -v rate="$rate" -v ops="$ops" '{ printf "%s %.1f case %s%s\n", bug, ($1 + 1) / rate, $0, ops }' <<<"$found"
  else
    echo "$bug not found, reached by $(reaching "$bug" | wc -l)"
  fi | tee "$work/$bug.result"
}

for bug in "${bugs[@]}"; do
  while (($(jobs -rp | wc -l) >= jobs)); do sleep 0.1; done
  survey "$bug" &
done
wait

cat "$work"/*.result | awk '$2 != "not" { print $2 }' | sort -n >"$work/times"
count=$(wc -l <"$work/times")
median=$(awk '{ t[NR] = $1 } END { if (NR) print t[int((NR + 1) / 2)]; else print "-" }' "$work/times")
ops=$(sed -n 's/.*, \([0-9]*\) ops$/\1/p' "$work"/*.result | sort -n \
  | awk '{ t[NR] = $1 } END { if (NR) print "; median " t[int((NR + 1) / 2)] " ops left of " NR " cases" }')
echo "$count of ${#bugs[@]} found within $(awk -v n="$cases" -v r="$rate" 'BEGIN { printf "%.0f", n / r }') s; median $median s of those found$ops"
