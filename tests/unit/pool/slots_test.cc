#include "pool/slots.h"

#include <doctest/doctest.h>

using namespace weir::pool;

TEST_CASE("a slot stands in the list of its state") {
  ClientYard yard;
  ClientSlot slot;
  yard.enter(slot);
  CHECK(yard.at(ClientState::greeting).front() == &slot);
  yard.move(slot, ClientEvent::startup);
  CHECK(slot.state == ClientState::proving);
  CHECK(yard.at(ClientState::greeting).empty());
  CHECK(yard.at(ClientState::proving).front() == &slot);
  yard.leave(slot);
  CHECK(yard.at(ClientState::proving).empty());
}

TEST_CASE("a slot joins the end of the list, or the front when told so") {
  ServerYard yard;
  ServerSlot first, second, third;
  for (ServerSlot* slot : {&first, &second, &third}) {
    slot->state = ServerState::logging_in;
    yard.enter(*slot);
  }
  yard.move(first, ServerEvent::welcomed);
  yard.move(second, ServerEvent::welcomed, ServerYard::End::back);
  yard.move(third, ServerEvent::welcomed, ServerYard::End::front);
  CHECK(yard.at(ServerState::idle).front() == &third);
  CHECK(yard.at(ServerState::idle).back() == &second);
  for (ServerSlot* slot : {&first, &second, &third}) yard.leave(*slot);
}

TEST_CASE("a slot says to the deadlines what it is") {
  const ClientSlot client;
  const ServerSlot server;
  CHECK(client.kind == Deadline::Kind::client);
  CHECK(server.kind == Deadline::Kind::server);
}
