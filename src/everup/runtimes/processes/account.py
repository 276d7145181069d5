"""Whose account an instance runs under: a name or number, perhaps with a group after a colon."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from everup.model.errors import GiveUp


@dataclass(frozen=True, slots=True)
class Account:
    """Ids to switch to, and the variables that go with them."""

    user_id: int
    group_id: int
    groups: tuple[int, ...]
    env: Mapping[str, str]


def account_for(user: str | None) -> Account | None:
    """The account to switch to; None when the instance runs as Everup does.

    Raises:
        GiveUp: there is no such user or group, or Everup may not switch to it.
    """
    if user is None:
        return None
    name, _, group = user.partition(":")
    entry = _user(name, user)
    group_id = _group(group, user) if group else entry.pw_gid
    if os.geteuid() != 0:
        if entry.pw_uid == os.geteuid() and group_id in (os.getegid(), *os.getgroups()):
            return None
        raise GiveUp(
            f"user: {user!r} needs Everup to run as root; run it so, or remove `user` to run the "
            f"service as {_own_name()}"
        )
    env = {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}
    groups = tuple(os.getgrouplist(entry.pw_name, group_id))
    return Account(entry.pw_uid, group_id, groups, env)


def _user(name: str, declared: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        raise GiveUp(
            f"user: there is no user {name!r} on this machine (declared: {declared!r}); "
            "create it or name one that exists"
        ) from None


def _group(name: str, declared: str) -> int:
    try:
        return grp.getgrgid(int(name)).gr_gid if name.isdecimal() else grp.getgrnam(name).gr_gid
    except (KeyError, OverflowError):
        raise GiveUp(
            f"user: there is no group {name!r} on this machine (declared: {declared!r}); "
            "create it or name one that exists"
        ) from None


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
