// report_test.cc: findings as text and as JSON, their order, and the exit status.
#include "proxy/doctor/report.h"

#include <nlohmann/json.hpp>

#include "proxy/doctor/judge.h"
#include "unit/proxy/doctor/case.h"

using namespace weir::proxy::doctor;

namespace {

const Findings kSome{{Level::warning, "one", "", "About the whole.", "Do this:\nand that"},
                     {Level::ok, "two", "shop", "Fine.", ""},
                     {Level::error, "three", "shop", "Broken.", ""}};

}  // namespace

TEST_CASE("text stands by database, cures below their sentences") {
  CHECK(as_text("pgweir.ini", kSome) ==
        "pgweir.ini\n"
        "  warning  About the whole.\n"
        "           Do this:\n"
        "           and that\n"
        "shop\n"
        "  ok       Fine.\n"
        "  error    Broken.\n"
        "1 error, 1 warning.\n");
  CHECK(as_text("", {kSome[0]}).starts_with("the environment\n"));
  CHECK(as_text("pgweir.ini", {kSome[1]}).ends_with("\nAll is well.\n"));
}

TEST_CASE("prose is wrapped, what may be copied is not") {
  std::string line = "word";  // As much as there is room for.
  while (line.size() + 5 <= 100 - 11) line += " word";
  const std::string prose = line + " next.";
  const std::string margin(11, ' ');
  CHECK(as_text("", {{Level::ok, "one", "shop", prose, prose + "\n" + prose + " no"}}) ==
        "shop\n  ok       " + line + "\n" + margin + "next.\n" + margin + line + "\n" + margin +
            "next.\n" + margin + prose + " no\nAll is well.\n");
}

TEST_CASE("JSON has the same, and null where there is nothing") {
  const auto whole = nlohmann::json::parse(as_json("", kSome), nullptr, false);
  REQUIRE(whole.is_object());
  CHECK(whole["file"].is_null());
  CHECK(whole["version"].is_string());
  CHECK(whole["worst"] == "error");
  REQUIRE(whole["findings"].size() == 3);
  CHECK(whole["findings"][0] == nlohmann::json{{"level", "warning"},
                                               {"code", "one"},
                                               {"database", nullptr},
                                               {"sentence", "About the whole."},
                                               {"cure", "Do this:\nand that"}});
  CHECK(whole["findings"][1]["cure"].is_null());
}

TEST_CASE("a server's words in no encoding at all do not break the JSON") {
  const auto whole = nlohmann::json::parse(
      as_json("", {{Level::error, "bad", "shop", "caf\xe9 \xff", ""}}), nullptr, false);
  CHECK(whole.is_object());
}

TEST_CASE("the worst finding decides the exit status") {
  CHECK(exit_status({}) == 0);
  CHECK(exit_status({kSome[1]}) == 0);
  CHECK(exit_status({kSome[0], kSome[1]}) == 1);
  CHECK(exit_status(kSome) == 2);
}

TEST_CASE("what two users meet alike is told once, on one line") {
  Visit visit = good_visit();
  visit.knock = Knock{.unreachable = "Connection\nrefused"};
  visit.tried = false;
  visit.server.reset();
  Facts facts;
  facts.here.open_files_max = 100'000;
  facts.visits = {visit, visit};
  const Findings findings = judge(config_of(kShop), facts);
  REQUIRE(findings.size() == 1);
  CHECK(says(findings[0].sentence, "Connection refused"));
}
