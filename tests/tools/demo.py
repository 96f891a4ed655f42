"""demo.py [--once]: 500 pgbench clients on 20 server connections, shown beside PostgreSQL's count.

Stays up until Ctrl-C; with --once it ends after the run, with status 0 only if the run had no
error and PostgreSQL never saw more than 20 connections.
"""
import argparse
import os
import re
import secrets
import subprocess
import threading

import rig

CLIENTS = 500
SERVERS_MAX = 20
PORT_WANTED = 6432
SCALE = 5
SECONDS = 8


class Watch:
    """A side connection that asks PostgreSQL twenty times a second how many sessions demo has."""

    QUESTION = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'demo';\n"

    def __init__(self, postgres_url):
        self.most = 0
        self.asked = 0
        self._done = threading.Event()
        self._psql = subprocess.Popen([rig.program("psql"), "-XAtq", postgres_url], text=True,
                                      bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join(5)
        self._psql.stdin.close()
        self._psql.wait(5)

    def _ask(self):
        while not self._done.wait(0.05):
            self._psql.stdin.write(self.QUESTION)
            self._psql.stdin.flush()
            self.most = max(self.most, int(self._psql.stdout.readline()))
            self.asked += 1


def start_pgweir(here, postgres_port, password):
    """With no file at all when 6432 is free; else the least file that moves it to another port."""
    url = f"postgresql://demo:{password}@127.0.0.1:{{}}/demo"
    port = PORT_WANTED
    if rig.port_is_free(port):
        environment = {**os.environ, "DATABASE_URL": url.format(postgres_port)}
        here.start("pgweir", port, [rig.require_pgweir()], env=environment)
    else:
        port = rig.free_port()
        print(f"demo: port {PORT_WANTED} is taken, so pgweir listens on {port}")
        here.pgweir("pgweir", port)
    return url.format(port)


def prepare(here):
    """A cluster with one role and one database, both `demo`; returns its port and password."""
    postgres = here.postgres(max_connections=100)
    password = secrets.token_hex(8)
    for statement in (f"CREATE ROLE demo LOGIN PASSWORD '{password}'",
                      "CREATE DATABASE demo OWNER demo"):
        rig.run([rig.program("psql"), "-Xqc", statement, superuser_url(postgres.port)])
    return postgres.port, password


def superuser_url(port):
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def pgbench(url):
    """Returns its exit status and all it printed."""
    done = subprocess.run([rig.program("pgbench"), "-n", "-S", "-c", str(CLIENTS), "-j", "2",
                           "-T", str(SECONDS), url], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def figure(pattern, text):
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def show(status, report, watch):
    """Prints the result; True when it is what we promise."""
    tps = figure(r"tps = ([\d.]+)", report)
    latency = figure(r"latency average = ([\d.]+) ms", report)
    failed = figure(r"number of failed transactions: (\d+)", report)
    good = status == 0 and tps > 0 and failed == 0 and 0 < watch.most <= SERVERS_MAX
    print(f"\n  {CLIENTS} clients, {watch.most} server connections"
          f" (the most PostgreSQL saw in {watch.asked} looks)")
    print(f"  {tps:,.0f} transactions a second, {latency:.1f} ms on average, {failed:.0f} failed\n")
    if not good:
        print(f"demo: not as promised; pgbench ended with {status} and said:\n{report}")
    return good


def demo(once):
    rig.raise_open_files()
    with rig.Rig() as here:
        print("demo: starting a throwaway PostgreSQL with max_connections = 100")
        postgres_port, password = prepare(here)
        url = start_pgweir(here, postgres_port, password)
        print(f"demo: pgweir is up in front of it\n\n  DATABASE_URL={url}\n")
        print(f"demo: filling pgbench's tables through it (scale {SCALE})")
        rig.run([rig.program("pgbench"), "-i", "-q", "-s", SCALE, url])
        print(f"demo: {CLIENTS} clients for {SECONDS} seconds", flush=True)
        with Watch(superuser_url(postgres_port)) as watch:
            status, report = pgbench(url)
        good = show(status, report, watch)
        if not once:
            print(f"demo: still up; try it, and end it with Ctrl-C\n\n  psql {url}\n", flush=True)
            threading.Event().wait()
        return 0 if good else 1


def main():
    arguments = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    arguments.add_argument("--once", action="store_true", help="end after the run")
    return demo(arguments.parse_args().once)


if __name__ == "__main__":
    rig.told(main)
