// late_copy_test.cc: what a client still sends of a COPY that the server has failed already.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::vector<std::string> kRests{"d'y' c", "d'y' f'no'", "d'y' d'z' c d'y' f'no' c"};

}  // namespace

TEST_CASE("late rows of a simple COPY reach nobody's query, whoever has the server") {
  for (const std::string& rest : kRests) {
    CAPTURE(rest);
    however_cut([&rest](InOrder& policy) {
      Stage stage(policy, {.config = "default_pool_size = 1"});
      Caller& client = stage.client();
      Caller& other = stage.client();
      client.say("Q'copy t from stdin'");
      stage.backend(1).say("G");
      client.say("d'x'");
      stage.backend(1).say("E'22P02 no number' Z");
      stage.backend(1).heard();
      other.say("Q'begin'");
      stage.backend(1).say("C Z(T)");
      client.say(rest + " Q'select 1'");
      CHECK(stage.backend(1).heard() == "Q\"begin\"");
      other.say("Q'commit'");
      stage.backend(1).say("C Z");
      CHECK(stage.backend(1).heard() == "Q\"commit\" Q\"select 1\"");
      stage.backend(1).say("T D C Z");
      CHECK(client.heard() == "G E\"22P02 no number\" Z T D C Z");
      CHECK(other.heard() == "C Z(T) C Z");
    });
  }
}

TEST_CASE("late rows in a transaction, or in session mode, are the server's to ignore") {
  for (const std::string mode : {"transaction", "session"}) {
    for (const std::string& rest : kRests) {
      CAPTURE(mode);
      CAPTURE(rest);
      InOrder policy;
      Stage stage(policy, {.config = "default_pool_size = 1\npool_mode = " + mode});
      Caller& client = stage.client();
      const std::string status = mode == "session" ? "" : "(E)";
      if (mode == "transaction") {
        client.say("Q'begin'");
        stage.backend(1).say("C Z(T)");
      }
      client.say("Q'copy t from stdin'");
      stage.backend(1).say("G");
      client.say("d'x'");
      stage.backend(1).say("E'22P02 no number' Z" + status);
      client.say(rest + " Q'rollback'");
      stage.backend(1).say("C Z");
      CHECK(client.heard().ends_with("G E\"22P02 no number\" Z" + status + " C Z"));
      client.say("X");
      Caller& next = stage.client();
      next.say("Q'select 2'");
      stage.backend(1).say("T D C Z");
      CHECK(next.heard() == "T D C Z");
      CHECK(stage.backends() == 1);
    }
  }
}

TEST_CASE("late rows of an extended COPY end at its Sync, and the server is kept") {
  for (const std::string& rest : kRests) {
    CAPTURE(rest);
    however_cut([&rest](InOrder& policy) {
      Stage stage(policy, {.config = "default_pool_size = 1"});
      Caller& client = stage.client();
      client.say("P'copy t from stdin' B E H");
      stage.backend(1).say("1 2 G");
      client.say("d'x'");
      stage.backend(1).say("E'22P02 no number'");
      client.say(rest + " S");
      stage.backend(1).say("Z");
      client.say("Q'select 1'");
      stage.backend(1).say("T D C Z");
      CHECK(client.heard() == "1 2 G E\"22P02 no number\" Z T D C Z");
      CHECK(stage.door.open == 1);
      Caller& next = stage.client();
      next.say("Q'select 2'");
      stage.backend(1).say("T D C Z");
      CHECK(next.heard() == "T D C Z");
      CHECK(stage.backends() == 1);
    });
  }
}

TEST_CASE("late rows of a COPY that was cancelled in line are read past") {
  InOrder policy;
  Stage stage(policy, {.config = "default_pool_size = 1"});
  Caller& one = stage.client();
  Caller& other = stage.client();
  one.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  other.say("Q'copy t from stdin'");
  stage.caller().say(other.cancel_packet());
  const std::string told = "E\"57014 canceling statement due to user request\" Z";
  CHECK(other.heard() == told);
  other.say("d'x' c");
  CHECK(other.heard().empty());
  one.say("Q'commit'");
  stage.backend(1).say("C Z");
  other.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  CHECK(other.heard() == "T D C Z");
  CHECK(stage.backends() == 1);
}
