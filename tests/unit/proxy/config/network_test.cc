#include "proxy/config/network.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace weir::proxy::config;

namespace {

Ip ip(std::string_view text) {
  const auto parsed = Ip::parse(text);
  REQUIRE_MESSAGE(parsed.has_value(), text);
  return *parsed;
}

bool contains(std::string_view network, std::string_view address) {
  const auto space = network.find(' ');
  std::optional<std::string_view> mask;
  if (space != std::string_view::npos) mask = network.substr(space + 1);
  const auto parsed = Network::parse(network.substr(0, space), mask);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error()));
  return parsed->contains(ip(address));
}

std::string complaint(std::string_view text, std::optional<std::string_view> mask = {}) {
  const auto parsed = Network::parse(text, mask);
  return parsed ? "accepted" : parsed.error();
}

}  // namespace

TEST_CASE("an address lies in a network or does not") {
  struct Row {
    std::string_view network;
    std::string_view address;
    bool inside;
  };
  for (const Row& row : {
           Row{"10.0.0.0/8", "10.255.0.1", true},
           Row{"10.0.0.0/8", "11.0.0.1", false},
           Row{"10.9.9.9/8", "10.0.0.1", true},
           Row{"128.0.0.0/9", "128.127.0.1", true},
           Row{"128.0.0.0/9", "128.128.0.1", false},
           Row{"0.0.0.0/0", "255.255.255.255", true},
           Row{"0.0.0.0/0", "::1", false},
           Row{"::/0", "127.0.0.1", false},
           Row{"::/0", "::ffff:127.0.0.1", false},
           Row{"199.199.199.199/32", "199.199.199.199", true},
           Row{"199.199.199.199/32", "199.199.199.198", false},
           Row{"127.0.0.0 255.255.255.0", "127.0.0.77", true},
           Row{"127.0.0.0 255.255.255.0", "127.0.1.77", false},
           Row{"10.0.0.5 255.0.0.255", "10.7.7.5", true},
           Row{"10.0.0.5 255.0.0.255", "10.7.7.6", false},
           Row{"fe80::/10", "febf::1", true},
           Row{"fe80::/10", "fec0::1", false},
           Row{"::1/128", "::1", true},
           Row{"::1/128", "::2", false},
           Row{"2001:db8:: ffff:ffff::", "2001:db8:1::", true},
           Row{"2001:db8:: ffff:ffff::", "2001:db9::", false},
           Row{"10.0.0.0/8", "::ffff:10.1.2.3", true},
           Row{"::ffff:10.0.0.0/104", "10.1.2.3", true},
           Row{"::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true},
           Row{"::ffff:10.0.0.0/104", "11.1.2.3", false},
           Row{"::ffff:10.1.2.3 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "10.1.2.3", true},
       }) {
    CAPTURE(row.network);
    CAPTURE(row.address);
    CHECK(contains(row.network, row.address) == row.inside);
  }
}

TEST_CASE("what is no network is refused with the cure") {
  CHECK(complaint("10.0.0.0/33") == "\"33\" is no length of a prefix: write 0 to 32");
  CHECK(complaint("::/129") == "\"129\" is no length of a prefix: write 0 to 128");
  CHECK(complaint("10.0.0.0/") == "\"\" is no length of a prefix: write 0 to 32");
  CHECK(complaint("10.0.0.0/-1") == "\"-1\" is no length of a prefix: write 0 to 32");
  CHECK(complaint("10.0.0.0/8x") == "\"8x\" is no length of a prefix: write 0 to 32");
  CHECK(complaint("10.0.0.0/99999999999") ==
        "\"99999999999\" is no length of a prefix: write 0 to 32");
  CHECK(complaint("10.0.0.1") == "no mask behind \"10.0.0.1\": write address/bits");
  CHECK(complaint("10.0.0.1", "::") == "address and mask are not of one family");
  CHECK(complaint("10.0.0.1", "8") ==
        "\"8\" is no mask: write one as 255.255.255.0, or address/bits");
  CHECK(complaint("10.1/8") == "\"10.1/8\" is no address");
  CHECK(complaint("fe80::1%eth0/64") == "\"fe80::1%eth0/64\" is no address");
}

TEST_CASE("a mapped address is an IPv4 address") {
  CHECK(ip("::ffff:192.0.2.1") == ip("192.0.2.1"));
  CHECK_FALSE(ip("::ffff:192.0.2.1") == ip("::192.0.2.1"));
}

TEST_CASE("this machine's addresses have loopback among them") {
  const auto own = local_interfaces();
  REQUIRE(own);
  const bool loopback = std::any_of(own->begin(), own->end(), [](const Network& network) {
    return network.base == ip("127.0.0.1") && network.contains(ip("127.9.9.9"));
  });
  CHECK(loopback);
}
