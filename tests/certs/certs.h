// certs.h: certificate authorities and certificates, made when a test wants them. Their dates are
// fixed, so that no test depends on the day it runs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::certs {

enum class Kind : std::uint8_t { p256, rsa2048, ed25519 };
enum class Dates : std::uint8_t { valid, expired, not_yet };  // Expired with the year 2001.

// PEM, both.
struct Certificate {
  std::string text;
  std::string key;
};

struct Wanted {
  std::string common_name = {};             // Empty: none.
  std::vector<std::string> names = {};      // dNSName.
  std::vector<std::string> addresses = {};  // iPAddress.
  Dates dates = Dates::valid;
  Kind kind = Kind::p256;
  std::string digest = "SHA256";  // Of the signature; unused when the authority is ed25519.
};

class Authority {
 public:
  ~Authority();
  Authority(Authority&&) noexcept;
  Authority& operator=(Authority&&) noexcept;

  const std::string& text() const { return text_; }  // Its own certificate, PEM.
  Certificate make_certificate(const Wanted& wanted) const;
  // One below it. Its certificates' text holds its own behind them, as a chain.
  Authority make_authority(const std::string& name) const;

 private:
  struct Inside;
  friend Authority make_authority(const std::string& name, Kind kind);
  Authority(std::unique_ptr<Inside> inside, std::string text, std::string chain);

  std::unique_ptr<Inside> inside_;
  std::string text_;
  std::string chain_;  // What comes behind each certificate it makes.
};

Authority make_authority(const std::string& name, Kind kind = Kind::p256);
// By its own key, of no authority.
Certificate make_self_signed(const Wanted& wanted);
// The key, behind a password.
std::string encrypted_key(const Certificate& certificate, const std::string& password);

// A temporary folder that is gone at the end. Files have mode 600.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Gives the path.
  std::string write(std::string_view name, std::string_view text) const;

 private:
  std::string path_;
};

}  // namespace weir::certs
