#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: same_port.sh nat 4|6: one client port, two services, the same real server: the newest connection gets the replies.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2

attached --servers 1
serve_http
add_service "$method" "$family" -t 80 rr
add_service "$method" "$family" -t 81 rr
for port in 80 81 80 81; do
	line=$(traffic http "$(vip "$family")" "$port" --requests 30 --first-port 20000 --timeout 3 || true)
	equal "30 client ports to port $port: answered" 30 "$(value "$line" answered)"
done
finish
