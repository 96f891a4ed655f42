// codec_test.cc: records in and out, however they are cut, between two codecs of ours.
#include "proxy/tls/codec.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/proxy/tls/talk.h"

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::tls::tests;

namespace {

const std::vector<std::string> kVersions{"tlsv1.2", "tlsv1.3"};

// Where the records in `bytes` end.
std::vector<std::size_t> record_ends(Bytes bytes) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at + 5 <= bytes.size();) {
    at += 5 + load_u16(bytes.data() + at + 3);
    ends.push_back(at);
  }
  return ends;
}

Scene& version(Scene& scene, const std::string& protocols) {
  scene.clients.protocols = protocols;
  return scene;
}

}  // namespace

TEST_CASE("a handshake and a word each way, for each version") {
  for (const auto& protocols : kVersions) {
    CAPTURE(protocols);
    Scene scene;
    Talk talk = version(scene, protocols).shaken();
    REQUIRE(talk.established());
    talk.dialler.say("SELECT 1");
    talk.listener.say("1");
    talk.run();
    CHECK(talk.listener.read() == "SELECT 1");
    CHECK(talk.dialler.read() == "1");
    CHECK_FALSE((talk.dialler.ever_early || talk.listener.ever_early));
  }
}

TEST_CASE("description names the version and the cipher") {
  Scene scene;
  CHECK(scene.shaken().listener.codec->description().starts_with("TLSv1.3/TLS_"));
  version(scene, "tlsv1.2");
  CHECK(scene.shaken().dialler.codec->description().starts_with("TLSv1.2/ECDHE-"));
}

TEST_CASE("records may come in parts of any size") {
  for (const auto& protocols : kVersions) {
    Scene scene;
    version(scene, protocols).load();
    for (const std::size_t part : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 64U, 1000U}) {
      CAPTURE(protocols);
      CAPTURE(part);
      Talk talk = scene.talk();
      talk.part_bytes = part;
      talk.run();
      REQUIRE(talk.established());
      talk.dialler.say("all of this");
      talk.listener.say("and all of that");
      talk.run();
      CHECK(talk.listener.read() == "all of this");
      CHECK(talk.dialler.read() == "and all of that");
    }
  }
}

TEST_CASE("a stream of records may be cut at every place, and is quiet between records only") {
  for (const auto& protocols : kVersions) {
    Scene scene;
    Talk talk = version(scene, protocols).shaken();
    for (std::size_t cut = 0;; ++cut) {
      CAPTURE(protocols);
      CAPTURE(cut);
      talk.listener.plain.clear();
      talk.dialler.say("first");
      talk.dialler.say("second record");
      const Buffer sent = std::exchange(talk.dialler.sent, {});
      if (cut > sent.size()) break;
      talk.listener.take(Bytes{sent}.first(cut));
      const auto ends = record_ends(sent);
      const bool between = cut == 0 || std::find(ends.begin(), ends.end(), cut) != ends.end();
      CHECK(talk.listener.codec->quiet() == between);
      talk.listener.take(Bytes{sent}.subspan(cut));
      CHECK(talk.listener.read() == "firstsecond record");
      CHECK(talk.listener.codec->quiet());
    }
  }
}

TEST_CASE("what is sent right behind the handshake comes with it") {
  Scene scene;
  scene.load();
  Talk talk = scene.talk();
  talk.listener.take(std::exchange(talk.dialler.sent, {}));
  talk.dialler.take(std::exchange(talk.listener.sent, {}));
  REQUIRE(talk.dialler.codec->established());
  talk.dialler.say("early bird");
  talk.run();
  CHECK(talk.listener.read() == "early bird");
}

TEST_CASE("16 MB go through in both directions") {
  std::string much(16 << 20, ' ');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 7 + (i >> 12));
  for (const auto& protocols : kVersions) {
    CAPTURE(protocols);
    Scene scene;
    Talk talk = version(scene, protocols).shaken();
    talk.part_bytes = 16'000;
    talk.dialler.say(much);
    talk.listener.say(much);
    talk.run();
    CHECK((talk.listener.read() == much));
    CHECK((talk.dialler.read() == much));
    CHECK((talk.listener.codec->quiet() && talk.dialler.codec->quiet()));
  }
}

TEST_CASE("sealing nothing sends nothing") {
  Scene scene;
  Talk talk = scene.shaken();
  talk.dialler.say("");
  CHECK(talk.dialler.sent.empty());
  CHECK_FALSE(talk.dialler.fault);
}

TEST_CASE("a notice of the end is seen by the other side, and what was sent before it comes") {
  for (const auto& protocols : kVersions) {
    CAPTURE(protocols);
    Scene scene;
    Talk talk = version(scene, protocols).shaken();
    CHECK_FALSE(talk.listener.codec->peer_finished());
    talk.dialler.say("goodbye");
    talk.dialler.codec->finish(talk.dialler.sent);
    talk.run();
    CHECK(talk.listener.read() == "goodbye");
    CHECK(talk.listener.codec->peer_finished());
    CHECK_FALSE(talk.dialler.codec->peer_finished());
    CHECK_FALSE(talk.listener.fault);
  }
}

TEST_CASE("what comes behind the notice of the end is not taken") {
  Scene scene;
  Talk talk = scene.shaken();
  talk.dialler.codec->finish(talk.dialler.sent);
  const Buffer notice = std::exchange(talk.dialler.sent, {});
  Buffer twice = notice;
  twice.insert(twice.end(), notice.begin(), notice.end());
  talk.listener.take(twice);
  talk.listener.take(notice);
  talk.listener.take(as_bytes("garbage"));
  CHECK(talk.listener.codec->peer_finished());
  CHECK(talk.listener.plain.empty());
  CHECK(talk.listener.why() == "no fault");
}

TEST_CASE("after the notice of one side the other may still speak") {
  Scene scene;
  Talk talk = scene.shaken();
  talk.dialler.codec->finish(talk.dialler.sent);
  talk.run();
  talk.listener.say("one more thing");
  talk.listener.codec->finish(talk.listener.sent);
  talk.run();
  CHECK(talk.dialler.read() == "one more thing");
  CHECK(talk.dialler.codec->peer_finished());
}

TEST_CASE("the notice is sent once, and nothing can be sealed behind it") {
  Scene scene;
  Talk talk = scene.shaken();
  talk.dialler.codec->finish(talk.dialler.sent);
  const auto size = talk.dialler.sent.size();
  CHECK(size > 0);
  talk.dialler.codec->finish(talk.dialler.sent);
  CHECK(talk.dialler.sent.size() == size);
  CHECK_FALSE(talk.dialler.codec->seal(as_bytes("too late"), talk.dialler.sent).has_value());
}

TEST_CASE("before it is established finish sends nothing") {
  Scene scene;
  scene.load();
  const Talk talk = scene.talk();
  Buffer records;
  talk.listener.codec->finish(records);
  CHECK(records.empty());
}

TEST_CASE("both sides have the same end point") {
  for (const auto& protocols : kVersions) {
    Scene scene;
    const Talk talk = version(scene, protocols).shaken();
    CHECK(talk.listener.codec->end_point().size() == 32);
    CHECK(talk.listener.codec->end_point() == talk.dialler.codec->end_point());
  }
}

TEST_CASE("a codec goes on in another thread, and with an old complaint left in that one") {
  Scene scene;
  Talk talk = scene.shaken();
  talk.dialler.say("first");
  talk.run();
  std::thread([&] {
    Talk other = scene.talk();
    other.listener.take(as_bytes("garbage"));
    talk.dialler.say("second");
    talk.run();
  }).join();
  CHECK(talk.listener.read() == "firstsecond");
  CHECK(talk.listener.why() == "no fault");
}

TEST_CASE("handshakes in several threads while the files are loaded again") {
  Scene scene;
  REQUIRE(scene.load().empty());
  const auto other = scene.authority.make_certificate({.names = {"db.example.com"}});
  std::vector<std::thread> threads;
  std::vector<int> established(3);
  for (auto& count : established) {
    threads.emplace_back([&scene, &count] {
      for (int i = 0; i < 20; ++i) {
        Talk talk = scene.talk();
        talk.run();
        count += talk.established() ? 1 : 0;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    show(scene.folder, scene.clients, i % 2 == 0 ? "other" : "ours",
         i % 2 == 0 ? other : scene.ours);
    CHECK(scene.load().empty());
  }
  for (auto& thread : threads) thread.join();
  CHECK(established == std::vector<int>{20, 20, 20});
}
