#include "pool/list.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

using weir::pool::Link;
using weir::pool::List;

namespace {

struct Bead : Link {
  char name = '?';
};

std::string names(List<Bead>& list) {
  std::string all;
  list.each([&](Bead& bead) { all += bead.name; });
  return all;
}

struct Beads {
  std::array<Bead, 4> all;
  Beads() {
    for (std::size_t i = 0; i < all.size(); ++i) all[i].name = static_cast<char>('a' + i);
  }
};

}  // namespace

TEST_CASE("a new list is empty") {
  List<Bead> list;
  CHECK(list.empty());
  CHECK(list.size() == 0);
  CHECK(list.front() == nullptr);
  CHECK(list.back() == nullptr);
}

TEST_CASE("items stand where they were pushed, and leave from anywhere") {
  Beads beads;
  List<Bead> list;
  list.push_back(beads.all[0]);
  list.push_back(beads.all[1]);
  list.push_front(beads.all[2]);
  CHECK(names(list) == "cab");
  CHECK(list.front()->name == 'c');
  CHECK(list.back()->name == 'b');
  list.remove(beads.all[0]);
  CHECK(names(list) == "cb");
  CHECK(list.size() == 2);
  list.push_back(beads.all[0]);
  CHECK(names(list) == "cba");
  for (const std::size_t i : {0u, 1u, 2u}) list.remove(beads.all[i]);
  CHECK(list.empty());
}

TEST_CASE("each() lets the visited one go") {
  Beads beads;
  List<Bead> list, other;
  for (Bead& bead : beads.all) list.push_back(bead);
  list.each([&](Bead& bead) {
    if (bead.name == 'b' || bead.name == 'd') list.remove(bead);
    if (bead.name == 'd') other.push_back(bead);
  });
  CHECK(names(list) == "ac");
  CHECK(names(other) == "d");
  list.remove(beads.all[0]);
  list.remove(beads.all[2]);
  other.remove(beads.all[3]);
}
