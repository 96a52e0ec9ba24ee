#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: edit.sh dr|ipip|nat 4|6 SCHEDULER: every request is answered while ipvsadm -e changes weights in a loop.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2 scheduler=$3
seconds=5
[[ ! ${XLVS_LONG:-} ]] || seconds=60

# shellcheck disable=SC2317 # called by wait_for
held() { (($(director ipvsadm -Ln -t "$(service "$family" 9000)" | awk '$1 == "->" && $2 ~ /[0-9]:/ { s += $5 } END { print s }') == 12)); }

attached --arms 2
serve_http
serve_traffic
add_service "$method" "$family" -t 80 "$scheduler"
add_service "$method" "$family" -t 9000 "$scheduler"
traffic hold "$(vip "$family")" 9000 --flows 12 --seconds "$seconds" >"$NET_DIR/long" 2>&1 &
long=$!
wait_for 10 held || true
traffic_starts "$NET_DIR/short" http "$(vip "$family")" 80 --seconds "$seconds" --threads 4
edits=0
while kill -0 "$TRAFFIC" 2>/dev/null; do
	n=$((edits % NET_SERVERS + 1))
	director ipvsadm -e -t "$(service "$family" 80)" -r "$(real "$method" "$family" $n 80)" "$(method_option "$method")" -w $((edits % 7 + 1))
	director ipvsadm -e -t "$(service "$family" 9000)" -r "$(real "$method" "$family" $n 9000)" "$(method_option "$method")" -w $((edits / 2 % 2))
	edits=$((edits + 2))
done
traffic_ends "$NET_DIR/short"
line=$LINE
wait "$long" || true

echo "$(value "$line" answered) of $(value "$line" asked) requests answered during $edits edits"
at_least 'edits' 10 "$edits"
at_least 'requests' 100 "$(value "$line" asked)"
equal 'requests answered' "$(value "$line" asked)" "$(value "$line" answered)"
equal 'long connections that lived through it' 12 "$(value "$(grep ^asked "$NET_DIR/long")" answered)"
finish
