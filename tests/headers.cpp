// SPDX-License-Identifier: GPL-2.0-or-later
// Nothing: the target that the precompiled headers of the tests belong to must have a source.
