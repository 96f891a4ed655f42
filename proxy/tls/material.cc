#include "proxy/tls/material.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "proxy/tls/rules.h"

namespace weir::proxy::tls {

namespace {

struct Descriptor {
  int number;
  explicit Descriptor(const std::string& path)
      : number(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

std::string words_for_errno() {
  switch (errno) {
    case ENOENT:
      return "no such file";
    case EACCES:
      return "permission denied";
    default:
      return std::strerror(errno);
  }
}

Said<Buffer> read_whole(const std::string& path) {
  const Descriptor file(path);
  struct ::stat is {};
  if (file.number < 0 || ::fstat(file.number, &is) != 0) return config::no(words_for_errno());
  if (S_ISDIR(is.st_mode)) return config::no("is a directory");
  if (!S_ISREG(is.st_mode)) return config::no("is not a file");
  if (static_cast<std::size_t>(is.st_size) > kFileBytesMax) return config::no("is too long");
  Buffer content(static_cast<std::size_t>(is.st_size));
  std::size_t size = 0;
  while (size < content.size()) {
    const auto got = ::read(file.number, content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return config::no(words_for_errno());
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  content.resize(size);
  return content;
}

std::string told(Peer peer, std::string_view key, const std::string& path, std::string_view what) {
  return key_name(peer, key).append(" ").append(path).append(": ").append(what);
}

BioPtr reader(Bytes content) {
  // Of an empty file there are no bytes to point at, and OpenSSL refuses a null.
  const void* bytes = content.empty() ? "" : static_cast<const void*>(content.data());
  return BioPtr{BIO_new_mem_buf(bytes, static_cast<int>(content.size()))};
}

// Nobody is there to be asked: OpenSSL must not turn to the terminal.
int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

CertificatePtr next_certificate(BIO* bio) {
  bool asked = false;
  return CertificatePtr{PEM_read_bio_X509_AUX(bio, nullptr, no_password, &asked)};
}

// After the last certificate: whether the file ended, or what follows cannot be read.
bool at_end() {
  const unsigned long error = ERR_peek_last_error();
  const bool end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (end) forget_complaints();
  return end;
}

std::string use_certificates(SSL_CTX& context, const std::string& path, Peer peer, Bytes content) {
  const BioPtr bio = reader(content);
  const CertificatePtr first = next_certificate(bio.get());
  if (!first) {
    const std::string why = at_end() ? "holds no certificate" : "cannot be read: " + complaint();
    return told(peer, "cert_file", path, why);
  }
  if (SSL_CTX_use_certificate(&context, first.get()) != 1) {
    return told(peer, "cert_file", path, "OpenSSL does not take it: " + complaint());
  }
  while (CertificatePtr next = next_certificate(bio.get())) {
    if (SSL_CTX_add0_chain_cert(&context, next.get()) != 1) {
      return told(peer, "cert_file", path, "OpenSSL does not take the chain: " + complaint());
    }
    static_cast<void>(next.release());  // The context's now.
  }
  return at_end() ? std::string{}
                  : told(peer, "cert_file", path, "cannot be read to its end: " + complaint());
}

std::string use_key(SSL_CTX& context, const config::TlsSettings& settings, Peer peer,
                    Bytes content) {
  const std::string& path = settings.key_file;
  const BioPtr bio = reader(content);
  bool asked = false;
  const KeyPtr key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, &asked)};
  if (asked) {
    forget_complaints();
    return told(peer, "key_file", path,
                "is encrypted, and there is nobody to ask for its password");
  }
  if (!key) {
    forget_complaints();  // It might quote from the file.
    return told(peer, "key_file", path, "holds no private key");
  }
  const EVP_PKEY* named = X509_get0_pubkey(SSL_CTX_get0_certificate(&context));
  if (named == nullptr || EVP_PKEY_eq(named, key.get()) != 1) {
    forget_complaints();
    return told(peer, "key_file", path, "does not match the certificate in " + settings.cert_file);
  }
  if (SSL_CTX_use_PrivateKey(&context, key.get()) == 1) return {};
  return told(peer, "key_file", path, "OpenSSL does not take it: " + complaint());
}

// The file OpenSSL reads by itself; its directory is looked into whenever an authority is wanted.
Bytes system_content(Files& files) {
  const char* named = std::getenv(X509_get_default_cert_file_env());
  const auto content = files.content(named != nullptr ? named : X509_get_default_cert_file());
  return content ? *content : Bytes{};
}

Said<Bytes> authority_content(const std::string& ca_file, Peer peer, Files& files) {
  if (ca_file == kSystemStore) return system_content(files);
  const auto content = files.content(ca_file);
  if (!content) return config::no(told(peer, "ca_file", ca_file, content.error()));
  return *content;
}

bool read_authorities(X509_STORE& store, Bytes content, std::size_t& count) {
  const BioPtr bio = reader(content);
  while (const CertificatePtr next = next_certificate(bio.get())) {
    if (X509_STORE_add_cert(&store, next.get()) != 1) return false;
    ++count;
  }
  return at_end();
}

Said<StorePtr> make_store(const std::string& ca_file, Peer peer, Bytes content) {
  StorePtr store{X509_STORE_new()};
  if (!store) return config::no(told(peer, "ca_file", ca_file, complaint()));
  if (ca_file == kSystemStore) {
    if (X509_STORE_set_default_paths(store.get()) == 1) return store;
    return config::no(told(peer, "ca_file", ca_file, complaint()));
  }
  std::size_t count = 0;
  if (!read_authorities(*store, content, count)) {
    return config::no(told(peer, "ca_file", ca_file, "cannot be read: " + complaint()));
  }
  if (count == 0) return config::no(told(peer, "ca_file", ca_file, "holds no certificate"));
  return store;
}

void append(Buffer& to, Bytes content) {
  const auto digest = protocol::sha256(content);
  to.insert(to.end(), digest.begin(), digest.end());
}

}  // namespace

Files::~Files() {
  for (auto& [path, content] : read_) {
    if (content) protocol::wipe(*content);
  }
}

Said<Bytes> Files::content(const std::string& path) {
  auto at = read_.find(path);
  if (at == read_.end()) at = read_.emplace(path, read_whole(path)).first;
  if (!at->second) return config::no(at->second.error());
  return Bytes{*at->second};
}

std::string show_certificate(SSL_CTX& context, const config::TlsSettings& settings, Peer peer,
                             Files& files) {
  if (settings.cert_file.empty() && settings.key_file.empty()) return {};
  const auto certificate = files.content(settings.cert_file);
  const auto key = files.content(settings.key_file);
  if (!certificate) return told(peer, "cert_file", settings.cert_file, certificate.error());
  if (!key) return told(peer, "key_file", settings.key_file, key.error());
  const auto sentence = use_certificates(context, settings.cert_file, peer, *certificate);
  return sentence.empty() ? use_key(context, settings, peer, *key) : sentence;
}

Said<X509_STORE*> Stores::find(const std::string& ca_file, Peer peer, Files& files) {
  const auto content = authority_content(ca_file, peer, files);
  if (!content) return config::no(content.error());
  const auto digest = protocol::sha256(*content);
  const std::string key = ca_file + '\0' + std::string{as_text(digest)};
  auto at = stores_.find(key);
  if (at == stores_.end()) {
    auto store = make_store(ca_file, peer, *content);
    if (!store) return config::no(store.error());
    at = stores_.emplace(key, Entry{std::move(*store)}).first;
  }
  at->second.used = true;
  return at->second.store.get();
}

void Stores::mark() {
  for (auto& [key, entry] : stores_) entry.used = false;
}

void Stores::keep_used() {
  std::erase_if(stores_, [](const auto& entry) { return !entry.second.used; });
}

Said<protocol::Digest> material_digest(const config::TlsSettings& settings, bool verifies,
                                       Peer peer, Files& files) {
  Buffer all;
  for (const auto& [key, path] :
       {std::pair{"cert_file", &settings.cert_file}, std::pair{"key_file", &settings.key_file}}) {
    if (path->empty()) continue;
    const auto content = files.content(*path);
    if (!content) return config::no(told(peer, key, *path, content.error()));
    append(all, *content);
  }
  if (verifies) {
    const auto content = authority_content(settings.ca_file, peer, files);
    if (!content) return config::no(content.error());
    append(all, *content);
  }
  return protocol::sha256(all);
}

}  // namespace weir::proxy::tls
