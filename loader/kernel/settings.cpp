// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/settings.h"

#include "encode/table.h"
#include "kernel/opened_table.h"

namespace xlvs::kernel {

Status set_settings(const std::vector<std::string>& assignments) {
  std::vector<encode::Setting> wanted;
  for (const std::string& word : assignments) {
    auto setting = encode::parse_setting(word);
    if (!setting) return setting.error();
    wanted.push_back(*std::move(setting));
  }
  const auto opened = OpenedTable::open();
  if (!opened) return opened.error();
  return encode::Table((*opened)->memory(), **opened).set_settings(wanted);
}

Result<std::vector<std::string>> get_settings(const std::vector<std::string>& names) {
  std::vector<std::string> wanted, lines;
  for (const std::string& word : names) {
    auto name = encode::setting_name(word);
    if (!name) return name.error();
    wanted.push_back(*std::move(name));
  }
  const auto opened = OpenedTable::open();
  if (!opened) return opened.error();
  const auto settings = encode::Table((*opened)->memory(), **opened).settings();
  if (!settings) return settings.error();
  if (wanted.empty())
    for (const encode::Setting& s : *settings) lines.push_back(s.name + "=" + std::to_string(s.value));
  for (const std::string& name : wanted)
    for (const encode::Setting& s : *settings)
      if (s.name == name) lines.push_back(std::to_string(s.value));
  return lines;
}

}  // namespace xlvs::kernel
