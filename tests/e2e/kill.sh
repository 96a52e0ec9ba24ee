#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: kill.sh dr|ipip|nat 4|6: ipvsadm killed at any moment leaves the old or the new table, and no request unanswered.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2
rounds=150
[[ ! ${XLVS_LONG:-} ]] || rounds=3000

# The table as rules, without what the killed commands may change
rules() { director ipvsadm -Sn | sed 's/ -w [0-9]*$//' | sort; }

# One command, killed after a random part of the time that it takes
killed() {
	director_exec ipvsadm "$@" 2>/dev/null &
	local pid=$!
	sleep "0.00$((RANDOM % 10))$((RANDOM % 10))"
	kill -KILL "$pid" 2>/dev/null || finished=$((finished + 1))
	wait "$pid" 2>/dev/null || true
}

attached --arms 2
serve_http
add_service "$method" "$family" -t 80 wrr
before=$(rules)
traffic_starts "$NET_DIR/requests" http "$(vip "$family")" 80 --until "$NET_DIR/stop" --threads 2
finished=0 inconsistent=0
for ((i = 0; i < rounds; i++)); do
	n=$((i % NET_SERVERS + 1))
	killed -e -t "$(service "$family" 80)" -r "$(real "$method" "$family" $n 80)" "$(method_option "$method")" -w $((i % 5 + 1))
	((i % 10)) || [[ $(rules) == "$before" ]] || inconsistent=$((inconsistent + 1))
done
touch "$NET_DIR/stop"
line=$(traffic_ends "$NET_DIR/requests")

echo "$((rounds - finished)) of $rounds commands were killed, $finished had finished"
at_least 'commands killed' $((rounds / 5)) $((rounds - finished))
equal 'tables that were neither old nor new' 0 "$inconsistent"
at_least 'requests' 50 "$(value "$line" asked)"
equal 'requests answered' "$(value "$line" asked)" "$(value "$line" answered)"
check 'the next edit works' director ipvsadm -e -t "$(service "$family" 80)" -r "$(real "$method" "$family" 1 80)" "$(method_option "$method")" -w 9
equal 'and is seen' 1 "$(director ipvsadm -Sn | grep -c -- '-w 9$')"
finish
