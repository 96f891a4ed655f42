// worker_settings.cc: the Worker's decisions about what clients have set: it follows them from
// server to server, and RESET goes back to what their startup packets said.
#include "protocol/encode.h"
#include "protocol/extras.h"
#include "proxy/worker.h"

namespace weir::proxy {

void Worker::take_startup_settings(Client& client, const Welcome::Greeting& greeting) {
  client.settings = greeting.settings;
  client.startup = greeting.startup;
  client.based_on = greeting.told;
  for (std::size_t i = 0; i < commons.tracked.size(); ++i) {
    if (client.startup.value(i)) client.touched |= protocol::bit_of(i);
  }
  client.extras = protocol::with_extras(settings, client.extras, greeting.untold);
}

std::string Worker::settings_sql(const Client& client, const Server& server) const {
  return protocol::restore_sql(commons.tracked, server.settings, client.settings, ~client.touched) +
         protocol::extras_sql(server.extras, client.extras, server.extras_sure);
}

// What the client has not touched is the server's own, also where that is another than it was told:
// somebody may have made the database read-only.
void Worker::follow_own(Client& client, const Server& server) {
  if (client.based_on == server.own_settings) return;
  client.based_on = server.own_settings;
  Buffer out;
  for (std::size_t i = 0; i < commons.tracked.size(); ++i) {
    const auto& own = server.own_settings.value(i);
    if (!own) continue;
    const bool same = client.settings.value(i) == own;
    if (same && !client.startup.value(i)) client.touched &= ~protocol::bit_of(i);
    if (same || (client.touched & protocol::bit_of(i)) != 0) continue;
    protocol::put_parameter_status(out, commons.tracked.name(i), *own);
    client.settings = settings.with(client.settings, commons.tracked, i, *own);
  }
  client.stream.put_copy(out);
}

// What has just been RESET, or told between our own lines, is what it has by itself now: its
// configuration may have been loaded again.
void Worker::learn_own(Client& client, Server& server) {
  for (std::size_t i = 0; i < commons.tracked.size(); ++i) {
    const auto& value = server.settings.value(i);
    if (!value || (client.touched & protocol::bit_of(i)) != 0) continue;
    server.own_settings = settings.with(server.own_settings, commons.tracked, i, *value);
  }
  client.based_on = server.own_settings;
}

// What the database's connect_query has set, a RESET would not bring back.
bool Worker::must_start_afresh(const Client& client, const Server& server) const {
  const config::Database* const of = server.share().database;
  return of != nullptr && !of->connect_query.empty() &&
         protocol::drops_extras(server.extras, client.extras);
}

// Our SQL in front of the client's request, or behind its RESET, has done its work.
void Worker::settings_taken(Client& client, Server& server) {
  server.extras = client.extras;
  server.extras_sure = true;
  learn_own(client, server);
  report_settings(client, server);
  client.settings_proved = true;
}

// The server spells values its own way ("utc" is "UTC"): the client is told, as PostgreSQL would.
void Worker::report_settings(Client& client, const Server& server) {
  if (client.settings == server.settings) return;
  Buffer out;
  for (std::size_t i = 0; i < commons.tracked.size(); ++i) {
    const auto& value = server.settings.value(i);
    if (!value || client.settings.value(i) == value) continue;
    protocol::put_parameter_status(out, commons.tracked.name(i), *value);
  }
  client.settings = server.settings;
  client.stream.put_copy(out);
}

// A value may have gone back to the server's own, where in PostgreSQL it would have gone back to
// the client's. Within a transaction, too: its rollback undoes both.
bool Worker::go_back(Server& server) {
  Client& client = *server.linked();
  const bool may_ask = server.status != 'E' && server.ledger.settled() && client.between_messages();
  if (!may_ask) {
    tell_held_back(client, server);
    return false;
  }
  server.ask(protocol::go_back_sql(commons.tracked, client.startup, client.extras));
  server.went_back = server.was_reset = false;
  return true;
}

// More requests are on their way: what will hold behind the last one is not known yet.
void Worker::tell_held_back(Client& client, const Server& server) {
  Buffer out;
  for (std::size_t i = 0; i < commons.tracked.size(); ++i) {
    if (!server.gone_back(client, i)) continue;
    const auto& value = server.was_reset ? client.startup.value(i) : server.settings.value(i);
    if (client.settings.value(i) == value) continue;
    protocol::put_parameter_status(out, commons.tracked.name(i), *value);
    client.settings = settings.with(client.settings, commons.tracked, i, *value);
  }
  client.stream.put_copy(out);
}

}  // namespace weir::proxy
