#!/usr/bin/env bash
# How long the fuzzer takes to find each planted bug, from a seed of its own:
#
#     Tests/PlantedTests/measure.sh .build-planted/release/apus [--time SECONDS] [--seed N] [--jobs N] [--reduce] [BUG …] [-- FLAG …]
#
# Prints a line for each bug: the seconds until the first failure and its key, or "not found"; then the share found
# and the median. With --reduce the campaign goes on until the case gets no smaller, and its ops are counted. A failure counts if its case passes without the bug. FLAGs go to `apus fuzz`, to compare with a fuzzer
# that lacks something. The build must hold the bugs: APUS_PLANTED_BUGS=1.
set -euo pipefail

apus=${1:?the path of an apus that holds the planted bugs}
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
time=1800 seed=$RANDOM jobs=1 reduces=0 bugs=() flags=()
while (($#)); do
  case $1 in
    --time) time=$2; shift 2 ;;
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
trap 'rm -rf "$work"' EXIT

# The first failure in a folder that the bug is to blame for, each being asked about once. A case that took too long may
# have done so for want of a processor, so it has to do it again.
blamed() {
  local bug=$1 failures=$2 known=$3 case key
  for case in "$failures"/*/case.ir; do
    [[ -e $case ]] || continue
    key=$(basename "$(dirname "$case")")
    grep -qx "$key" "$known" 2>/dev/null && continue
    if { [[ $key != hang* ]] || ! APUS_PLANTED_BUG=$bug "$apus" fuzz "$case" >/dev/null 2>&1; } \
      && APUS_PLANTED_BUG="" "$apus" fuzz "$case" >/dev/null 2>&1; then
      echo "$key"
      return
    fi
    echo "$key" >>"$known"
  done
}

# The ops of a case, once it has not changed for as long as a candidate or a process of its own may take.
reduced_ops() {
  local folder=$1 campaign=$2 waited=0 before="" now
  while kill -0 "$campaign" 2>/dev/null && ((waited < 60)); do
    now=$(cksum <"$folder/case.ir" 2>/dev/null || true)
    if [[ $now != "$before" ]]; then before=$now; quiet=0; fi
    ((quiet += 1, waited += 1))
    ((quiet > 12)) && break
    sleep 1
  done
  sed -n 's/^ops: \([0-9]*\).*/\1/p' "$folder/case.txt"
}

# Runs one campaign until it has found the bug or its time is over.
measure() {
  local bug=$1 number=$2 failures=$work/$1.failures known=$work/$1.known
  local start=$EPOCHREALTIME found=""
  APUS_PLANTED_BUG=$bug "$apus" fuzz --seed $((seed + number)) --time "${time}s" --workers 1 --json \
    --output "$failures" "${flags[@]}" >"$work/$bug.json" 2>"$work/$bug.err" &
  local campaign=$!
  while kill -0 "$campaign" 2>/dev/null; do
    found=$(blamed "$bug" "$failures" "$known")
    [[ -n $found ]] && break
    sleep 0.2
  done
  local seconds
  seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  local ops="" quiet=0
  if [[ -n $found ]] && ((reduces)); then ops=$(reduced_ops "$failures/$found" "$campaign"); fi
  kill "$campaign" 2>/dev/null || true
  wait "$campaign" 2>/dev/null || true
  [[ -z $found ]] && found=$(blamed "$bug" "$failures" "$known")
  if [[ -n $found ]]; then echo "$bug $seconds $found $ops"; else echo "$bug not found"; fi | tee "$work/$bug.result"
}

number=0
for bug in "${bugs[@]}"; do
  while (($(jobs -rp | wc -l) >= jobs)); do sleep 0.2; done
  measure "$bug" "$number" &
  number=$((number + 1))
done
wait

cat "$work"/*.result | awk '$2 != "not" { print $2 }' | sort -n >"$work/times"
count=$(wc -l <"$work/times")
median=$(awk '{ t[NR] = $1 } END { if (NR) print t[int((NR + 1) / 2)]; else print "-" }' "$work/times")
cat "$work"/*.result | awk '$2 != "not" && NF > 3 { print $4 }' | sort -n >"$work/ops"
ops=$(awk '{ t[NR] = $1 } END { if (NR) print "; median " t[int((NR + 1) / 2)] " ops left of " NR " cases" }' "$work/ops")
echo "$count of ${#bugs[@]} found within $time s each from seed $seed; median $median s of those found$ops"
