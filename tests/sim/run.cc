#include "tests/sim/run.h"

#include <algorithm>
#include <memory>

#include "tests/sim/auditor.h"
#include "tests/sim/scenario.h"

namespace weir::sim {

namespace {

using street::Door;

constexpr Instant kPatience = 60 * kSecond;  // From the last trouble to the last answer.

class Run {
 public:
  explicit Run(const Ask& ask);
  Outcome play();

 private:
  void plan();
  void start(Trouble trouble);
  void end_troubles();
  void move_on();
  void tidy_up();
  bool all_left() const;
  bool over() const { return !stage_.complaint().empty() || steps_ >= ask_.steps_max; }
  void wait_for_clients();
  void shut_down();

  const Ask ask_;
  const Scenario scenario_;
  street::Seeded policy_;
  street::Town town_;
  Stage stage_;
  Postgres postgres_;
  Auditor auditor_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::size_t steps_ = 0;
};

Run::Run(const Ask& ask)
    : ask_(ask),
      scenario_(draw(ask.seed, ask.workers)),
      policy_(ask.seed),
      town_(policy_, {.config = scenario_.config(),
                      .secrets = {{"app", scenario_.logins.kept_secret("app")},
                                  {"web", scenario_.logins.kept_secret("web")}},
                      .workers = scenario_.workers,
                      .seed = ask.seed ^ 0x5eed}),
      stage_(town_, ask.seed ^ 0xace, ask.tracing),
      postgres_(stage_),
      auditor_(stage_, postgres_) {
  policy_.mail_delay_max = scenario_.mail_delay_max;
}

void Run::plan() {
  postgres_.habits = scenario_.habits;
  postgres_.logins = scenario_.logins;
  postgres_.open_door();
  postgres_.on_cancelled = [this](std::size_t id) {
    const Client* const hit = id > 0 ? clients_[id - 1].get() : nullptr;
    if (hit != nullptr && !hit->may_be_cancelled()) {
      stage_.complain("a cancel hit " + hit->name() + ", which asked for none");
    }
  };
  auditor_.allow(scenario_.limits);
  if (scenario_.query_wait_timeout > 0) {
    stage_.excuses.query_wait_timeout = scenario_.query_wait_timeout;
  }
  stage_.excuses.timeouts = scenario_.timeouts;
  stage_.excuses.query_cancel = scenario_.query_cancel;
  stage_.excuses.notices = scenario_.notices;
  for (std::size_t i = 0; i < scenario_.clients.size(); ++i) {
    clients_.push_back(std::make_unique<Client>(stage_, i + 1, scenario_.clients[i]));
    stage_.later(scenario_.arrivals[i], [client = clients_.back().get()] { client->connect(); });
  }
  for (const auto& [when, trouble] : scenario_.troubles) {
    stage_.later(when, [this, what = trouble] { start(what); });
  }
  stage_.later(scenario_.troubles_end, [this] { end_troubles(); });
}

void Run::start(Trouble trouble) {
  switch (trouble) {
    case Trouble::crash:
      postgres_.crash();
      break;
    case Trouble::terminate:
    case Trouble::drop:
      return postgres_.end_one(trouble == Trouble::terminate);
    case Trouble::refuse_dials:
      postgres_.close_door(Door::Answer::refuse);
      break;
    case Trouble::hang_dials:
      postgres_.close_door(Door::Answer::hang);
      break;
    case Trouble::reload:
      stage_.say("OFFICE", "reloads");
      auditor_.allow(scenario_.limits_later);
      return town_.reload(scenario_.config_later());
    case Trouble::count:
      return;
  }
  stage_.later(stage_.span(300 * kMillisecond), [this] { postgres_.open_door(); });
}

void Run::end_troubles() {
  postgres_.habits = {};
  postgres_.open_door();
}

// One event of the street or of the models; when there is none, time passes.
void Run::move_on() {
  ++steps_;
  const bool model_first = stage_.chance.one_in(4);
  if (model_first && stage_.agenda.run_one(stage_.now())) return;
  const bool moved = town_.step();
  stage_.note_log();
  if (moved) auditor_.after_turn();
  postgres_.pump();
  if (moved && scenario_.rush > 0 && stage_.chance.one_in(scenario_.rush)) {
    town_.net.jump(stage_.span(3 * kMillisecond));
  }
  if (moved || stage_.agenda.run_one(stage_.now())) return;
  if (town_.net.step()) return auditor_.after_turn();  // pump() may have moved something.
  town_.net.letters_waiting() == 0 ? auditor_.when_quiet() : auditor_.when_mail_is_under_way();
  const Instant due = std::min(town_.net.next_due(), stage_.agenda.next());
  if (due == kNever) return stage_.complain("the street has come to a halt");
  town_.net.jump(std::max<Instant>(due - stage_.now(), 0));
  tidy_up();
}

void Run::tidy_up() {
  for (auto& client : clients_) {
    if (!client->forgettable()) continue;
    if (street::Peer* const peer = client->release_peer()) town_.net.forget(*peer);
  }
  std::erase_if(stage_.strays, [this](street::Peer* peer) {
    if (!peer->closed()) return false;
    town_.net.forget(*peer);
    return true;
  });
}

bool Run::all_left() const {
  return std::all_of(clients_.begin(), clients_.end(),
                     [](const auto& client) { return client->forgettable(); });
}

void Run::wait_for_clients() {
  const Instant patience_ends = stage_.now() + scenario_.troubles_end + kPatience;
  while (!over() && !(all_left() && stage_.strays.empty())) {
    move_on();
    if (stage_.now() <= patience_ends) continue;
    for (const auto& client : clients_) {
      if (!client->done()) stage_.complain("is not answered: " + client->state());
    }
    if (stage_.complaint().empty()) stage_.complain("a connection is never closed");
  }
}

void Run::shut_down() {
  const Instant settled = stage_.now() + 30 * kSecond;
  stage_.later(30 * kSecond, [] {});  // Cancels and farewells have their timeouts.
  while (!over() && stage_.now() < settled) move_on();
  tidy_up();
  if (over()) return;
  auditor_.at_the_end();
  town_.shut_down(proxy::Stop::when_servers_left);
  while (!over() && !town_.finished()) {
    move_on();
    if (stage_.now() > settled + kPatience) stage_.complain("the pooler does not end");
  }
}

Outcome Run::play() {
  plan();
  wait_for_clients();
  shut_down();
  if (steps_ >= ask_.steps_max) stage_.complain("too many steps");
  std::size_t answers = 0;
  for (const auto& client : clients_) answers += client->answered();
  return {stage_.complaint(), scenario_.text(), stage_.trace(), steps_, answers};
}

}  // namespace

Outcome play(const Ask& ask) { return Run(ask).play(); }

}  // namespace weir::sim
