// statement.cc: processor time of the scanner of SQL text, in nanoseconds a byte and a text, for
// texts as programs send them. Build it in Release to compare with other numbers.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "protocol/check.h"
#include "protocol/statement.h"

using namespace weir::protocol;

namespace {

constexpr std::size_t kBytesARound = 4'000'000;
constexpr int kRounds = 15;

std::string repeated(const std::string& first, const std::string& part, std::size_t bytes) {
  std::string text = first;
  while (text.size() + part.size() <= bytes) text += part;
  return text;
}

// The median of some rounds.
void row(const char* name, const std::string& text) {
  const std::size_t texts = kBytesARound / text.size();
  std::vector<double> each_ns;
  for (int round = 0; round < kRounds; ++round) {
    std::size_t statements = 0;
    const std::clock_t begun = std::clock();
    for (std::size_t i = 0; i < texts; ++i) {
      const auto each = [&](const Statement& one) { statements += one.end <= text.size(); };
      StatementScanner scanner;
      scanner.feed(std::string_view(text), each);
      scanner.finish(each);
    }
    const double spent_ns = static_cast<double>(std::clock() - begun) * 1e9 / CLOCKS_PER_SEC;
    WEIR_CHECK(statements == texts);
    each_ns.push_back(spent_ns / static_cast<double>(texts));
  }
  std::nth_element(each_ns.begin(), each_ns.begin() + kRounds / 2, each_ns.end());
  const double ns = each_ns[kRounds / 2];
  std::printf("%-28s %6zu bytes: %6.2f ns a byte, %8.0f ns a text\n", name, text.size(),
              ns / static_cast<double>(text.size()), ns);
}

}  // namespace

int main() {
  row("pgbench", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;");
  row("a query",
      "SELECT u.id, u.name, count(o.id) FROM users u JOIN orders o ON o.user_id = u.id "
      "WHERE u.email = $1 GROUP");
  row("a query of an ORM",
      repeated("SELECT \"public\".\"User\".\"id\"", ", \"public\".\"User\".\"createdAt\"", 950) +
          " FROM \"public\".\"User\" WHERE (\"public\".\"User\".\"id\" = $1)");
  row("a long query",
      repeated("SELECT o.id, o.placed_at FROM orders o\n",
               " LEFT JOIN lines l ON l.order_id = o.id AND l.state IN ('open', 'paid') -- more\n",
               10'000));
  row("rows of values",
      repeated("INSERT INTO t VALUES (1, 2)", ", (123456, 'some text, 17')", 10'000));
  row("one long string", "INSERT INTO t VALUES ('" + std::string(10'000, 'x') + "')");
}
