// worker_passwords.cc: passwords that a command prints (password_command), for server logins.
#include <functional>
#include <utility>

#include "proxy/password_run.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ServerState;

void Worker::want_password(const std::string& command) {
  const std::size_t runs = std::hash<std::string>{}(command) % commons.workers;
  world.post(runs, {PasswordWanted{command}});
}

void Worker::take(PasswordWanted& letter) {
  // It may have been printed since the letter was written.
  if (const auto kept = commons.passwords.find(letter.command, world.now())) {
    return tell_password({letter.command, *kept, {}});
  }
  auto& run = password_runs_[letter.command];
  if (!run) run = std::make_unique<PasswordRun>(*this, letter.command);
}

void Worker::password_printed(const std::string& command, Result<std::string> output) {
  // Its owner, and `command` with it, lives until the end of the turn.
  dead_password_runs_.push_back(std::move(password_runs_.extract(command).mapped()));
  if (output) {
    const auto time = config_->settings.password_command_cache_time_us;
    if (time > 0) commons.passwords.keep(command, *output, world.now() + time);
    tell_password({command, *output, {}});
    return protocol::wipe(*output);
  }
  commons.log.line(Level::warning, "password_command failed: " + output.error().text);
  // What the command said on stderr is for the log alone: clients hear this.
  tell_password({command, {}, "password_command failed: the pooler's log says why"});
}

void Worker::tell_password(const PasswordReady& letter) {
  for (std::size_t to = 0; to < commons.workers; ++to) world.post(to, {letter});
}

void Worker::take(PasswordReady& letter) {
  std::vector<Server*> waiting;
  for (auto& [id, of] : shares_) {
    if (of->password_command() != letter.command) continue;
    of->servers.at(ServerState::logging_in).each([&](pool::ServerSlot& slot) {
      Server& server = static_cast<Server&>(slot);
      if (server.waits_for_password()) waiting.push_back(&server);
    });
  }
  for (Server* const server : waiting) server->on_password(letter);
}

}  // namespace weir::proxy
