# SPDX-License-Identifier: GPL-2.0-or-later
"""The kinds of random scenarios that `generate` writes."""
