#include "protocol/message.h"

#include <doctest/doctest.h>

#include <string>

using namespace weir::protocol;

TEST_CASE("the manual's frontend messages of a session, and no other, mean something") {
  std::string known;
  for (int tag = 0; tag < 256; ++tag) {
    if (client_message(static_cast<char>(tag)) != nullptr) known += static_cast<char>(tag);
  }
  CHECK(known == "BCDEFHPQSXcdf");
}

TEST_CASE("the manual's backend messages of a session, and no other, mean something") {
  std::string known;
  for (int tag = 0; tag < 256; ++tag) {
    if (server_message(static_cast<char>(tag)) != nullptr) known += static_cast<char>(tag);
  }
  CHECK(known == "123ACDEGHINSTVZcdnst");
}

TEST_CASE("only messages that need a server make a client wait in line") {
  std::string waits;
  for (const auto& message : kClientMessages) {
    if (message.unlinked == Unlinked::waits) waits += message.tag;
  }
  CHECK(waits == "QPBDECF");
}

TEST_CASE("of a client PostgreSQL takes messages of 1 GB where data is, else of 10,000 bytes") {
  std::string longer, shorter;
  for (const auto& message : kClientMessages) {
    if (message.body_max == 0x3fff'fffe - 4) longer += message.tag;
    if (message.body_max == 10'000 - 4) shorter += message.tag;
  }
  CHECK(longer == "QPBFd");
  CHECK(shorter == "DECSHcfX");
}

TEST_CASE("no body of a server is longer than PostgreSQL's largest allocation") {
  for (const auto& message : kServerMessages) {
    INFO(message.name);
    CHECK(message.body_max <= 0x3fff'ffff);
    CHECK(message.collected_max <= message.body_max);
  }
}

TEST_CASE("of an ErrorResponse alone a part is understood") {
  std::string partly;
  for (const auto& message : kServerMessages) {
    if (message.collected_max > 0 && message.collected_max < message.body_max) {
      partly += message.tag;
    }
  }
  CHECK(partly == "E");
}
