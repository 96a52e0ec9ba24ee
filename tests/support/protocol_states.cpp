// SPDX-License-Identifier: GPL-2.0-or-later
// The state tables, as text.
#include "support/protocol_states.h"

#include <array>
#include <map>
#include <sstream>

#include "support/packet.h"

namespace xlvs::support {
namespace {

// The tables of the kernel's include/net/ip_vs.h and ip_vs_proto_tcp.c as text, one row an event.
constexpr const char* kStates = "NO ES SS SR FW TW CL CW LA LI SA";
constexpr const char* kTables[3][4] = {
    {"SR ES ES SR SR SR SR SR SR SR SR", "CL CW SS TW TW TW CL CW LA LI TW",
     "ES ES SS ES FW TW CL CW CL LI ES", "CL CL CL SR CL CL CL CL LA LI SR"},
    {"SS ES SS SR SS SS SS SS SS LI SR", "TW FW SS TW FW TW CL TW LA LI TW",
     "ES ES SS ES FW TW CL CW LA ES ES", "CL CL SS CL CL TW CL CL CL CL CL"},
    {"SR ES ES SR SR SR SR SR SR SR SR", "CL FW SS TW FW TW CL CW LA LI TW",
     "ES ES SS ES FW TW CL CW CL LI ES", "CL CL CL SR CL CL CL CL LA LI CL"}};

// SCTP's, as read off the running kernel (tests/oracle/sctp-states-*): by chunk type.
constexpr const char* kSctpStates = "NON IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO";
const std::map<int, std::array<const char*, 3>> kSctpTables{
    {kData,
     {"EST IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO", "NON IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO",
      "EST IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO"}},
    {kInit,
     {"IN1 INI INI CKS CKR CKW COO CKE EST SHS SHR SHA INI INI", "NON CKW CKW CKW CKW CKW CKW CKW EST CKW CKW CKW CKW CKW",
      "IN1 INI INI CKS CKR CKW COO CKE EST SHS SHR SHA INI INI"}},
    {kInitAck,
     {"CKW CKW CKW CKS CKR COO COO CKE EST SHS SHR SHA REJ CLO", "NON CKS CKS CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO",
      "CKE CKE CKE CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO"}},
    {kCookieEcho,
     {"CKR INI INI CKR CKR CKW COO CKE EST SHS SHR SHA REJ CLO", "NON CKE CKE CKE CKE CKE CKE CKE EST SHS SHR SHA REJ CLO",
      "EST EST EST CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO"}},
    {kCookieAck,
     {"EST IN1 INI CKS CKR CKW COO EST EST SHS SHR SHA REJ CLO", "NON EST EST EST EST EST EST EST EST SHS SHR SHA REJ CLO",
      "EST IN1 INI CKS CKR CKW COO EST EST SHS SHR SHA REJ CLO"}},
    {kShutdown,
     {"SHR IN1 INI CKS CKR CKW COO CKE SHR SHS SHR SHA REJ CLO", "NON SHS SHS SHS SHS SHS SHS SHS SHS SHS SHR SHA REJ CLO",
      "SHR IN1 INI CKS CKR CKW COO CKE SHR SHS SHR SHA REJ CLO"}},
    {kShutdownAck,
     {"CLO INI INI CKS CKR CKW COO CKE EST CLO SHR CLO REJ CLO", "NON SHA SHA SHA SHA CKW COO CKE EST SHA SHA SHA REJ CLO",
      "CLO INI INI CKS CKR CKW COO CKE CLO SHS SHR SHA REJ CLO"}},
    {kShutdownComplete,
     {"CLO CLO CLO CKS CKR CKW COO CKE EST SHS SHR CLO REJ CLO", "NON IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO",
      "CLO CLO CLO CKS CKR CKW COO CKE EST SHS CLO SHA REJ CLO"}},
    {kError,
     {"CLO IN1 INI CKS CKR CKW COO CLO EST SHS SHR SHA REJ CLO", "NON CLO CLO CLO CLO CKW COO CKE EST SHS SHR SHA REJ CLO",
      "CLO IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO"}},
    {kAbort,
     {"CLO CLO CLO CLO CLO REJ CLO CLO CLO CLO CLO CLO CLO CLO", "NON REJ CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO",
      "CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO"}}};

/// The element of `to` that stands where `state` stands in `from`.
std::string across(const char* from, const char* to, const std::string& state) {
  std::istringstream f(from), t(to);
  std::string a, b;
  while (f >> a && t >> b)
    if (a == state) return b;
  return "";
}

}  // namespace

std::string next_sctp_state(int table, int first, int second, const std::string& state) {
  if (first < 0) return state;
  const bool cookie = first == kCookieEcho || first == kCookieAck;
  const auto row = kSctpTables.find(cookie && second == kAbort ? kAbort : first);
  return across(kSctpStates, (row == kSctpTables.end() ? kSctpTables.at(kData) : row->second)[static_cast<std::size_t>(table)],
                state);
}

std::string next_tcp_state(int table, std::uint8_t flags, const std::string& state) {
  const int event = flags & kRst ? 3 : flags & kSyn ? 0 : flags & kFin ? 1 : flags & kAck ? 2 : -1;
  if (event < 0) return "CL";
  return across(kStates, kTables[table][event], state);
}

}  // namespace xlvs::support
