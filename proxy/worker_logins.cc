// worker_logins.cc: the Worker's new connections to servers: when to dial, and what comes of it.
#include <algorithm>
#include <array>
#include <vector>

#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientState;
using pool::ServerEvent;
using pool::ServerState;
using Growth = pool::Pool::Growth;

void Worker::grow(Share& of) {
  if (of.database == nullptr || stopping_ == Stop::when_servers_left) return;
  while (of.waiting() > 0 || of.below_minimum()) {
    const Growth growth = of.grow(world.now(), of.dial_at());
    wake(growth.wake);
    switch (growth.kind) {
      case Growth::Kind::none:
        return arm_growth(of);
      case Growth::Kind::dial:
        if (!dial(of)) return arm_growth(of);
        break;
      case Growth::Kind::borrow:
        of.asked();
        world.post(growth.lender, {Lend{of.id, index}});
        break;
      case Growth::Kind::evict:
        return make_room(of, *growth.refused_by);
    }
  }
}

// Nothing can be done for those who wait now; when it is time to try again.
void Worker::arm_growth(Share& of) {
  if (of.waiting() == 0 && !of.below_minimum()) return;
  for (const Instant at : {of.retry_at(), of.dial_at(), of.ask_again_at(), of.reserve_at()}) {
    if (at > world.now() && at != kNever) deadlines.arm_no_later(of, at);
  }
  // Nobody sends word when a limit that other pools share has room again for a minimum.
  if (of.waiting() == 0) deadlines.arm_no_later(of, world.now() + kMinimumPause);
}

// False: another worker was quicker to try the host.
bool Worker::dial(Share& of) {
  const auto aim = of.next_target(world.now());
  if (!aim) {
    wake(of.dial_dropped());
    return false;
  }
  auto made = std::make_unique<Server>(*this, of, commons.next_id());
  Server& server = *made;
  servers_.emplace(server.id, std::move(made));
  commons.servers.fetch_add(1);
  of.servers.enter(server);
  const auto timeout = config_->settings.server_connect_timeout_us;
  if (timeout > 0) deadlines.arm(server, world.now() + timeout);
  of.dial_begun(server, aim->beside);
  server.dial(aim->target, aim->turn, aim->trial);
  log(Level::debug, server, "connecting");
  return true;
}

void Worker::welcomed(Server& server, const Parameters& parameters) {
  Share& of = server.share();
  deadlines.disarm(server);
  of.login_succeeded();
  of.entry.set_login_fault({});
  host_answered(server);
  of.passwords_refused = 0;
  server.born_at = world.now();
  server.learn(parameters);
  log(Level::info, server, "new connection to server");
  const bool first = !of.welcome_known;
  of.welcome.learn(parameters);
  of.welcome_known = true;
  of.entry.set_parameters(parameters);
  move(server, ServerEvent::welcomed);
  watch_name(server);
  server.idle_since = world.now();
  if (of.database == nullptr) return dismiss(server, kConfigurationChanged);
  if (first) {
    for (std::size_t other = 0; other < commons.workers; ++other) {
      if (other != index) world.post(other, {Welcomed{of.id}});
    }
    greet_waiting(of);
  }
  if (const auto why = reason_to_close(server); !why.empty()) {
    dismiss(server, why);
  } else if (!of.database->connect_query.empty()) {
    server.in_connect_query = true;
    test(server, of.database->connect_query);
  } else {
    arm_idle(server);
    of.publish();
    match(of);
  }
  grow(of);  // One dial less is under way.
}

void Worker::host_answered(const Server& server) {
  if (commons.hosts.answered(server.aim)) wake_all();
}

// A server that has no place left answers all the same, and so does one that is certain.
void Worker::login_failed(Server& server, const Fault& fault, bool certain, Blame blame) {
  Share& of = server.share();
  const bool of_host = blame != Blame::ourselves;
  const bool answered =
      certain || blame == Blame::terms || std::string_view{fault.sqlstate}.starts_with("53");
  if (of_host && answered) host_answered(server);
  if (try_other_password(server, fault)) return;
  std::array<std::uint8_t, 1> dice{};
  world.random(dice);
  const double jitter = dice[0] / 256.0;
  if (of_host && !answered) {
    commons.hosts.failed(server.aim, server.dialled_at, world.now(),
                         {.max = of.settings().retry_max, .jitter = jitter}, fault);
    if (server.trial) wake_all();
  } else {
    of.login_failed(world.now(), jitter, certain ? kNever : kHostPauseMax);
  }
  // What the server itself has not said is told as a reason, not as its words.
  of.entry.set_login_fault(of_host ? fault : Fault{"08001", fault.text});
  // A certain refusal is about the user or the database, whichever host says it.
  if (of_host && !certain && server.generation == of.generation) of.host_failed(server.host_turn);
  log(Level::warning, server, "login failed: " + fault.text + " (" + fault.sqlstate + ")");
  bury(server);
  if (certain && of.shared().limit.taken() == 0) refuse_waiting(of, fault);
  grow(of);
}

// While a password is being rotated the one may be gone already, or the other not be there yet.
bool Worker::try_other_password(Server& server, const Fault& fault) {
  Share& of = server.share();
  if (of.database == nullptr || !std::string_view{fault.sqlstate}.starts_with("28")) return false;
  std::uint32_t turn = server.password_turn;
  const bool printed = !of.password_command().empty();
  const std::size_t passwords = of.passwords({}, world.now()).size() + (printed ? 1 : 0);
  if (printed) of.drop_password();
  of.entry.password_turn.compare_exchange_strong(turn, turn + 1);
  if (++of.passwords_refused >= passwords) {
    of.passwords_refused = 0;
    return false;
  }
  log(Level::info, server, "login failed: " + fault.text + "; trying the other password");
  bury(server);
  grow(of);
  return true;
}

// It was reached by a name that may lead elsewhere one day.
void Worker::watch_name(const Server& server) {
  if (server.security.host == server.target.host) return;
  const Instant kept = config_->settings.dns_max_ttl_us;
  const Instant pause = kept == 0 ? kNamesPauseMax : std::clamp(kept / 3, kSecond, kNamesPauseMax);
  deadlines.arm_no_later(names_due_, world.now() + pause);
}

// Who is at an address that its name does not lead to any more closes at its release.
void Worker::look_at_names() {
  std::vector<Server*> idle;
  for (const auto& [id, server] : servers_) {
    const bool there = server->state != ServerState::dialing &&
                       server->state != ServerState::logging_in &&
                       server->state != ServerState::leaving;
    if (!there || server->close_needed || server->security.host == server->target.host) continue;
    watch_name(*server);
    if (world.leads_to(server->security.host, server->target.host)) continue;
    server->close_needed = true;
    if (server->state == ServerState::idle) idle.push_back(server.get());
  }
  for (Server* const server : idle) dismiss(*server, kAddressChanged);
}

void Worker::login_outdated(Server& server) {
  Share& of = server.share();
  log(Level::info, server, "closing because: " + std::string{kConfigurationChanged});
  bury(server);
  grow(of);
}

// The server itself has said no, and would say it again: nobody needs to wait for that.
void Worker::refuse_waiting(Share& of, const Fault& fault) {
  for (const auto state : {ClientState::welcoming, ClientState::parked}) {
    while (pool::ClientSlot* slot = of.clients.at(state).front()) {
      static_cast<Client&>(*slot).refuse(fault);
    }
  }
}

}  // namespace weir::proxy
