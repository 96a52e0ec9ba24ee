#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: udp.sh dr|ipip|nat 4|6 1|2: UDP flows are spread over the real servers, and each stays with its own.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2 arms=$3

attached --arms "$arms"
serve_traffic
add_service "$method" "$family" -u 9000 rr

line=$(traffic udp "$(vip "$family")" 9000 --requests 300 || true)
equal '300 flows of one datagram: answered' 300 "$(value "$line" answered)"
equal '300 flows of one datagram: shares' '100 100 100' "$(shares "$line")"
line=$(traffic udp "$(vip "$family")" 9000 --requests 300 --flows 3 --first-port 20000 || true)
equal '3 flows of 100 datagrams: answered' 300 "$(value "$line" answered)"
equal '3 flows of 100 datagrams: shares' '100 100 100' "$(shares "$line")"
counted 'connections counted' '101 101 101' "$family" -u 9000
finish
