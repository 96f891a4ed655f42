// toy_codec.h: a Codec that can be read by eye: "hello." and "welcome." make the handshake, a
// record is "<length>:<text turned by 13>.", "bye." ends it. Anything else is a fault with the
// alert "no.".
#pragma once

#include <string>
#include <string_view>

#include "proxy/codec.h"

namespace weir::street {

class ToyCodec final : public proxy::Codec {
 public:
  enum class Side : unsigned char { begins, answers };
  explicit ToyCodec(Side side) : side_(side) {}

  Result<void> begin(Buffer& reply) override {
    if (side_ == Side::begins) put(reply, "hello.");
    return {};
  }
  Result<void> open(Bytes records, Buffer& plain, Buffer& reply) override;
  Result<void> seal(Bytes plain, Buffer& records) override;
  void finish(Buffer& records) override {
    if (established_) put(records, "bye.");
  }
  bool established() const override { return established_; }
  bool peer_finished() const override { return finished_; }
  bool quiet() const override { return established_ && kept_.empty(); }
  std::optional<proxy::PeerName> verified_peer() const override { return std::nullopt; }
  Buffer end_point() const override { return {}; }
  std::string description() const override { return "toy"; }

 private:
  static void put(Buffer& out, std::string_view text) {
    out.insert(out.end(), text.begin(), text.end());
  }
  Result<void> take(std::string_view record, Buffer& plain, Buffer& reply);

  Side side_;
  std::string kept_;
  bool established_ = false;
  bool finished_ = false;
};

}  // namespace weir::street
