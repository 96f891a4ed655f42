// server_settings.cc: what a server tells of its session's settings, asked or not.
#include "protocol/decode.h"
#include "proxy/client.h"
#include "proxy/server.h"
#include "proxy/worker.h"

namespace weir::proxy {

void Server::learn(const Parameters& parameters) {
  protocol::Values values(worker_.commons.tracked.size());
  for (const auto& [name, value] : parameters) {
    if (const auto tracked = worker_.commons.tracked.index(name)) values[*tracked] = value;
    note_identity(name, value);
  }
  settings = own_settings = worker_.settings.intern(std::move(values));
  login_identity_ = identity_;
}

void Server::note_identity(std::string_view name, std::string_view value) {
  if (name == "session_authorization") identity_.user = value;
  if (name == "is_superuser") identity_.is_superuser = value;
}

bool Server::gone_back(const Client& of, std::size_t index) const {
  const auto& value = settings.value(index);
  const auto& startup = of.startup.value(index);
  return value && startup && value == own_settings.value(index) && startup != value;
}

std::optional<Fault> Server::note_status(Bytes body) {
  const auto parsed = protocol::parse_parameter_status(body);
  if (!parsed) return parsed.error();
  note_identity(parsed->name, parsed->value);
  const auto& tracked = worker_.commons.tracked;
  const auto index = tracked.index(parsed->name);
  if (!index) return std::nullopt;
  settings = worker_.settings.with(settings, tracked, *index, parsed->value);
  Client* const of = linked();
  if (of == nullptr || dropping_) return std::nullopt;
  if (gone_back(*of, *index)) {  // The client hears of it once it is known what holds.
    went_back = dropping_ = true;
    return std::nullopt;
  }
  of->settings = worker_.settings.with(of->settings, tracked, *index, parsed->value);
  const bool own = own_settings.value(*index) == parsed->value && !of->startup.value(*index);
  own ? of->touched &= ~protocol::bit_of(*index) : of->touched |= protocol::bit_of(*index);
  return std::nullopt;
}

bool Server::wants_tags() const {
  if (client == nullptr) return bool{extras};
  return !own_ && (linked()->startup || linked()->extras);
}

// RESET and DISCARD ALL go back to the server's own values.
void Server::note_tag(Bytes body) {
  const std::string_view tag = as_text(body);
  if (tag != std::string_view{"RESET\0", 6} && tag != std::string_view{"DISCARD ALL\0", 12}) return;
  if (client == nullptr) {
    extras_sure = false;
  } else {
    went_back = was_reset = true;
  }
}

}  // namespace weir::proxy
