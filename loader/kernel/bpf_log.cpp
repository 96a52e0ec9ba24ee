// SPDX-License-Identifier: GPL-2.0-or-later
// Catches libbpf's warnings and finds in them what the kernel said.
#include "kernel/bpf_log.h"

#include <bpf/libbpf.h>

#include <cassert>
#include <cstdarg>
#include <cstdio>

namespace xlvs::kernel {
namespace {

std::string collected;
libbpf_print_fn_t before = nullptr;
bool active = false;

int collect(libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG) return 0;
  char small[1024];
  va_list again;
  va_copy(again, args);
  const int length = std::vsnprintf(small, sizeof small, format, args);
  if (length >= 0 && static_cast<std::size_t>(length) < sizeof small) {
    collected.append(small, static_cast<std::size_t>(length));
  } else if (length > 0) {
    std::string big(static_cast<std::size_t>(length) + 1, '\0');
    std::vsnprintf(big.data(), big.size(), format, again);
    collected.append(big, 0, static_cast<std::size_t>(length));
  }
  va_end(again);
  return length;
}

}  // namespace

BpfLog::BpfLog() {
  assert(!active);
  active = true;
  collected.clear();
  before = ::libbpf_set_print(collect);
}

BpfLog::~BpfLog() {
  ::libbpf_set_print(before);
  active = false;
}

const std::string& BpfLog::text() const { return collected; }

std::string kernel_message_in(const std::string& text) {
  // libbpf/src/nlattr.c prints the extended acknowledgement under this heading.
  static const std::string kHeading = "Kernel error message: ";
  const auto at = text.rfind(kHeading);
  if (at == std::string::npos) return "";
  const auto begin = at + kHeading.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string verifier_log_in(const std::string& text, unsigned lines) {
  static const std::string kBegin = "-- BEGIN PROG LOAD LOG --\n";
  static const std::string kEnd = "-- END PROG LOAD LOG --";
  auto begin = text.rfind(kBegin);
  if (begin == std::string::npos) return "";
  begin += kBegin.size();
  const auto end = text.find(kEnd, begin);
  const std::string log = text.substr(begin, end == std::string::npos ? end : end - begin);
  std::size_t from = log.size();
  for (unsigned n = 0; n <= lines && from != std::string::npos && from > 0; ++n)
    from = log.rfind('\n', from - 1);
  return from == std::string::npos ? log : log.substr(from + 1);
}

}  // namespace xlvs::kernel
