// libpq.h: libpq, in memory only while it is used. GnuTLS, Kerberos and LDAP come with it: 3 MB
// that serve no client of ours, for the life of the process, if it were linked.
#pragma once

#include <libpq-fe.h>

#include <string>

// Every function of libpq that pgweir calls.
#define WEIR_LIBPQ(use)                                                                     \
  use(PQconninfoParse) use(PQconninfoFree) use(PQconndefaults) use(PQconnectStartParams)    \
      use(PQconnectPoll) use(PQfinish) use(PQstatus) use(PQsocket) use(PQerrorMessage)      \
          use(PQbackendPID) use(PQlibVersion) use(PQsetNoticeProcessor) use(PQsslAttribute) \
              use(PQsslStruct) use(PQsendQueryParams) use(PQflush) use(PQisBusy)            \
                  use(PQconsumeInput) use(PQgetResult) use(PQclear) use(PQresultStatus)     \
                      use(PQntuples) use(PQnfields) use(PQgetvalue) use(PQgetisnull)        \
                          use(PQresultErrorField)

namespace weir::proxy::config {

// The first of several at a time loads it (some milliseconds), the last one gone unloads it: who
// needs it often holds one around the whole.
class Libpq {
 public:
  Libpq();
  ~Libpq();
  Libpq(const Libpq&) = delete;
  Libpq& operator=(const Libpq&) = delete;

  // Without a complaint all of the functions are there, else none may be called.
  const std::string& complaint() const { return complaint_; }

// NOLINTNEXTLINE(bugprone-macro-parentheses): a name that is declared takes none.
#define WEIR_DECLARE(name) decltype(&::name) name = nullptr;
  WEIR_LIBPQ(WEIR_DECLARE)
#undef WEIR_DECLARE

 private:
  void* library_ = nullptr;
  std::string complaint_;
};

}  // namespace weir::proxy::config
