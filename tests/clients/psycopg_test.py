"""psycopg_test.py: psycopg (libpq) through TLS and every login; see stage.py."""
import json
import os
import sys
import threading
import traceback

import psycopg

STAGE = json.loads(os.environ["STAGE"])
ACCOUNTS = 20
TESTS = []


def test(body):
    TESTS.append(body)
    return body


def connect(user, **more):
    words = {"host": STAGE["host"], "port": STAGE["port"], "dbname": STAGE["database"],
             "user": user, "password": STAGE["password"], "sslmode": "verify-full",
             "sslrootcert": STAGE["ca"], "connect_timeout": 30, **more}
    return psycopg.connect(prepare_threshold=None, **words)


def refused(saying, user, **more):
    """The login has to fail, and to say so."""
    try:
        connect(user, **more).close()
    except psycopg.OperationalError as error:
        assert saying in str(error), f"{error!s} does not say {saying!r}"
        return
    raise AssertionError(f"let in, where {saying!r} was expected")


def user_of(connection):
    return connection.execute("SELECT current_user").fetchone()[0]


@test
def verify_full():
    """sslmode=verify-full with the right authority, by TLS 1.3 and by TLS 1.2"""
    for version in ("TLSv1.2", "TLSv1.3"):
        with connect("by_scram", ssl_min_protocol_version=version,
                     ssl_max_protocol_version=version) as one:
            assert one.pgconn.ssl_in_use
            assert user_of(one) == "by_scram"


@test
def wrong_authority():
    """another authority is refused by the client"""
    refused("certificate verify failed", "by_scram", sslrootcert=STAGE["stranger_ca"])


@test
def wrong_name():
    """a name that the certificate does not bear is refused by the client"""
    refused('does not match host name "elsewhere"', "by_scram", host="elsewhere",
            hostaddr=STAGE["host"])


@test
def no_tls():
    """in plain text nobody comes in"""
    refused("SSL required", "by_scram", sslmode="disable")


@test
def channel_binding():
    """channel_binding=require: SCRAM-SHA-256-PLUS is there, and md5 does not pass for it"""
    with connect("by_scram", channel_binding="require") as one:
        assert user_of(one) == "by_scram"
    refused("channel binding", "by_md5", channel_binding="require")


@test
def every_login():
    """SCRAM, md5, a password in clear text, and a user that auth_query finds"""
    for user in ("by_scram", "by_md5", "by_plain", "by_query"):
        with connect(user) as one:
            assert user_of(one) == user


@test
def wrong_password():
    """a wrong password is told as one, for every login and for a user nobody knows"""
    for user in ("by_scram", "by_md5", "by_plain", "by_query", "nobody"):
        refused(f'FATAL:  password authentication failed for user "{user}"', user,
                password="wrong")


@test
def client_certificate():
    """a certificate that names the user lets in; another's, or none, does not"""
    own = {"sslcert": STAGE["certificate"], "sslkey": STAGE["key"], "port": STAGE["cert_port"]}
    with connect("by_cert", password="unused", **own) as one:
        assert user_of(one) == "by_cert"
    other = {**own, "sslcert": STAGE["other_certificate"], "sslkey": STAGE["other_key"]}
    refused("certificate authentication failed", "by_cert", **other)
    refused("certificate authentication failed", "by_plain", **own)
    refused("certificate required", "by_cert", port=STAGE["cert_port"])


@test
def transactions():
    """commit, rollback, an error that has to be rolled back, a savepoint"""
    with connect("by_scram") as one:
        one.execute("UPDATE account SET held = held + 5 WHERE id = 1")
        one.commit()
        one.execute("UPDATE account SET held = held + 5 WHERE id = 1")
        one.rollback()
        assert one.execute("SELECT held FROM account WHERE id = 1").fetchone()[0] == 105
        one.rollback()
        try:
            one.execute("SELECT 1/0")
        except psycopg.errors.DivisionByZero:
            pass
        try:
            one.execute("SELECT 1")
            raise AssertionError("a failed transaction went on")
        except psycopg.errors.InFailedSqlTransaction:
            one.rollback()
        with one.transaction():
            try:
                with one.transaction():
                    one.execute("UPDATE account SET held = 0")
                    one.execute("SELECT 1/0")
            except psycopg.errors.DivisionByZero:
                pass
            one.execute("UPDATE account SET held = 100 WHERE id = 1")
        total = one.execute("SELECT sum(held) FROM account").fetchone()[0]
        assert total == 100 * ACCOUNTS, total


@test
def pipeline():
    """a pipeline of 200 queries, and one that fails half way"""
    with connect("by_scram", autocommit=True) as one:
        with one.pipeline():
            cursors = [one.execute("SELECT %s::int", (i,)) for i in range(200)]
            assert [cursor.fetchone()[0] for cursor in cursors] == list(range(200))
        try:
            with one.pipeline() as line:
                one.execute("SELECT 1")
                one.execute("SELECT 1/0")
                one.execute("SELECT 2")
                line.sync()
            raise AssertionError("the pipeline did not fail")
        except (psycopg.errors.DivisionByZero, psycopg.errors.PipelineAborted):
            pass
        assert one.execute("SELECT 3").fetchone()[0] == 3


@test
def large_rows():
    """rows longer than a TLS record, both ways"""
    text = "x" * 300_000
    with connect("by_scram") as one:
        assert one.execute("SELECT %s::text", (text,)).fetchone()[0] == text


@test
def at_once():
    """50 connections at once, each with a transaction on a row that all want"""
    faults = []

    def one_of_them(user):
        try:
            with connect(user) as one:
                held = one.execute("SELECT held FROM account WHERE id = 2 FOR UPDATE").fetchone()
                one.execute("UPDATE account SET held = %s WHERE id = 2", (held[0] + 1,))
        except Exception as fault:  # Told below, by the test itself.
            faults.append(fault)

    users = ["by_scram", "by_md5", "by_plain", "by_query", "by_scram"] * 10
    threads = [threading.Thread(target=one_of_them, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults[:3]
    with connect("by_scram") as one:
        assert one.execute("SELECT held FROM account WHERE id = 2").fetchone()[0] == 150


@test
def new_password():
    """a password that was changed is good at once, and the old one no more"""
    with connect("by_query") as before:
        with psycopg.connect(host=STAGE["host"], port=STAGE["server_port"], user="postgres",
                             dbname=STAGE["database"], autocommit=True) as direct:
            direct.execute("ALTER ROLE by_query PASSWORD 'quite another'")
        with connect("by_query", password="quite another") as after:
            assert user_of(after) == "by_query"
        refused("password authentication failed", "by_query")
        assert user_of(before) == "by_query"


def main():
    print(f"1..{len(TESTS)}")
    good = True
    for number, body in enumerate(TESTS, 1):
        try:
            body()
            print(f"ok {number} - {body.__doc__}", flush=True)
        except Exception:
            good = False
            print(f"not ok {number} - {body.__doc__}")
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()),
                  flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
