#include "proxy/house.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "proxy/admin/show.h"
#include "proxy/config/sentence.h"
#include "proxy/io/open_files.h"

namespace weir::proxy {

namespace {

constexpr Instant kFullPause = 30 * kSecond;

std::size_t worker_count(const config::Settings& settings) {
  const std::size_t asked = settings.worker_threads > 0
                                ? static_cast<std::size_t>(settings.worker_threads)
                                : std::max<std::size_t>(1, std::thread::hardware_concurrency());
  return std::min(asked, pool::kWorkersMax);
}

std::array<std::uint8_t, 32> random_secret(World& world) {
  std::array<std::uint8_t, 32> secret{};
  world.random(secret);
  return secret;
}

}  // namespace

House::House(std::unique_ptr<const config::Config> config, config::Source source, Log& log)
    : source_(std::move(source)),
      log_(log),
      workers_count_(worker_count(config->settings)),
      placement_(workers_count_, config->settings.worker_threads == 0),
      street_(workers_count_, io::SocketOptions::from(config->settings)),
      commons_(workers_count_, random_secret(street_[0]),
               protocol::Tracked{config->settings.track_extra_parameters}, *this, log) {
  street_.keep_names_for(config->settings.dns_max_ttl_us);
  tls_complaints_ = commons_.configure(*config);
  for (std::size_t i = 0; i < workers_count_; ++i) {
    workers_.push_back(std::make_unique<Worker>(street_[i], commons_, *config, i));
  }
  generations_.push_back({std::move(config), workers_count_});
}

House::~House() {
  watch_.reset();
  settings_watch_.reset();
  signals_.reset();
  listener_.reset();
  workers_.clear();
}

Result<void> House::open() {
  // Before the doors open: whoever sees them open may send a signal.
  signals_ = std::make_unique<io::Signals>(street_[0], [this](int number) { on_signal(number); });
  const auto& config = *generations_.front().config;
  if (commons_.lacks_tls(config)) return fail("F0000", config::joined(tls_complaints_));
  for (const std::string& complaint : tls_complaints_) log_.line(Level::warning, complaint);
  auto options = io::ListenerOptions::from(config.settings);
  options.tcp_said_at = config.said_at("listen_addr");
  options.unix_said_at = config.said_at("unix_socket_dir");
  options.descriptors_max = io::raise_open_files();
  options.reserve = io::reserve_for_servers(config, options.descriptors_max);
  auto listener =
      io::Listener::open(street_[0], options,
                         {.on_accept = [this](const auto&... guest) { on_accept(guest...); },
                          .on_full = [this](int) { on_full(); },
                          .servers = [this] { return commons_.servers.load(); }});
  if (!listener) return tl::unexpected<Fault>(listener.error());
  listener_ = std::move(*listener);
  watch_ = std::make_unique<io::FileWatch>(
      street_[0], [this] { on_files_changed(); },
      [this](const std::string& trouble) { log_.line(Level::warning, trouble); });
  settings_watch_ = std::make_unique<io::FileWatch>(street_[0], [this] { on_settings_changed(); });
  if (watch_files(config)) look_again();
  for (const std::string& warning : config.warnings) log_.line(Level::warning, warning);
  say_start();
  return {};
}

void House::say_start() const {
  const auto& settings = generations_.front().config->settings;
  std::string where;
  for (const std::string& address : settings.listen_addr) {
    where += (where.empty() ? "" : ", ") + address + ":" + std::to_string(listener_->port());
  }
  if (!listener_->unix_path().empty()) {
    where += (where.empty() ? "unix:" : ", unix:") + listener_->unix_path();
  }
  log_.line(Level::info, version_line() + ": listening on " + where + ", " +
                             std::to_string(workers_count_) + " worker threads");
}

void House::run() {
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < workers_count_; ++i) {
    threads.emplace_back([this, i] { street_[i].run(*workers_[i]); });
  }
  street_[0].run(*workers_[0]);
  for (std::thread& thread : threads) thread.join();
  log_.line(Level::info, "pgweir has stopped");
}

void House::on_accept(Socket socket, const Address& peer, std::optional<std::uint32_t> peer_uid) {
  const std::size_t to = placement_.choose(commons_.stats);
  commons_.stats[to].clients.fetch_add(1, std::memory_order_relaxed);
  Mail mail{Accepted{socket, peer, peer_uid}};
  if (to == 0) return workers_[0]->deliver(std::move(mail));
  street_.post(to, std::move(mail));
}

// At the limit each client that leaves lets one in: the log need not hear of every one.
void House::on_full() {
  const Instant now = street_[0].now();
  if (now < full_said_at_ + kFullPause) return;
  full_said_at_ = now;
  log_.line(Level::warning,
            "out of file descriptors: no new clients until some are closed "
            "(raise the limit of open files)");
}

void House::on_signal(int number) {
  switch (number) {
    case SIGHUP:
      log_.line(Level::info, "got SIGHUP, reloading the configuration");
      return reload(0, 0);
    case SIGQUIT:
      log_.line(Level::info, "got SIGQUIT, shutting down at once");
      return shut_down(Stop::now);
    case SIGTERM:
    case SIGINT: {
      const bool again = stops_asked_ > 0;
      const char* const name = number == SIGTERM ? "SIGTERM" : "SIGINT";
      const char* const what = again               ? "shutting down at once"
                               : number == SIGTERM ? "waiting for clients to leave"
                                                   : "waiting for servers to come free";
      log_.line(Level::info, std::string{"got "} + name + ", " + what);
      return shut_down(again               ? Stop::now
                       : number == SIGTERM ? Stop::when_clients_left
                                           : Stop::when_servers_left);
    }
    case SIGUSR1:
      return log_.line(Level::warning, "got SIGUSR1, which means nothing: PAUSE is not built yet");
    case SIGUSR2:
      return log_.line(Level::warning, "got SIGUSR2, which means nothing: RESUME is not built yet");
    default:
      return;
  }
}

void House::shut_down(Stop stop) {
  ++stops_asked_;
  for (std::size_t i = 0; i < workers_count_; ++i) street_.post(i, {Shutdown{stop}});
}

// The unix socket stays open for the console.
void House::stop_accepting() {
  if (listener_) listener_->stop_tcp();
}

}  // namespace weir::proxy
