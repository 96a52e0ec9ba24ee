#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: alone.sh dr|ipip|nat 4|6: with no process running connections expire and the counts return to zero.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2

[[ $method != nat || ${XLVS_LONG:-} ]] || net_skip 'TIME_WAIT under NAT lasts two minutes and cannot be shortened (--long)'
[[ $method != nat ]] || XLVS_EXPIRY=140
attached --arms 2
serve_http
serve_traffic
director ipvsadm --set 2 2 2 || net_skip "ipvsadm --set is not there, and the default timeouts take minutes"
add_service "$method" "$family" -t 80 rr
add_service "$method" "$family" -t 9000 rr
add_service "$method" "$family" -u 9000 rr
check 'HTTP requests' traffic http "$(vip "$family")" 80 --requests 60
check 'datagrams' traffic udp "$(vip "$family")" 9000 --requests 60
traffic hold "$(vip "$family")" 9000 --flows 6 --seconds 5 >/dev/null &
held=$!
# shellcheck disable=SC2317 # called by wait_for
six_active() { (($(director ipvsadm -Ln -t "$(service "$family" 9000)" | awk '$1 == "->" && $2 ~ /[0-9]:/ { s += $5 } END { print s }') == 6)); }
check '6 open connections are counted as active' wait_for 10 six_active
wait "$held"
equal 'processes on the director' '' "$(ip netns pids "$NET_PREFIX-director")"
# shellcheck disable=SC2317 # called by wait_for
all_zero() { [[ $(connections_now "$family" -t 80) == 0 && $(connections_now "$family" -t 9000) == 0 && $(connections_now "$family" -u 9000) == 0 ]]; }
check "counts are zero (waited up to ${XLVS_EXPIRY:-20} s)" wait_for "${XLVS_EXPIRY:-20}" all_zero
equal 'connections listed' 0 "$(director ipvsadm -Lnc | grep -c '^TCP\|^UDP' || true)"
finish
