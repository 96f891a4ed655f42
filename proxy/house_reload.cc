// house_reload.cc: how another configuration comes into force: asked for by a signal or a console,
// or because files have changed.
#include <algorithm>
#include <utility>

#include "proxy/config/check.h"
#include "proxy/config/hold.h"
#include "proxy/config/load.h"
#include "proxy/config/named_files.h"
#include "proxy/config/sentence.h"
#include "proxy/house.h"

namespace weir::proxy {

void House::reload(std::size_t worker, std::uint64_t client) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({worker, client});
  if (generations_.size() == 1) reload_for_waiting();
}

// REQUIRES: no reload is under way; mutex_ is held.
void House::reload_for_waiting() {
  if (waiting_.empty()) {
    if (std::exchange(files_changed_, false)) read_files_again();
    return;
  }
  told_ = std::exchange(waiting_, {});
  const auto started = start_reload();
  const bool unread = std::exchange(files_changed_, false);
  if (started) return;
  log_.line(Level::error, "RELOAD failed: " + started.error().text);
  tell(started.error().text);
  if (unread) read_files_again();
}

// The settings as they are now, but for what takes a restart.
Result<config::Config> House::read_again() {
  auto read = config::load(source_);
  if (!read) return read;
  for (std::string& held : config::hold(*read, *generations_.back().config)) {
    notices_.push_back(held);
    read->warnings.push_back(std::move(held));
  }
  if (auto hosts = config::check_hosts(*read); !hosts) {
    return fail("F0000", hosts.error().text + ", which takes a restart");
  }
  return read;
}

Result<void> House::start_reload() {
  notices_.clear();
  auto read = read_again();
  // Log rotation asks by the same signal, whatever has become of the file.
  const config::Config& log_by = read ? *read : *generations_.back().config;
  log_.reopen(LogPlaces::from(log_by.settings));
  if (!read) return tl::unexpected<Fault>(read.error());
  std::vector<std::string> complaints;
  if (!commons_.configure_whole(*read, complaints)) {
    return fail("F0000", config::joined(complaints));
  }
  for (const std::string& warning : read->warnings) log_.line(Level::warning, warning);
  log_.set_debug(read->settings.verbose > 0);
  street_.keep_names_for(read->settings.dns_max_ttl_us);
  street_.set_options(io::SocketOptions::from(read->settings));
  hand_out(std::move(*read), std::move(complaints), "the configuration has been reloaded");
  return {};
}

// Secrets, rules and certificates; the settings stay as they are.
void House::read_files_again() {
  notices_.clear();
  const config::Config& in_force = *generations_.back().config;
  auto next = config::refresh(in_force);
  if (next) {
    return configure_and_hand_out(std::move(*next),
                                  "secrets, rules and certificates have been read again");
  }
  // Certificates count all the same: one broken file must not hold up another.
  log_.line(Level::error, "a changed file is broken, and what it said before stays in force: " +
                              next.error().text);
  configure_and_hand_out(in_force, "certificates have been read again");
}

void House::configure_and_hand_out(config::Config config, const char* news) {
  const auto& said = generations_.back().config->warnings;
  for (const std::string& warning : config.warnings) {
    if (std::find(said.begin(), said.end(), warning) == said.end()) {
      log_.line(Level::warning, warning);
    }
  }
  auto complaints = commons_.configure(config);
  hand_out(std::move(config), std::move(complaints), news);
}

// `complaints`: what commons_.configure() has said of it.
void House::hand_out(config::Config config, std::vector<std::string> complaints, const char* news) {
  for (std::string& complaint : complaints) {
    log_.line(Level::warning, complaint);
    notices_.push_back(std::move(complaint));
  }
  generations_.push_back({std::make_unique<const config::Config>(std::move(config)), 0, news});
  const config::Config* const next = generations_.back().config.get();
  for (std::size_t i = 0; i < workers_count_; ++i) street_.post(i, {Reload{next}});
}

void House::tell(const std::string& complaint) {
  for (const Asker& asker : std::exchange(told_, {})) {
    if (asker.client == 0) continue;
    street_.post(asker.worker, {ReloadDone{asker.client, complaint, notices_}});
  }
}

void House::reload_applied(std::size_t worker, const config::Config* config) {
  const std::lock_guard lock(mutex_);
  if (worker == 0 && watch_files(*config)) files_changed_ = true;
  Generation& newest = generations_.back();
  if (newest.config.get() != config || ++newest.applied < workers_count_) return;
  log_.line(Level::info, newest.news);
  generations_.erase(generations_.begin(), generations_.end() - 1);  // Nobody reads the older.
  tell({});
  reload_for_waiting();
}

// --- Files. All on worker 0's thread.

// Whether there is one that was not watched when it was read: what has happened to it between the
// two nobody has told.
bool House::watch_files(const config::Config& config) {
  if (!watch_) return false;
  const auto& settings = config.settings;
  auto files = settings.watch_files ? config::named_files(config) : std::vector<std::string>{};
  const bool more = !std::includes(watched_.begin(), watched_.end(), files.begin(), files.end());
  watch_->watch(files);
  watched_ = std::move(files);
  settings_watch_->watch(settings.reload_on_change ? config.files : std::vector<std::string>{});
  return more;
}

// At the start, when no worker runs: a certificate needs nobody to be told of it.
void House::look_again() {
  const config::Config& config = *generations_.back().config;
  for (std::string& complaint : commons_.configure(config)) {
    const auto& said = tls_complaints_;
    if (std::find(said.begin(), said.end(), complaint) == said.end()) {
      log_.line(Level::warning, complaint);
    }
  }
  const auto now = config::refresh(config);
  const bool same = now && now->secrets == config.secrets && now->hba == config.hba &&
                    now->ident_maps == config.ident_maps && now->databases == config.databases;
  if (!same) on_files_changed();
}

void House::on_files_changed() {
  const std::lock_guard lock(mutex_);
  log_.line(Level::info, "files have changed: reading secrets, rules and certificates again");
  if (generations_.size() == 1) return read_files_again();
  files_changed_ = true;
}

void House::on_settings_changed() {
  log_.line(Level::info,
            source_.file + " or what it includes has changed, reloading the configuration");
  reload(0, 0);
}

}  // namespace weir::proxy
