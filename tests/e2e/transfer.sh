#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: transfer.sh dr|ipip|nat 4|6 1|2: 50 MB arrive unchanged in both directions.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2 arms=$3

attached --arms "$arms"
serve_http
serve_traffic
head -c 50000000 /dev/urandom >"$NET_DIR/files/blob"
add_service "$method" "$family" -t 80 rr
add_service "$method" "$family" -t 9100 rr

want=$(sha256sum <"$NET_DIR/files/blob")
got=$(in_client curl -sS --max-time 60 "http://$(service "$family" 80)/files/blob" | sha256sum)
equal 'digest of 50 MB from a real server' "$want" "$got"
check 'digest of 50 MB to a real server' traffic upload "$(vip "$family")" 9100 --bytes 50000000
finish
