#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: neighbour.sh dr|ipip|nat 4|6 1|2: the first packet to a next hop whose address is unknown is not lost.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2 arms=$3

# retransmitted: SYNs and segments that the client had to send again, ever
retransmitted() { in_client nstat -asz TcpRetransSegs 2>/dev/null | awk '/TcpRetransSegs/ { print $2 }'; }

attached --arms "$arms"
serve_http
add_service "$method" "$family" -t 80 rr
for round in 1 2 3; do
	in_director ip -4 neigh flush all 2>/dev/null
	in_director ip -6 neigh flush all 2>/dev/null
	# no neighbour of the director may be known, or this shows nothing
	equal "round $round: neighbours known" 0 "$(in_director ip neigh show nud reachable nud stale nud delay nud probe | wc -l)"
	line=$(traffic http "$(vip "$family")" 80 --requests 3 || true)
	equal "round $round: one request to each server, answered" '1 1 1' "$(shares "$line")"
	check "round $round: the slowest took $(value "$line" slowest_ms) ms, less than a retransmission's second" \
		test "$(value "$line" slowest_ms)" -lt 900
	equal "round $round: segments retransmitted" 0 "$(retransmitted)"
done
finish
