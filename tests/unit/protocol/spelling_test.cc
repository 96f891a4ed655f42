#include "protocol/spelling.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

using namespace weir::protocol;

TEST_CASE("encodings have PostgreSQL's names, whatever case and punctuation they come with") {
  using Pair = std::pair<std::string_view, std::string_view>;
  for (const Pair& pair : std::initializer_list<Pair>{{"utf-8", "UTF8"},
                                                      {"Unicode", "UTF8"},
                                                      {"UNICODE", "UNICODE"},
                                                      {"'utf8'", "UTF8"},
                                                      {"latin1", "LATIN1"},
                                                      {"ISO-8859-15", "LATIN9"},
                                                      {"iso_8859_5", "ISO_8859_5"},
                                                      {"Latin10", "LATIN10"},
                                                      {"windows-1252", "WIN1252"},
                                                      {"win", "WIN1251"},
                                                      {"windows932", "SJIS"},
                                                      {"WINDOWS866", "WIN866"},
                                                      {"koi8", "KOI8R"},
                                                      {"sql_ascii", "SQL_ASCII"},
                                                      {"shift_jis_2004", "SHIFT_JIS_2004"},
                                                      {"mule_internal", "MULE_INTERNAL"},
                                                      {"euc_jis_2004", "EUC_JIS_2004"},
                                                      {"tcvn5712", "WIN1258"}}) {
    CAPTURE(pair.first);
    CHECK(spelled_encoding(pair.first) == pair.second);
  }
}

TEST_CASE("what PostgreSQL does not know as an encoding is none") {
  for (const char* const said : {"", "utf16", "cp1252", "ascii", "windows", "latin", "latin11",
                                 "iso8859", "win1259", "-", "windows1251x"}) {
    CAPTURE(said);
    CHECK_FALSE(spelled_encoding(said));
  }
  CHECK(spelled_encoding(std::string(59, '-') + "utf8"));
  CHECK_FALSE(spelled_encoding(std::string(60, '-') + "utf8"));
}

TEST_CASE("a DateStyle is spelled whole: what it leaves open is the server's own") {
  CHECK(spelled("DateStyle", "iso, mdy", "ISO, MDY") == "ISO, MDY");
  CHECK(spelled("DateStyle", "iso", "ISO, MDY") == "ISO, MDY");
  CHECK(spelled("DateStyle", "ISO", "German, DMY") == "ISO, DMY");
  CHECK(spelled("DateStyle", "sql,EURO", "ISO, MDY") == "SQL, DMY");
  CHECK(spelled("DateStyle", "us", "ISO, YMD") == "ISO, MDY");
  CHECK(spelled("DateStyle", "NonEuropean", "ISO, YMD") == "ISO, MDY");
  CHECK(spelled("DateStyle", "postgres", "ISO, YMD") == "Postgres, YMD");
  CHECK(spelled("DateStyle", "german", "ISO, MDY") == "German, DMY");
  CHECK(spelled("DateStyle", "german,mdy", "ISO, MDY") == "German, MDY");
  CHECK(spelled("DateStyle", "ymd , iso", "") == "ISO, YMD");
}

TEST_CASE("a DateStyle that cannot be known, or is none, stays as it is") {
  for (const char* const value : {"", "default", "ISO, SQL", "dmy,mdy", "isox", "bogus", "iso,,"}) {
    CAPTURE(value);
    CHECK(spelled("DateStyle", value, "ISO, MDY") == value);
  }
}

TEST_CASE("switches are on or off, by any beginning that only one of them has") {
  const auto spell = [](const char* value) {
    return spelled("standard_conforming_strings", value, "on");
  };
  for (const char* const on : {"on", "ON", "t", "True", "y", "yes", "1"}) CHECK(spell(on) == "on");
  for (const char* const off : {"of", "off", "f", "false", "N", "no", "0"}) {
    CHECK(spell(off) == "off");
  }
  for (const char* const odd : {"", "o", "onn", "2", " on"}) CHECK(spell(odd) == odd);
  CHECK(spelled("default_transaction_read_only", "T", "off") == "on");
}

TEST_CASE("other values: an IntervalStyle in small letters, a name in printable ASCII") {
  CHECK(spelled("IntervalStyle", "ISO_8601", "postgres") == "iso_8601");
  CHECK(spelled("IntervalStyle", "Odd", "postgres") == "Odd");
  CHECK(spelled("application_name", "caf\xe9\n", "") ==
        "caf?"
        "?");
  CHECK(spelled("TimeZone", "europe/rome", "UTC") == "europe/rome");
  CHECK(spelled("client_encoding", "utf-8", "UTF8") == "UTF8");
  CHECK(spelled("client_encoding", "odd", "UTF8") == "odd");
}
