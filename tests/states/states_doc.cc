// states_doc: draws docs/STATES.md from the tables of pool/states.h. Without a word it compares
// and tells the first line that differs; with --write it writes the file.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "pool/states.h"

namespace {

using namespace weir::pool;

constexpr const char* kFile = WEIR_SOURCE_DIR "/docs/STATES.md";

constexpr std::string_view kOpening =
    "# States\n\n"
    "Drawn from the tables of `pool/states.h` by `./dev states`; a test compares. Change the\n"
    "table, never this file. A connection stands in exactly one state, which is one list of its\n"
    "pool; what is not an edge here is a failed check and aborts.\n";

template <typename Machine, typename StateNames, typename EventNames>
std::string draw(std::string_view title, std::string_view words, const Machine& machine,
                 const StateNames& states, const EventNames& events) {
  const auto name = [](const auto& names, auto value) {
    return std::string{names[static_cast<std::size_t>(value)]};
  };
  std::string gone;
  std::string out = "\n## " + std::string{title} + "\n\n" + std::string{words} + "\n\n";
  out += "```mermaid\nstateDiagram-v2\n  [*] --> " + name(states, machine.edges[0].from) + "\n";
  // The farewells of every state would hide the rest: they stand in the table only.
  for (const auto& edge : machine.edges) {
    const std::string event = name(events, edge.on);
    if (event == "gone" || event == "dismissed") continue;
    out += "  " + name(states, edge.from) + " --> " + name(states, edge.to) + ": " + event + "\n";
  }
  out += "```\n\n| from | event | to |\n|---|---|---|\n";
  for (std::size_t state = 0; state < states.size(); ++state) {
    for (const auto& edge : machine.edges) {
      if (static_cast<std::size_t>(edge.from) != state) continue;
      out += "| `" + name(states, edge.from) + "` | `" + name(events, edge.on) + "` | `" +
             name(states, edge.to) + "` |\n";
    }
  }
  return out;
}

std::string whole() {
  return std::string{kOpening} +
         draw("Clients",
              "The diagram leaves out `dismissed` (we part from it: to `draining`) and `gone`\n"
              "(it parts from us: to `closed`), which the table has.",
              kClientMachine, kClientStateNames, kClientEventNames) +
         draw("Server connections",
              "The diagram leaves out `dismissed` (we say goodbye: to `leaving`) and `gone` (the\n"
              "connection is closed), which the table has. A server counts against every limit\n"
              "until it is `closed`.",
              kServerMachine, kServerStateNames, kServerEventNames);
}

int compare(const std::string& want, const std::string& have) {
  std::istringstream wanted{want}, there{have};
  std::string a, b;
  for (int line = 1;; ++line) {
    const bool more_a = static_cast<bool>(std::getline(wanted, a));
    const bool more_b = static_cast<bool>(std::getline(there, b));
    if (!more_a && !more_b) return want == have ? 0 : 1;
    if (more_a == more_b && a == b) continue;
    std::fprintf(stderr, "%s:%d: is '%s'\n  but the tables of pool/states.h say '%s'\n%s\n", kFile,
                 line, b.c_str(), a.c_str(), "    cure: ./dev states");
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string want = whole();
  if (argc > 1 && std::string_view{argv[1]} == "--write") {
    std::ofstream{kFile} << want;
    return 0;
  }
  std::ifstream file{kFile};
  return compare(want, {std::istreambuf_iterator<char>{file}, {}});
}
