#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: http.sh dr|ipip|nat 4|6 1|2: real HTTP requests are all answered, in the shares that the scheduler says.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2 arms=$3

# sixty PORT SCHEDULER SHARES WEIGHT...: 60 connections, one after the other, through a service of their own
sixty() {
	local port=$1 scheduler=$2 expected=$3 line
	shift 3
	add_service "$method" "$family" -t "$port" "$scheduler" "$@"
	line=$(traffic http "$(vip "$family")" "$port" --requests 60 --first-port $((20000 + port * 100)) || true)
	equal "$scheduler $*: answered" 60 "$(value "$line" answered)"
	equal "$scheduler $*: shares" "$expected" "$(shares "$line")"
	equal "$scheduler $*: active and inactive connections" 60 "$(connections_now "$family" -t "$port")"
}

attached --arms "$arms"
serve_http
sixty 80 rr '20 20 20' 1 1 1
sixty 81 wrr '30 20 10' 3 2 1
sixty 82 wrr '40 20 0' 2 1 0
sixty 83 wlc '20 20 20' 1 1 1
sixty 84 wlc '30 20 10' 3 2 1
counted 'connections counted' '20 20 20' "$family" -t 80
finish
