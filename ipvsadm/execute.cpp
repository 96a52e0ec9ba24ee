// SPDX-License-Identifier: GPL-2.0-or-later
// Commands on an engine. An engine's error becomes the words that ipvsadm has for that operation and errno.
#include "execute.h"

#include <cerrno>
#include <cstring>

#include "format.h"

namespace xlvs::ipvsadm {
namespace {

int errno_of(const Error& error) {
  switch (error.code) {
    case Errc::kInvalidArgument:
      return EINVAL;
    case Errc::kRange:
      return ERANGE;
    case Errc::kNotFound:
      return ENOENT;
    case Errc::kNoService:
      return ESRCH;
    case Errc::kExists:
      return EEXIST;
    case Errc::kNoSpace:
      return ENOMEM;
    case Errc::kPermission:
      return EPERM;
    case Errc::kUnsupported:
      return error.sys != 0 ? error.sys : ENOPROTOOPT;
    case Errc::kNoProtocol:
      return ENOPROTOOPT;
    case Errc::kFamily:
      return EAFNOSUPPORT;
    case Errc::kSystem:
      break;
  }
  return error.sys != 0 ? error.sys : EIO;
}

void put(std::FILE* stream, const std::string& text) { std::fwrite(text.data(), 1, text.size(), stream); }

Outcome refused(Session& session, const std::string& text, int status) {
  put(session.error, text + "\n");
  return {status, status == kListingFailed};
}

Outcome done(Session& session, Command command, const Status& status) {
  if (status) return {};
  return refused(session, failure_text(command, status.error()) + hint_text(status.error()), kFailed);
}

Outcome list_service(const model::Service& service, const Style& style, Session& session) {
  auto servers = session.backend.servers(service.key);
  if (!servers) return refused(session, failure_text(Command::kList, servers.error()), kListingFailed);
  if (style.sorted) sort_servers(*servers);
  put(session.out, service_line(service, style, session.names));
  for (const model::Server& server : *servers)
    put(session.out, server_line(service, server, style, session.names));
  return {};
}

Outcome list_services(const Style& style, Session& session) {
  if (style.layout != Layout::kSave) {
    const auto info = session.backend.info();
    if (!info) return refused(session, failure_text(Command::kList, info.error()), kListingFailed);
    put(session.out, engine_line(*info));
  }
  auto services = session.backend.services();
  if (!services) return refused(session, failure_text(Command::kList, services.error()), kListingFailed);
  if (style.sorted) sort_services(*services);
  put(session.out, title_lines(style.layout));
  for (const model::Service& service : *services)
    if (const Outcome outcome = list_service(service, style, session); outcome.final) return outcome;
  return {};
}

Outcome list_one(const model::ServiceKey& key, const Style& style, Session& session) {
  const auto service = session.backend.service(key);
  if (!service) return refused(session, failure_text(Command::kList, service.error()), kListingFailed);
  put(session.out, title_lines(style.layout));
  return list_service(*service, style, session);
}

Outcome list_connections(const Style& style, Session& session) {
  bool titled = false;
  const auto title = [&] {
    if (!std::exchange(titled, true)) put(session.out, connection_title(style.persistent_conn));
  };
  const Status status = session.backend.connections([&](const model::Connection& connection) {
    title();
    put(session.out, connection_line(connection, style, session.names));
  });
  if (!status) return refused(session, "cannot open file /proc/net/ip_vs_conn", kListingFailed);
  title();
  return {};
}

Outcome list_timeouts(Session& session) {
  const auto timeouts = session.backend.timeouts();
  if (!timeouts) return {kListingFailed, true};  // without a word, as ipvsadm
  put(session.out, timeout_line(*timeouts));
  return {};
}

Outcome list_daemons(Session& session) {
  const auto daemons = session.backend.daemons();
  if (!daemons) return {kListingFailed, true};
  for (const model::DaemonState state : {model::DaemonState::kMaster, model::DaemonState::kBackup})
    for (const model::Daemon& daemon : *daemons)
      if (daemon.state == state) put(session.out, daemon_line(daemon));
  return {};
}

Outcome list(const Request& request, Session& session) {
  const Style style = style_of(request);
  if (request.has(Option::kConnection)) return list_connections(style, session);
  if (request.has(Option::kService)) return list_one(request.service, style, session);
  if (request.has(Option::kTimeout)) return list_timeouts(session);
  if (request.has(Option::kDaemon)) return list_daemons(session);
  return list_services(style, session);
}

/// -Z of a service with neither address nor port means all services.
Status zero(const Request& request, backend::Backend& backend) {
  const model::ServiceKey& key = request.service;
  const bool named = key.fwmark != 0 || key.port != 0 || key.address.bytes != model::Address{}.bytes;
  return backend.zero(named ? &key : nullptr);
}

}  // namespace

bool edits_table(Command command) {
  switch (command) {
    case Command::kAddService:
    case Command::kEditService:
    case Command::kDeleteService:
    case Command::kFlush:
    case Command::kAddServer:
    case Command::kDeleteServer:
    case Command::kEditServer:
      return true;
    default:
      return false;
  }
}

std::string failure_text(Command command, const Error& error) {
  struct Words {
    Command command;
    int code;
    const char* text;
  };
  static constexpr Words kWords[] = {
      {Command::kAddService, EEXIST, "Service already exists"},
      {Command::kAddService, ENOENT, "Scheduler or persistence engine not found"},
      {Command::kEditService, ESRCH, "No such service"},
      {Command::kEditService, ENOENT, "Scheduler or persistence engine not found"},
      {Command::kDeleteService, ESRCH, "No such service"},
      {Command::kZero, ESRCH, "No such service"},
      {Command::kAddServer, ESRCH, "Service not defined"},
      {Command::kAddServer, EEXIST, "Destination already exists"},
      {Command::kEditServer, ESRCH, "Service not defined"},
      {Command::kEditServer, ENOENT, "No such destination"},
      {Command::kDeleteServer, ESRCH, "Service not defined"},
      {Command::kDeleteServer, ENOENT, "No such destination"},
      {Command::kStartDaemon, EEXIST, "Daemon has already run"},
      {Command::kStopDaemon, ESRCH, "No daemon is running"},
      {Command::kList, ESRCH, "No such service"},
      {Command::kSave, ESRCH, "No such service"},
  };
  const int code = errno_of(error);
  for (const Words& words : kWords)
    if (words.command == command && words.code == code) return words.text;
  return failure_text(error);
}

std::string failure_text(const Error& error) {
  switch (const int code = errno_of(error)) {
    case EPERM:
      return "Permission denied (you must be root)";
    case EINVAL:
      return "Invalid operation.  Possibly wrong module version, address not unicast, ...";
    case ENOPROTOOPT:
      return "Protocol not available";
    case ENOMEM:
      return "Memory allocation problem";
    case EOPNOTSUPP:
      return "Operation not supported with IPv6";
    case EAFNOSUPPORT:
      return "Operation not supported with specified address family";
    case EMSGSIZE:
      return "Module is wrong version";
    default:
      return std::strerror(code);
  }
}

std::string hint_text(const Error& error) {
  const bool cannot = error.code == Errc::kUnsupported && error.sys != EOPNOTSUPP;
  const bool full = error.code == Errc::kNoSpace && error.sys == 0;
  return cannot || full ? "\nxlvs: " + error.what : std::string();
}

Outcome execute(const Request& request, Session& session) {
  backend::Backend& backend = session.backend;
  const model::ServiceKey& service = request.service;
  const auto finish = [&](const Status& status) { return done(session, request.command, status); };
  switch (request.command) {
    case Command::kAddService:
      return finish(backend.add_service(service, request.service_config));
    case Command::kEditService:
      return finish(backend.edit_service(service, request.service_config));
    case Command::kDeleteService:
      return finish(backend.delete_service(service));
    case Command::kFlush:
      return finish(backend.flush());
    case Command::kZero:
      return finish(zero(request, backend));
    case Command::kAddServer:
      return finish(backend.add_server(service, request.server, request.server_config));
    case Command::kEditServer:
      return finish(backend.edit_server(service, request.server, request.server_config));
    case Command::kDeleteServer:
      return finish(backend.delete_server(service, request.server));
    case Command::kSet:
      return finish(backend.set_timeouts(request.timeouts));
    case Command::kStartDaemon:
      return finish(backend.start_daemon(request.daemon));
    case Command::kStopDaemon:
      return finish(backend.stop_daemon(request.daemon.state, request.daemon.sync_id));
    case Command::kList:
      return list(request, session);
    case Command::kSave:
      return list_services(style_of(request), session);
    case Command::kRestore:
    case Command::kCount:
      break;
  }
  assert(false && "a restore is not one engine call");
  return {kFailed, true};
}

}  // namespace xlvs::ipvsadm
