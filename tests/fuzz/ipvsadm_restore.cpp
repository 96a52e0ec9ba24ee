// SPDX-License-Identifier: GPL-2.0-or-later
// Restore files, merged into a table that has something in it, then replacing it.
#include <cstddef>
#include <cstdint>

#include "ipvsadm_session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  xlvs::fuzz::IpvsadmSession ipvsadm;
  ipvsadm.print({"ipvsadm", "-A", "-t", "192.0.2.1:80"});
  xlvs::ipvsadm::TextInput merged(text);
  restore(merged, "ipvsadm", xlvs::backend::Backend::Batch::kMerge, ipvsadm.session());
  ipvsadm.check_round_trip();
  xlvs::ipvsadm::TextInput replacing(xlvs::ipvsadm::without_comments(text));
  restore(replacing, "ipvsadm", xlvs::backend::Backend::Batch::kReplace, ipvsadm.session());
  ipvsadm.check_round_trip();
  return 0;
}
