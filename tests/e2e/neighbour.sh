#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: neighbour.sh dr|ipip|nat 4|6 1|2: the first packet to a next hop whose address is unknown is not lost.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2 arms=$3

# retransmitted: SYNs and segments that the client had to send again, ever
retransmitted() { in_client nstat -asz TcpRetransSegs 2>/dev/null | awk '/TcpRetransSegs/ { print $2 }'; }

# next_hops_known: of the addresses that packets go to; servers may ask the director for its own at any time
next_hops_known() {
	in_director ip neigh show nud reachable nud stale nud delay nud probe |
		awk '$1 !~ /^fe80/ { print $1 }' | tr '\n' ' '
}
forget() {
	in_director ip -4 neigh flush all
	in_director ip -6 neigh flush all
	[[ ! $(next_hops_known) ]]
}

attached --arms "$arms"
serve_http
add_service "$method" "$family" -t 80 rr
for round in 1 2 3; do
	check "round $round: the director knows no neighbour" wait_for 5 forget
	line=$(traffic http "$(vip "$family")" 80 --requests 3 || true)
	equal "round $round: one request to each server, answered" '1 1 1' "$(shares "$line")"
	check "round $round: the slowest took $(value "$line" slowest_ms) ms, less than a retransmission's second" \
		test "$(value "$line" slowest_ms)" -lt 900
	equal "round $round: segments retransmitted" 0 "$(retransmitted)"
done
counted 'connections' '3 3 3' "$family" -t 80
finish
