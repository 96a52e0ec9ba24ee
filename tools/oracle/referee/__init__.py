# SPDX-License-Identifier: GPL-2.0-or-later
"""The referee: the same scenario on kernel IPVS and on xlvs, and the comparison of what happened."""
