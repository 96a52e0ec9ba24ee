#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: http.sh dr|ipip|nat 4|6 1|2: real HTTP requests are all answered, in the shares that the scheduler says.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2 arms=$3

# requests: 60 connections one after the other; sets LINE
requests() { LINE=$(traffic http "$(vip "$family")" 80 --requests 60 || true); }

# weighted EXPECTED SCHEDULER WEIGHTS...: the shares of 60 requests with other settings
weighted() {
	local expected=$1 scheduler=$2
	shift 2
	director ipvsadm -D -t "$(service "$family" 80)"
	add_service "$method" "$family" -t 80 "$scheduler" "$@"
	requests
	equal "$scheduler $*: answered" 60 "$(value "$LINE" answered)"
	equal "$scheduler $*: shares" "$expected" "$(shares "$LINE")"
}

attached --arms "$arms"
serve_http
add_service "$method" "$family" -t 80 rr
requests
equal 'rr: answered' 60 "$(value "$LINE" answered)"
equal 'rr: shares' '20 20 20' "$(shares "$LINE")"
equal 'rr: connections counted' '20 20 20' "$(conns_counted "$family" -t 80)"
equal 'rr: active and inactive connections' 60 "$(connections_now "$family" -t 80)"

weighted '30 20 10' wrr 3 2 1
weighted '40 20 0' wrr 2 1 0
director ipvsadm -D -t "$(service "$family" 80)"
add_service "$method" "$family" -t 80 wlc 1 1 1
requests
equal 'wlc: answered' 60 "$(value "$LINE" answered)"
equal 'wlc: answered by every server' 3 "$(shares "$LINE" | tr ' ' '\n' | grep -c '[1-9]')"
finish
