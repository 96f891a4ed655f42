// Property: whatever is noted and whatever is answered, a ledger never owes more than was noted,
// settled means that nothing is owed, a desync changes nothing, and clear() makes it as new.
#include "protocol/ledger.h"

#include <optional>
#include <string_view>

#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

constexpr std::string_view kAnswers = "123ACDEGHINSTVZcdnst";

struct Facts {
  std::size_t owed;
  bool settled, copying, doubtful, drop;
  bool operator==(const Facts&) const = default;
};

Facts facts(const Ledger& ledger) {
  return {ledger.owed(), ledger.settled(), ledger.copying_in(), ledger.doubtful(),
          ledger.front_is_drop()};
}

void answer(Ledger& ledger, char tag) {
  const Facts before = facts(ledger);
  const Verdict verdict = ledger.on_answer(tag);
  WEIR_CHECK(ledger.owed() <= before.owed);
  WEIR_CHECK(!before.doubtful || ledger.doubtful());
  if (verdict == Verdict::desync) WEIR_CHECK(facts(ledger) == before);
  if (verdict == Verdict::drop) WEIR_CHECK(before.drop);
  // Only what is owed, a farewell or news of the server's own comes through.
  const bool asked = before.owed > 0 || tag == 'E' || tag == 'N' || tag == 'S' || tag == 'A';
  WEIR_CHECK(asked || verdict == Verdict::desync);
}

}  // namespace

// The upper half of the byte values are answers, the lower half notes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Ledger ledger;
  for (Bytes input{data, size}; !input.empty();) {
    const std::uint8_t byte = fuzz::take_byte(input);
    if (byte >= 0x80) {
      const std::size_t which = byte & 0x7f;
      answer(ledger, which < kAnswers.size() ? kAnswers[which] : static_cast<char>(which));
    } else if (!ledger.full()) {
      const std::size_t owed = ledger.owed();
      ledger.note(static_cast<Request>(byte % 9), static_cast<Action>(byte / 9 % 3));
      WEIR_CHECK(ledger.owed() <= owed + 1);
    }
    while (ledger.take_ours()) {
    }
    WEIR_CHECK(!ledger.settled() || ledger.owed() == 0);
    WEIR_CHECK(ledger.owed() <= size);
  }
  ledger.clear();
  WEIR_CHECK(facts(ledger) == facts(Ledger{}));
  WEIR_CHECK(ledger.on_answer('Z') == Verdict::desync);
  return 0;
}
