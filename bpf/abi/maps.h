/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of the maps, as pinned and as bpftool shows them. */
#ifndef XLVS_ABI_MAPS_H
#define XLVS_ABI_MAPS_H

/* X(name): all maps of a table; bpf/maps.h says what each holds. */
#define XLVS_MAPS(X)      \
	X(xlvs_control)   \
	X(xlvs_ports)     \
	X(xlvs_filter)    \
	X(xlvs_svc_index) \
	X(xlvs_services)  \
	X(xlvs_arena)     \
	X(xlvs_servers)   \
	X(xlvs_loads)     \
	X(xlvs_changes)   \
	X(xlvs_lines)     \
	X(xlvs_rates)     \
	X(xlvs_conns4)    \
	X(xlvs_conns6)    \
	X(xlvs_reasons)

#endif
