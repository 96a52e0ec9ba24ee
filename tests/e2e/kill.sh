#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: kill.sh dr|ipip|nat 4|6: ipvsadm killed at any moment leaves the old or the new table, and no request unanswered.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2
rounds=100
[[ ! ${XLVS_LONG:-} ]] || rounds=3000

# The weights of the real servers: "3 1 1"; anything but three servers of one service is no table of ours
weights() {
	director ipvsadm -Sn | sort | awk -v method="$(method_option "$method")" '
		$1 == "-a" && $6 == method { out = out sep $8; sep = " "; next }
		$1 != "-A" { out = out sep "?" $0 }
		END { print out }'
}

edit() { # N WEIGHT, run by the first argument
	"$1" ipvsadm -e -t "$(service "$family" 80)" -r "$(real "$method" "$family" "$2" 80)" "$(method_option "$method")" -w "$3"
}

# How long an edit takes here, microseconds
edit_time() {
	local from=${EPOCHREALTIME/./} i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		edit director 1 "$i"
	done
	echo $(((${EPOCHREALTIME/./} - from) / 10))
}

# One edit, killed at a random moment of the time that it takes
killed() {
	edit director_exec "$@" 2>/dev/null &
	local pid=$!
	sleep "$(printf '0.%06d' $((RANDOM * 2 % (time_us * 3 / 2))))"
	kill -KILL "$pid" 2>/dev/null || finished=$((finished + 1))
	wait "$pid" 2>/dev/null || true
}

attached --arms 2
serve_http
add_service "$method" "$family" -t 80 wrr
traffic_starts "$NET_DIR/requests" http "$(vip "$family")" 80 --until "$NET_DIR/stop" --threads 2
time_us=$(edit_time)
finished=0 inconsistent=0
read -ra is <<<"$(weights)"
for ((i = 0; i < rounds; i++)); do
	n=$((i % NET_SERVERS)) weight=$((i % 5 + 1))
	next=("${is[@]}")
	next[n]=$weight
	killed $((n + 1)) $weight
	now=$(weights)
	if [[ $now != "${is[*]}" && $now != "${next[*]}" ]]; then
		echo "neither '${is[*]}' nor '${next[*]}': '$now'"
		inconsistent=$((inconsistent + 1))
	fi
	read -ra is <<<"$now"
done
touch "$NET_DIR/stop"
traffic_ends "$NET_DIR/requests"
line=$LINE

echo "an edit takes $time_us us; $((rounds - finished)) of $rounds were killed, $finished had finished"
at_least 'edits killed' $((rounds / 5)) $((rounds - finished))
at_least 'edits that finished' $((rounds / 20)) "$finished"
equal 'tables that were neither old nor new' 0 "$inconsistent"
at_least 'requests' 50 "$(value "$line" asked)"
equal 'requests answered' "$(value "$line" asked)" "$(value "$line" answered)"
check 'the next edit works' edit director 1 9
equal 'and is seen' 9 "$(weights | cut -d ' ' -f 1)"
finish
