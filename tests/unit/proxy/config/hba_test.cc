#include "proxy/config/hba.h"

#include <doctest/doctest.h>

#include "tests/unit/proxy/config/scratch_directory.h"

using namespace weir::proxy::config;

namespace {

const Interfaces kOwn = {*Network::parse("192.168.7.5/24", {}), *Network::parse("127.0.0.1/8", {}),
                         *Network::parse("2001:db8::5/64", {})};

Hba parsed(std::string_view text) {
  auto hba = parse_hba("h.conf", text, kOwn);
  REQUIRE_MESSAGE(hba.has_value(), (hba ? "" : hba.error().text));
  return *hba;
}

std::string complaint(std::string_view text) {
  const auto hba = parse_hba("h.conf", text, kOwn);
  return hba ? "accepted" : hba.error().text;
}

// Whether it was accepted, and if not, a part of the complaint.
bool says(std::string_view text, std::string_view part) {
  return complaint(text).find(part) != std::string::npos;
}

// "unix", or an address, with "+tls" behind it if so.
HbaRequest request(std::string_view from, std::string_view database, std::string_view user) {
  HbaRequest out{{}, from.ends_with("+tls"), database, {}, user};
  if (out.tls) from.remove_suffix(4);
  if (from != "unix") {
    out.ip = Ip::parse(from);
    REQUIRE(out.ip.has_value());
  }
  return out;
}

// The line of the rule that matches; 0: none.
int line(const Hba& hba, std::string_view from, std::string_view database, std::string_view user) {
  const HbaRule* const rule = hba.match(request(from, database, user));
  if (rule == nullptr) return 0;
  return std::stoi(rule->place.substr(rule->place.rfind(':') + 1));
}

HbaRule only(std::string_view text) {
  const Hba hba = parsed(text);
  REQUIRE(hba.rules.size() == 1);
  return hba.rules[0];
}

}  // namespace

TEST_CASE("PostgreSQL's own file lets in who comes from this machine") {
  const Hba hba = parsed(
      "# PostgreSQL Client Authentication Configuration File\n"
      "# TYPE  DATABASE        USER            ADDRESS                 METHOD\n"
      "\n"
      "# \"local\" is for Unix domain socket connections only\n"
      "local   all             all                                     peer\n"
      "# IPv4 local connections:\n"
      "host    all             all             127.0.0.1/32            scram-sha-256\n"
      "# IPv6 local connections:\n"
      "host    all             all             ::1/128                 scram-sha-256\n"
      "# Allow replication connections from localhost, by a user with the\n"
      "# replication privilege.\n"
      "local   replication     all                                     peer\n"
      "host    replication     all             127.0.0.1/32            scram-sha-256\n"
      "host    replication     all             ::1/128                 scram-sha-256\n");
  CHECK(hba.rules.size() == 6);
  CHECK(line(hba, "unix", "shop", "anna") == 5);
  CHECK(line(hba, "127.0.0.1", "shop", "anna") == 7);
  CHECK(line(hba, "::1", "shop", "anna") == 9);
  CHECK(line(hba, "10.0.0.1", "shop", "anna") == 0);
  CHECK(hba.rules[0].method == HbaMethod::peer);
  CHECK(hba.rules[1].method == HbaMethod::scram_sha_256);
}

// The rules that PgBouncer's own tests play, but for what it does not check there itself.
TEST_CASE("a file of PgBouncer's means what it means there") {
  const Hba hba = parsed(
      " \t \t\n"
      "host\t\tpgbouncer\tpgbouncer\t127.0.0.1/32\ttrust\n"
      "local\t\tdbp\t\tall\t\t\t\t\tpeer\n"
      "local\t\tall\t\tuserp\t\t\t\t\tpassword\n"
      "local\t\tall\t\tall\t\t\t\t\tmd5\n"
      "hostssl\t\tall\t\tall\t10.0.0.0/8\t\t\tcert\n"
      "hostnossl\tall\t\tall\t11.0.0.0/8\t\t\tmd5\n"
      "host\t\tall\t\tall\t127.0.0.0  255.255.255.0\tpassword\n"
      "host\t\tdb1\t\tall\t0.0.0.0/0\t\t\tmd5\n"
      "host\t\ttmp1,all\tuser1,user2 , user3\t\t\t16.0.0.0/8\tmd5\n"
      "host\t\td1,d2,d3\tt18user\t\t18.0.0.0/8\ttrust # comment\n"
      "host\t\t\"all\"\t\t\"all\"\t\t19.0.0.0/8\tcert\n"
      "host\t\t\"q1\"\"q2\"\t\"a , b\"\t\t19.0.0.0/8\tcert\n"
      "host\t\tmdb2\tmuser\t\t128.0.0.0/9\t\ttrust\n"
      "host\t\tmdb2\tmuser\t\t128.0.0.0/8\t\tmd5\n"
      "host\t\tmdb\tmuser\t\tff20::/12\t\tmd5\n"
      "host\t\tmdb3\tmuser\t\tall\t\t\tscram-sha-256\n"
      "host\t\tmdb4\tmuser\t\tall\t\t\treject\n"
      "host\t\tdb2,replication\tadmin2\t::1/128\t\t\ttrust\n");
  struct Row {
    std::string_view from, database, user;
    int line;
  };
  for (const Row& row : {
           Row{"127.0.0.1", "pgbouncer", "pgbouncer", 2},
           Row{"unix", "dbp", "userp", 3},
           Row{"unix", "db", "userp", 4},
           Row{"unix", "db", "user", 5},
           Row{"10.1.1.1+tls", "db", "user", 6},
           Row{"10.1.1.1", "db", "user", 0},
           Row{"11.1.1.1", "db", "user", 7},
           Row{"11.1.1.1+tls", "db", "user", 0},
           Row{"127.0.0.9", "db", "user", 8},
           Row{"127.0.1.9", "db", "user", 0},
           Row{"9.9.9.9", "db1", "user", 9},
           Row{"16.1.1.1", "any", "user3", 10},
           Row{"16.1.1.1", "any", "user4", 0},
           Row{"18.1.1.1", "d3", "t18user", 11},
           Row{"18.1.1.1", "d4", "t18user", 0},
           Row{"19.1.1.1", "all", "all", 12},
           Row{"19.1.1.1", "db", "user", 0},
           Row{"19.1.1.1", "q1\"q2", "a , b", 13},
           Row{"128.1.1.1", "mdb2", "muser", 14},
           Row{"128.200.1.1", "mdb2", "muser", 15},
           Row{"ff22::1", "mdb", "muser", 16},
           Row{"ff32::1", "mdb", "muser", 0},
           Row{"1.2.3.4", "mdb3", "muser", 17},
           Row{"5::6", "mdb3", "muser", 17},
           Row{"5::6", "mdb4", "muser", 18},
           Row{"::1", "db2", "admin2", 19},
           Row{"::1", "replication", "admin2", 0},
       }) {
    CAPTURE(row.from);
    CAPTURE(row.database);
    CAPTURE(row.user);
    CHECK(line(hba, row.from, row.database, row.user) == row.line);
  }
}

TEST_CASE("a type says how the connection came") {
  struct Row {
    std::string_view type;
    bool unix_socket, plain, tls;
  };
  for (const Row& row : {
           Row{"local all all", true, false, false},
           Row{"host all all all", false, true, true},
           Row{"hostssl all all all", false, false, true},
           Row{"hostnossl all all all", false, true, false},
           Row{"hostgssenc all all all", false, false, false},
           Row{"hostnogssenc all all all", false, true, true},
       }) {
    CAPTURE(row.type);
    const Hba hba = parsed(std::string(row.type) + " trust");
    CHECK((line(hba, "unix", "d", "u") == 1) == row.unix_socket);
    CHECK((line(hba, "1.2.3.4", "d", "u") == 1) == row.plain);
    CHECK((line(hba, "1.2.3.4+tls", "d", "u") == 1) == row.tls);
  }
}

TEST_CASE("the first rule that matches decides") {
  const Hba hba = parsed(
      "host all mallory all reject\n"
      "host shop all 10.0.0.0/8 trust\n"
      "host all all 10.0.0.0/8 reject\n"
      "host all all all md5\n");
  CHECK(line(hba, "10.0.0.1", "shop", "mallory") == 1);
  CHECK(line(hba, "10.0.0.1", "shop", "anna") == 2);
  CHECK(line(hba, "10.0.0.1", "other", "anna") == 3);
  CHECK(line(hba, "11.0.0.1", "other", "anna") == 4);
  CHECK(line(hba, "unix", "other", "anna") == 0);
  CHECK(line(Hba{}, "unix", "other", "anna") == 0);
}

TEST_CASE("keywords are words without quotes") {
  struct Row {
    std::string_view fields, database, user;
    bool matches;
  };
  for (const Row& row : {
           Row{"all all", "d", "u", true},
           Row{"\"all\" all", "d", "u", false},
           Row{"\"all\" all", "all", "u", true},
           Row{"all \"all\"", "d", "u", false},
           Row{"all \"all\"", "d", "all", true},
           Row{"sameuser all", "anna", "anna", true},
           Row{"sameuser all", "shop", "anna", false},
           Row{"\"sameuser\" all", "anna", "anna", false},
           Row{"\"sameuser\" all", "sameuser", "anna", true},
           Row{"shop,sameuser all", "shop", "anna", true},
           Row{"all sameuser", "sameuser", "anna", false},
           Row{"replication all", "replication", "u", false},
           Row{"\"replication\" all", "replication", "u", true},
           Row{"\"samerole\" all", "samerole", "u", true},
           Row{"all \"+staff\"", "d", "+staff", true},
           Row{"ALL all", "d", "u", false},
           Row{"a,b,c u,v", "b", "v", true},
           Row{"a,b,c u,v", "b", "w", false},
           Row{"all @", "d", "@", true},
       }) {
    CAPTURE(row.fields);
    const Hba hba = parsed("local " + std::string(row.fields) + " trust");
    CHECK((line(hba, "unix", row.database, row.user) == 1) == row.matches);
  }
}

TEST_CASE("physical replication is meant by its keyword alone, and that means nothing else") {
  const auto lets_in = [](const std::string& databases, bool replication) {
    const Hba hba = parsed("local " + databases + " all trust");
    HbaRequest request;
    request.database = "replication";
    request.user = "u";
    request.replication = replication;
    return hba.match(request) != nullptr;
  };
  CHECK(lets_in("replication", true));
  CHECK(lets_in("shop,replication", true));
  CHECK_FALSE(lets_in("replication", false));
  for (const char* const databases : {"all", "sameuser", "\"replication\"", "shop"}) {
    CAPTURE(databases);
    CHECK_FALSE(lets_in(databases, true));
  }
}

TEST_CASE("samehost is this machine, samenet are its networks") {
  const Hba host = parsed("host all all samehost trust");
  CHECK(line(host, "192.168.7.5", "d", "u") == 1);
  CHECK(line(host, "192.168.7.6", "d", "u") == 0);
  CHECK(line(host, "2001:db8::5", "d", "u") == 1);
  const Hba net = parsed("host all all samenet trust");
  CHECK(line(net, "192.168.7.6", "d", "u") == 1);
  CHECK(line(net, "192.168.8.6", "d", "u") == 0);
  CHECK(line(net, "2001:db8::77", "d", "u") == 1);
  CHECK(line(net, "2001:db8:1::77", "d", "u") == 0);
  CHECK(line(parsed("host all all \"10.0.0.0/8\" trust"), "10.1.1.1", "d", "u") == 1);
  CHECK(says("host all all \"samehost\" trust", "is no address"));
}

TEST_CASE("an IPv4 address that came as IPv6 meets the IPv4 rules and no other") {
  const Hba hba = parsed(
      "host all all ::/0 trust\n"
      "host all all 10.0.0.0/8 reject\n");
  HbaRequest mapped = request("10.1.1.1", "d", "u");
  mapped.ip = Ip{true, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 1, 1}};
  REQUIRE(hba.match(mapped) != nullptr);
  CHECK(hba.match(mapped)->method == HbaMethod::reject);
}

TEST_CASE("lists and rules may stand in files beside the file") {
  const ScratchDirectory directory;
  directory.write("staff", "anna\nbert, \"all\"\n");
  directory.write("more.conf", "host all all 10.0.0.0/8 md5\n");
  const std::string path =
      directory.write("hba.conf", "local all @staff trust\ninclude more.conf\n");
  const auto hba = read_hba(path, {"t.ini", 3}, {});
  REQUIRE(hba);
  CHECK(line(*hba, "unix", "d", "bert") == 1);
  CHECK(line(*hba, "unix", "d", "all") == 1);
  CHECK(line(*hba, "unix", "d", "dora") == 0);
  CHECK(hba->rules[1].place == directory.path() + "/more.conf:1");
  const auto missing = read_hba("/nowhere/hba.conf", {"t.ini", 3}, {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text ==
        "t.ini:3: cannot read \"/nowhere/hba.conf\": No such file or directory");
}

TEST_CASE("methods are PostgreSQL's") {
  struct Row {
    std::string_view text;
    HbaMethod method;
  };
  for (const Row& row : {
           Row{"local all all trust", HbaMethod::trust},
           Row{"local all all reject", HbaMethod::reject},
           Row{"local all all md5", HbaMethod::md5},
           Row{"local all all password", HbaMethod::password},
           Row{"local all all plain", HbaMethod::password},
           Row{"local all all scram-sha-256", HbaMethod::scram_sha_256},
           Row{"local all all peer", HbaMethod::peer},
           Row{"local all all ident", HbaMethod::peer},
           Row{"hostssl all all all cert", HbaMethod::cert},
           Row{"host all all all cert", HbaMethod::cert},
       }) {
    CAPTURE(row.text);
    CHECK(only(row.text).method == row.method);
  }
}

TEST_CASE("options say how a certificate counts and where names are looked up") {
  CHECK(only("local all all peer map=sys").map == "sys");
  CHECK(only("local all all ident map=sys").map == "sys");
  CHECK(only("local all all peer \"map=my map\"").map == "my map");
  CHECK(only("host all all all trust").client_cert == ClientCert::no);
  const HbaRule cert = only("hostssl all all all cert map=m clientname=DN");
  CHECK(cert.map == "m");
  CHECK(cert.client_cert == ClientCert::verify_full);
  CHECK(cert.client_name == ClientName::dn);
  CHECK(only("hostssl all all all cert clientcert=verify-full").client_name == ClientName::cn);
  CHECK(only("hostssl all all all md5 clientcert=verify-ca").client_cert == ClientCert::verify_ca);
  CHECK(
      only("hostssl all all all scram-sha-256 clientcert=verify-full clientname=CN").client_cert ==
      ClientCert::verify_full);
}

TEST_CASE("a mistake names file and line and what to write") {
  struct Row {
    std::string_view text, complaint;
  };
  for (const Row& row : {
           Row{"hosts all all all trust",
               "unknown type \"hosts\": write local, host, hostssl, hostnossl, hostgssenc or "
               "hostnogssenc"},
           Row{"local,host all all all trust", "there is one type to a line, no list of them"},
           Row{"local", "the line ends before the database"},
           Row{"local all", "the line ends before the user"},
           Row{"local all all", "the line ends before the method"},
           Row{"host all all", "the line ends before the address"},
           Row{"host all all all", "the line ends before the method"},
           Row{"host all all 10.0.0.0/8", "the line ends before the method"},
           Row{"host all all 10.0.0.1 trust", "no mask behind \"10.0.0.1\": write address/bits"},
           Row{"host all all 10.0.0.1 255.0.0.0",
               "no mask behind \"10.0.0.1\": write address/bits"},
           Row{"host all all 10.0.0.0/33 trust", "\"33\" is no length of a prefix: write 0 to 32"},
           Row{"host all all 10.0.0.0,11.0.0.0 trust",
               "there is one address to a line, no list of them"},
           Row{"host all all db.example.com trust",
               "\"db.example.com\" is no address: write one with /bits, or all, samehost or "
               "samenet; names are not looked up, for a false answer would open the door"},
           Row{"host all all .example.com trust",
               "\".example.com\" is no address: write one with /bits, or all, samehost or "
               "samenet; names are not looked up, for a false answer would open the door"},
           Row{"local samerole all trust",
               "samerole asks who belongs to a role, which PostgreSQL alone knows: list the "
               "databases and users"},
           Row{"local a,samegroup all trust",
               "samegroup asks who belongs to a role, which PostgreSQL alone knows: list the "
               "databases and users"},
           Row{"local all +staff trust",
               "\"+staff\" is a group, whose members PostgreSQL alone knows: list them, or write "
               "@file and list them there"},
           Row{"local /^db all trust",
               "\"/^db\" is a regular expression, which is not built in here: list the names, or "
               "write @file and list them there"},
           Row{"local all \"/^u,v\" trust",
               "\"/^u,v\" is a regular expression, which is not built in here: list the names, or "
               "write @file and list them there"},
           Row{"local all all secret",
               "unknown method \"secret\": write trust, reject, scram-sha-256, md5, password, "
               "peer or cert"},
           Row{"local all all md5,trust", "there is one method to a line, no list of them"},
           Row{"host all all all peer",
               "peer is for unix sockets only: write local, or another method"},
           Row{"local all all cert", "cert needs TLS: write hostssl, or another method"},
           Row{"hostnossl all all all cert", "cert needs TLS: write hostssl, or another method"},
           Row{"local all all peer map", "\"map\" is no option: name=value"},
           Row{"local all all peer map=", "map= names no map of auth_ident_file"},
           Row{"local all all md5 map=m", "map= is for the methods peer and cert"},
           Row{"local all all peer krb_realm=X",
               "unknown option \"krb_realm\": there are map, clientcert and clientname"},
           Row{"host all all all md5 clientcert=verify-ca", "clientcert= is for hostssl only"},
           Row{"hostssl all all all md5 clientcert=1",
               "\"1\" is none of clientcert's: write verify-ca or verify-full"},
           Row{"hostssl all all all cert clientcert=verify-ca",
               "method cert is clientcert=verify-full already, and verify-ca would be less"},
           Row{"local all all peer clientname=CN", "clientname= is for hostssl only"},
           Row{"hostssl all all all cert clientname=SAN",
               "\"SAN\" is none of clientname's: write CN or DN"},
       }) {
    CAPTURE(row.text);
    CHECK(complaint("# first\n" + std::string(row.text)) ==
          "h.conf:2: " + std::string(row.complaint));
  }
}

TEST_CASE("methods that are not built in are refused when the file is read, with the reason") {
  for (const char* method : {"ident", "ldap", "pam", "gss", "sspi", "radius", "bsd", "oauth"}) {
    CAPTURE(method);
    CHECK(says("host all all all " + std::string(method),
               "h.conf:1: method " + std::string(method) + " "));
  }
  CHECK(says("host all all all ldap ldapserver=x ldapprefix=y", "method ldap needs"));
}

TEST_CASE("all mistakes are told at once") {
  CHECK(complaint("local all all trsut\nlocal all all trust\nlocal all +x md5\n")
            .find("h.conf:1: unknown method") == 0);
  CHECK(says("local all all trsut\nlocal all all trust\nlocal all +x md5\n", "\nh.conf:3: \"+x\""));
}
