// SPDX-License-Identifier: GPL-2.0-or-later
// Argument vectors: words are separated by newlines, commands by empty lines.
#include <cstddef>
#include <cstdint>

#include "ipvsadm_session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xlvs::fuzz::IpvsadmSession ipvsadm;
  std::vector<std::string> args{"ipvsadm"};
  std::string word;
  for (std::size_t i = 0; i <= size; ++i) {
    if (i < size && data[i] != '\n') {
      if (data[i] != 0) word += static_cast<char>(data[i]);  // no argument holds a zero byte
      continue;
    }
    const bool ends = word.empty() || i == size;
    if (!word.empty()) args.push_back(word);
    word.clear();
    if (!ends) continue;
    ipvsadm.print(args);
    args.resize(1);
  }
  ipvsadm.check_round_trip();
  return 0;
}
