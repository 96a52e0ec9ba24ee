#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: list.sh: ipvsadm -Lnc of a million connections takes seconds of CPU, and no more memory than of a thousand.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
MANY=1000000 FEW=1000

# listing OPTION...: lines, milliseconds by the clock and of CPU, and the most memory of its own (not the mapped table) that the
# command had
listing() {
	director python3 - ipvsadm "$@" <<-'END'
		import re, resource, subprocess, sys, time
		start = time.monotonic()
		command = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
		lines = own_kb = 0
		while chunk := command.stdout.read(1 << 16):
		    lines += chunk.count(b"\n")
		    with open(f"/proc/{command.pid}/status") as status:
		        own = re.search(r"RssAnon:\s+(\d+)", status.read())  # none when it has ended
		    own_kb = max(own_kb, int(own[1]) if own else 0)
		command.wait()
		used = resource.getrusage(resource.RUSAGE_CHILDREN)
		cpu = (used.ru_utime + used.ru_stime) * 1000
		print(f"lines={lines} ms={(time.monotonic() - start) * 1000:.0f} cpu_ms={cpu:.0f} own_kb={own_kb} status={command.returncode}")
	END
}
fill() { # COUNT
	local program
	program=$(director xlvs status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["interfaces"][0]["program_id"])')
	in_director "$XLVS_BUILD/tests/packet/xlvs-test-fill" eth0 "$program" $VIP4 9000 "$1"
}

[[ -x $XLVS_BUILD/tests/packet/xlvs-test-fill ]] || net_skip "needs xlvs-test-fill in $XLVS_BUILD"
ATTACH_SIZES=(--conns $MANY --conns6 1024)
attached --arms 2
add_service dr 4 -u 9000 rr
fill $FEW
few=$(listing -Lnc)
fill $MANY
many=$(listing -Lnc)
echo "$FEW: $few"
echo "$MANY: $many"
# a flow in some thousands finds its eight places taken and goes by hash
at_least 'connections listed' $((MANY * 99 / 100)) $(($(value "$many" lines) - 2))
equal 'status' 0 "$(value "$many" status)"
at_least 'milliseconds of CPU to spare of 10,000' 0 $((10000 - $(value "$many" cpu_ms)))
at_least 'kB to spare of what the short listing had, and 256' 0 $(($(value "$few" own_kb) + 256 - $(value "$many" own_kb)))
equal 'counted as well' "$(($(value "$many" lines) - 2))" "$(connections_now 4 -u 9000)"
finish
