#include "protocol/ledger.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace weir::protocol;

namespace {

constexpr std::pair<Request, std::string_view> kAnswers[] = {
    {Request::query, "TDCIGHdcZ"}, {Request::function_call, "VZ"}, {Request::parse, "1"},
    {Request::bind, "2"},          {Request::describe, "tTn"},     {Request::execute, "DCIsGHdc"},
    {Request::close, "3"},         {Request::sync, "Z"},
};

void ask(Ledger& ledger, std::string_view requests, Action action = Action::forward) {
  for (const char tag : requests) {
    const Request request = tag == 'Q'   ? Request::query
                            : tag == 'F' ? Request::function_call
                            : tag == 'P' ? Request::parse
                            : tag == 'B' ? Request::bind
                            : tag == 'D' ? Request::describe
                            : tag == 'E' ? Request::execute
                            : tag == 'C' ? Request::close
                            : tag == 'S' ? Request::sync
                                         : Request::copy_end;
    ledger.note(request, action);
  }
}

// The verdicts on these answers: f, d, or ! for desync.
std::string answer(Ledger& ledger, std::string_view tags) {
  std::string verdicts;
  for (const char tag : tags) verdicts += "fd!"[static_cast<int>(ledger.on_answer(tag))];
  return verdicts;
}

}  // namespace

TEST_CASE("a new ledger is settled and owes nothing") {
  const Ledger ledger;
  CHECK(ledger.settled());
  CHECK(ledger.owed() == 0);
  CHECK_FALSE(ledger.doubtful());
  CHECK_FALSE(ledger.front_is_drop());
}

TEST_CASE("a query is owed everything up to ReadyForQuery") {
  Ledger ledger;
  ask(ledger, "Q");
  CHECK(answer(ledger, "TDDCTDC") == "fffffff");
  CHECK_FALSE(ledger.settled());
  CHECK(answer(ledger, "Z") == "f");
  CHECK(ledger.settled());
}

TEST_CASE("an answer that does not fit the oldest request is a desync") {
  for (const auto& [request, tags] : kAnswers) {
    for (int byte = 0; byte < 256; ++byte) {
      const char tag = static_cast<char>(byte);
      if (std::string_view{"NSAE"}.find(tag) != std::string_view::npos) continue;
      Ledger ledger;
      ledger.note(request, Action::forward);
      const bool fits = tags.find(tag) != std::string_view::npos;
      CAPTURE(tag);
      CHECK((ledger.on_answer(tag) == Verdict::forward) == fits);
    }
  }
}

TEST_CASE("an answer that nobody asked for is a desync") {
  for (int byte = 0; byte < 256; ++byte) {
    const char tag = static_cast<char>(byte);
    const bool unasked = std::string_view{"NSAE"}.find(tag) != std::string_view::npos;
    Ledger ledger;
    CHECK((ledger.on_answer(tag) == Verdict::desync) == !unasked);
    CHECK(ledger.settled());
  }
}

TEST_CASE("the answer to a query of our own is dropped, the client's behind it is not") {
  Ledger ledger;
  ask(ledger, "Q", Action::drop);
  ask(ledger, "Q");
  CHECK(ledger.front_is_drop());
  CHECK(answer(ledger, "NCEZ") == "dddd");
  CHECK(answer(ledger, "NCZ") == "fff");
  CHECK(ledger.settled());
}

TEST_CASE("a notification and a ParameterStatus are never ours to swallow") {
  Ledger ledger;
  ask(ledger, "Q", Action::drop);
  CHECK(answer(ledger, "AS") == "ff");
}

TEST_CASE("an extended batch is settled by its Sync only") {
  Ledger ledger;
  ask(ledger, "PBDE");
  CHECK(answer(ledger, "12TDDC") == "ffffff");
  CHECK(ledger.owed() == 0);
  CHECK_FALSE(ledger.settled());
  ask(ledger, "S");
  CHECK(answer(ledger, "Z") == "f");
  CHECK(ledger.settled());
}

TEST_CASE("Describe of a statement gives its parameters and then its row or none") {
  Ledger ledger;
  ask(ledger, "DDS");
  CHECK(answer(ledger, "tTtnZ") == "fffff");
  CHECK(ledger.settled());
}

TEST_CASE("a portal may be suspended and executed again") {
  Ledger ledger;
  ask(ledger, "EES");
  CHECK(answer(ledger, "DsDCZ") == "fffff");
  CHECK(ledger.settled());
}

TEST_CASE("after an error the server reads past everything up to the Sync") {
  Ledger ledger;
  ask(ledger, "PBES");
  CHECK(answer(ledger, "E") == "f");
  CHECK(ledger.owed() == 1);
  CHECK(answer(ledger, "Z") == "f");
  CHECK(ledger.settled());
}

TEST_CASE("what is sent while the server skips is owed nothing, a query included") {
  Ledger ledger;
  ask(ledger, "P");
  CHECK(answer(ledger, "E") == "f");
  ask(ledger, "BQE");
  CHECK(ledger.owed() == 0);
  CHECK_FALSE(ledger.settled());
  ask(ledger, "S");
  CHECK(answer(ledger, "Z") == "f");
  CHECK(ledger.settled());
}

TEST_CASE("an error in the middle of a pipeline spares the batches behind it") {
  Ledger ledger;
  ask(ledger, "PBESPBES");
  CHECK(answer(ledger, "12EZ12CZ") == "ffffffff");
  CHECK(ledger.settled());
}

TEST_CASE("an error while committing is followed by the ReadyForQuery of the same Sync") {
  Ledger ledger;
  ask(ledger, "S");
  CHECK(answer(ledger, "EZ") == "ff");
  CHECK(ledger.settled());
}

TEST_CASE("a farewell comes unasked and is forwarded") {
  Ledger ledger;
  CHECK(answer(ledger, "E") == "f");
  CHECK(ledger.settled());
}

TEST_CASE("an answer of ours is due at its place in the order") {
  Ledger ledger;
  ask(ledger, "P", Action::ours);
  CHECK(ledger.take_ours() == Request::parse);
  ask(ledger, "B");
  ask(ledger, "P", Action::ours);
  CHECK_FALSE(ledger.take_ours());
  CHECK(answer(ledger, "2") == "f");
  CHECK(ledger.take_ours() == Request::parse);
  CHECK_FALSE(ledger.take_ours());
}

TEST_CASE("an answer of ours behind a failed request is never given") {
  Ledger ledger;
  ask(ledger, "B");
  ask(ledger, "P", Action::ours);
  ask(ledger, "S");
  CHECK(answer(ledger, "E") == "f");
  CHECK_FALSE(ledger.take_ours());
  CHECK(answer(ledger, "Z") == "f");
  CHECK(ledger.settled());
}

TEST_CASE("a COPY in by simple query ends with CopyDone") {
  Ledger ledger;
  ask(ledger, "Q");
  CHECK(answer(ledger, "G") == "f");
  CHECK(ledger.copying_in());
  ask(ledger, "c");
  CHECK_FALSE(ledger.copying_in());
  CHECK(answer(ledger, "CZ") == "ff");
  CHECK(ledger.settled());
}

TEST_CASE("a CopyDone that no COPY reads is owed nothing") {
  Ledger ledger;
  ask(ledger, "cc");
  CHECK(ledger.settled());
  ask(ledger, "Qcc");
  CHECK(answer(ledger, "EZ") == "ff");
  CHECK(ledger.settled());
}

TEST_CASE("two COPY in one query are each ended by one CopyDone, however early it comes") {
  Ledger ledger;
  ask(ledger, "Qcc");
  CHECK(answer(ledger, "GCGCZ") == "fffff");
  CHECK(ledger.settled());
}

TEST_CASE("a Sync sent before the client knew of the COPY is never answered") {
  Ledger ledger;
  ask(ledger, "PBDES");
  CHECK(answer(ledger, "12nG") == "ffff");
  ask(ledger, "cS");
  CHECK(answer(ledger, "CZ") == "ff");
  CHECK(ledger.settled());
  CHECK_FALSE(ledger.doubtful());
}

TEST_CASE("a COPY that has eaten its Sync leaves the batch open") {
  Ledger ledger;
  ask(ledger, "ES");
  CHECK(answer(ledger, "G") == "f");
  ask(ledger, "c");
  CHECK(answer(ledger, "C") == "f");
  CHECK(ledger.owed() == 0);
  CHECK_FALSE(ledger.settled());
}

TEST_CASE("a Sync while the COPY is known to be open puts the server in doubt") {
  Ledger ledger;
  ask(ledger, "E");
  CHECK(answer(ledger, "G") == "f");
  ask(ledger, "S");
  CHECK(ledger.doubtful());
}

TEST_CASE("a COPY that fails after it may have eaten a Sync puts the server in doubt") {
  Ledger ledger;
  ask(ledger, "ES");
  CHECK(answer(ledger, "GE") == "ff");
  CHECK(ledger.doubtful());
}

TEST_CASE("a COPY out streams rows between its head and its end") {
  Ledger ledger;
  ask(ledger, "QES");
  CHECK(answer(ledger, "HddcCZ") == "ffffff");
  CHECK(answer(ledger, "HdcCZ") == "fffff");
  CHECK(ledger.settled());
}

TEST_CASE("a full ledger says so, and has room again after an answer") {
  Ledger ledger;
  for (std::size_t i = 0; i < kLedgerMax; ++i) ledger.note(Request::sync, Action::forward);
  CHECK(ledger.full());
  CHECK(answer(ledger, "Z") == "f");
  CHECK_FALSE(ledger.full());
  CHECK(ledger.owed() == kLedgerMax - 1);
}

TEST_CASE("notes keep their order while the ring grows around its seam") {
  Ledger ledger;
  std::vector<bool> dropped;
  std::size_t answered = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool drop = i % 3 == 0;
    ledger.note(Request::sync, drop ? Action::drop : Action::forward);
    dropped.push_back(drop);
    if (i % 2 != 0) continue;
    CHECK((ledger.on_answer('Z') == Verdict::drop) == dropped[answered++]);
  }
  while (ledger.owed() > 0) CHECK((ledger.on_answer('Z') == Verdict::drop) == dropped[answered++]);
  CHECK(ledger.settled());
}

TEST_CASE("clear() forgets all doubt") {
  Ledger ledger;
  ask(ledger, "E");
  CHECK(answer(ledger, "G") == "f");
  ask(ledger, "SP");
  ledger.clear();
  CHECK(ledger.settled());
  CHECK_FALSE(ledger.doubtful());
}
