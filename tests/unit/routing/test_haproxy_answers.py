"""What HAProxy says, as versions say it and as nobody should: values, or `Unreadable`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.routing import Order, Served, ServerName
from everup.routing.haproxy import answers

COLUMNS = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health"
    " srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord"
    " srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"
)
UP = "2 web 1 web1 127.0.0.1 2 0 50 50 2 6 3 4 6 0 0 0 - 19081 - 0 0 - - 0"
DRAINS = "2 web 2 web2 10.0.0.2 2 8 25 50 0 6 3 4 6 0 0 0 web.lan 80 - 0 0 - - 0"
DOWN = "2 web 3 web3 10.0.0.3 0 0 1 1 0 6 2 0 6 0 0 0 - 80 - 0 0 - - 0"
OUT = "2 web 4 t1 127.0.0.1 0 5 1 1 4 1 0 0 14 0 0 0 - 19090 - 0 0 - - 0"
UNCHECKED = "3 plain 1 x 127.0.0.1 2 0 1 1 4 1 0 2 0 0 0 0 - 19081 - 0 0 - - 0"
LOST = "3 dns 1 d1 10.0.0.9 0 32 1 1 4 1 0 0 6 0 0 0 web 80 - 0 0 - - 0"
STATE = "\n".join(["1", COLUMNS, UP, DRAINS, DOWN, OUT, UNCHECKED, LOST])
STAT = (
    "# pxname,svname,qcur,qmax,scur,smax,stot,econ,eresp,hrsp_5xx,\n"
    "web,web1,1,3,2,9,40,1,2,3,\nweb,web2,,,0,,,,,,\nweb,BACKEND,0,0,7,0,9,0,0,0,\n"
    "web,web3,0,0,x,0,7,0,0,,\n"
)


def test_servers_as_they_are() -> None:
    found = {
        str(s.name): s for s in answers.servers(STATE, answers.sessions(STAT), answers.served(STAT))
    }
    up = found["web/web1"]
    assert (up.address, up.port, up.weight, up.sessions) == ("127.0.0.1", 19081, 50, 3)
    assert (up.is_up, up.is_checked, up.takes) == (True, True, True)
    assert up.served == Served(40, 6)
    assert found["web/web3"].served == Served(7, 0)
    assert found["web/web2"].served is None, "not said"
    drains = found["web/web2"]
    assert (drains.order, drains.weight, drains.host_name) == (Order.DRAIN, 25, "web.lan")
    assert not drains.takes
    assert found["web/web3"].is_up is False
    assert not found["web/web3"].takes
    assert found["web/t1"].order is Order.OUT
    assert found["plain/x"].is_up is None, "nobody checks it"
    assert found["plain/x"].takes
    assert found["dns/d1"].address == "", "its name leads nowhere"
    assert not found["dns/d1"].takes
    assert not up.is_encrypted


WHOLE = (
    "# pxname,svname,qcur,scur,stot,econ,eresp,hrsp_5xx,mode,qtime,ctime,rtime,type,\n"
    "web,web1,2,5,40,0,0,1,http,9,1,20,2,\nweb,BACKEND,7,12,50,9,0,4,http,10,2,28,1,\n"
    "db,BACKEND,0,1,9,1,1,,tcp,0,0,0,1,\nold,BACKEND,,1,,,,,http,,,,1,\n"
)


def test_groups_as_a_whole() -> None:
    """In HTTP what fails ends with an answer that says so, and is counted once."""
    found = answers.groups(WHOLE)
    assert found["web"].waiting == 7
    assert found["web"].served == Served(50, 4, 0.04, answers.FADES_OVER)
    db = found["db"].served
    assert db is not None
    assert (db.requests, db.failures, math.isnan(db.latency_s)) == (9, 2, True)
    assert found["old"].served is None
    assert math.isnan(found["old"].waiting)
    assert answers.waiting(WHOLE)[ServerName("web", "web1")] == 2
    (one,) = answers.servers(
        "\n".join(["1", COLUMNS, UP]), answers.sessions(WHOLE), {}, answers.waiting(WHOLE)
    )
    assert (one.waiting, one.sessions) == (2, 7)


def test_tls_is_seen() -> None:
    tls = UP.replace("19081 - 0", "19081 - 1")
    (found,) = answers.servers("\n".join(["1", COLUMNS, tls]), {})
    assert found.is_encrypted


@pytest.mark.parametrize(("mode", "latency_s"), [("http", 0.012), ("tcp", math.nan)])
def test_answers_are_timed_in_http_alone(mode: str, latency_s: float) -> None:
    text = f"# pxname,svname,stot,econ,eresp,hrsp_5xx,mode,rtime,\nweb,web1,40,1,2,,{mode},12,\n"
    found = answers.served(text)[ServerName("web", "web1")]
    assert (found.requests, found.failures) == (40, 3)
    assert found.latency_s == pytest.approx(latency_s, nan_ok=True)


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("Name: HAProxy\nVersion: 2.4.22-f8e3218\nPid: 1\n", (2, 4)),
        ("Name: HAProxy\nVersion: 3.2.0\nPid: 8\nStart_time_sec: 170\n", (3, 2)),
        ("Name: HAProxy Enterprise\nVersion: 2.6r1\nPid: 8\n", (2, 6)),
    ],
)
def test_versions(said: str, number: tuple[int, int]) -> None:
    assert answers.info(said).number == number


def test_another_process_is_another_life() -> None:
    lives = {answers.info(f"Name: HAProxy\nVersion: 2.6\nPid: {n}\n").life for n in (1, 2)}
    assert len(lives) == 2


@pytest.mark.parametrize("text", ["", "Permission denied\n", "<html>", "Name: nginx\nVersion: 2.6"])
def test_what_is_no_haproxy(text: str) -> None:
    with pytest.raises(answers.Unreadable):
        answers.info(text)


@pytest.mark.parametrize("text", ["", "2\n# be_name\n", "1\n# be_name srv_name\n", "1\n", "\0\n\0"])
def test_what_is_no_state(text: str) -> None:
    with pytest.raises(answers.Unreadable):
        answers.servers(text, {})


@pytest.mark.parametrize("text", ["", "pxname", "Unknown command\n"])
def test_what_are_no_statistics(text: str) -> None:
    with pytest.raises(answers.Unreadable):
        answers.served(text)


@pytest.mark.parametrize(
    "line",
    [
        "2 web 1 web1;quit 127.0.0.1" + UP.partition("127.0.0.1")[2],
        UP.replace(" 50 50 ", " many 50 "),
        "2 web 1 web1 127.0.0.1",
        "2 web 1 " + "w" * 200 + " 127.0.0.1" + UP.partition("127.0.0.1")[2],
    ],
)
def test_a_line_that_is_not_understood_is_left_out(line: str) -> None:
    found = answers.servers("\n".join(["1", COLUMNS, line, DOWN]), {})
    assert [s.name for s in found] == [ServerName("web", "web3")]


def test_odd_addresses_and_ports_lead_nowhere() -> None:
    line = UP.replace("127.0.0.1", "$(reboot)").replace("19081", "99999")
    (one,) = answers.servers("\n".join(["1", COLUMNS, line]), {})
    assert (one.address, one.port, one.takes) == ("", 0, False)


def test_too_many_are_refused() -> None:
    lines = [UP] * (answers.SERVERS_MOST + 1)
    with pytest.raises(answers.Unreadable, match="at most"):
        answers.servers("\n".join(["1", COLUMNS, *lines]), {})


_CELLS = st.one_of(st.text(max_size=12), st.sampled_from(["-1", "1e999", "nan", "web", "0", "é"]))


@given(st.lists(st.lists(_CELLS, max_size=30).map(" ".join), max_size=6))
def test_no_answer_breaks_us(lines: list[str]) -> None:
    for text in ("\n".join(lines), "\n".join(["1", COLUMNS, *lines])):
        try:
            found = answers.servers(text, {})
        except answers.Unreadable:
            continue
        assert all(answers.is_name(s.name.group) and answers.is_name(s.name.name) for s in found)
        assert all(0 <= s.port < 65536 for s in found)


@given(st.text(max_size=200))
def test_nor_do_statistics_or_versions(text: str) -> None:
    for read in (answers.info, answers.served, answers.sessions):
        for said in (text, f"# pxname,svname,\n{text}", f"Name: HAProxy\nVersion: {text}"):
            try:
                read(said)
            except answers.Unreadable:
                continue


@given(st.text(max_size=40))
def test_a_name_says_nothing_else(text: str) -> None:
    if answers.is_name(text):
        assert not set(text) & set(" ;\n\r\t\0/\\'\"#")


@pytest.mark.parametrize(
    ("text", "good", "said"),
    [
        ("\n\n", (), ""),
        ("No such server.\n", (), "No such server."),
        ("New server registered.\n", ("New server registered",), ""),
        ("Permission\n  denied", (), "Permission denied"),
    ],
)
def test_what_an_order_is_answered(text: str, good: tuple[str, ...], said: str) -> None:
    assert answers.complaint(text, good) == said
