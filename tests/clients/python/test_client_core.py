"""The client's state machine: no event loop, no network, no clock of its own."""

from __future__ import annotations

import pytest
from tests.clients.python.playing import Play

from tricast.client.ends import Dropped, NoHello, Refused, Unreachable
from tricast.client.link import AskToken, Denied, Drop
from tricast.client.message import Event
from tricast.client.options import Options
from tricast.errors import BadRequest, Forbidden, Unauthorized


def test_it_connects_when_something_is_wanted_and_not_before() -> None:
    play = Play()
    play.want()
    assert play.core.state == "connecting"
    assert play.open_links == set()
    play.want("demo/**")
    assert play.last.topics == ("demo/**",)
    assert play.last.cursor == "latest"


def test_it_is_replaying_after_hello_and_live_when_told_so() -> None:
    play = Play()
    assert play.core.state == "connecting"
    play.hello(None)
    assert (play.core.state, play.core.transport) == ("replaying", "websocket")
    play.event(11)
    play.say("live", "e-11")
    assert play.core.state == "live"


def test_it_goes_on_from_the_last_cursor_that_it_saw() -> None:
    play = Play()
    play.live("e-10")
    play.event(11, 12)
    play.say("heartbeat", "e-40")
    play.end()
    assert play.core.state == "reconnecting"
    play.wait(1)
    assert play.last.cursor == "e-40"


def test_events_that_come_again_are_dropped() -> None:
    play = Play()
    play.live("e-10")
    play.event(11, 12, 12, 10, 13)
    assert play.given == [11, 12, 13]
    assert play.core.counts.duplicates == 2


def test_a_reset_is_told_and_gone_on_from_also_where_it_leads_back() -> None:
    play = Play()
    play.live("e-100")
    play.event(101)
    play.end()
    play.wait(1)
    play.hello(None)
    play.say("reset", "f-5", reason="ahead", cursor="f-5", oldest="f-1")
    play.event(6)
    assert play.given == [101, 6]
    assert [reset["reason"] for reset in play.resets] == ["ahead"]
    assert play.core.position.cursor == "e-6"


def test_ephemeral_events_are_given_though_they_have_no_cursor() -> None:
    play = Play()
    play.live("e-10")
    play.event(11)
    moved = Event("x", "/", "cursor.moved", "demo/a", None, None, None, 1, {})
    play.core.said(play.last.link, moved, play.now)
    assert len(play.core.actions) == 1
    assert play.core.position.cursor == "e-11"


def test_delays_double_up_to_thirty_seconds_and_begin_anew_after_a_stable_minute() -> None:
    play = Play()
    delays = []
    for _ in range(8):
        play.live()
        play.end()
        delays.append(play.reconnected_after_s())
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30]
    play.live()
    for beat in range(5):
        play.wait(15)
        play.say("heartbeat", f"e-{beat + 20}")
    play.end()
    assert play.reconnected_after_s() == 1


def test_a_goodbye_says_when_to_come_back() -> None:
    play = Play()
    play.live()
    play.say("goodbye", reason="draining", reconnect_after_ms=7000)
    assert play.core.state == "reconnecting"
    assert play.reconnected_after_s() == 7


def test_retry_after_is_waited_for_and_then_the_jitter() -> None:
    play = Play()
    play.end(Dropped("busy", at_least_s=5.0, is_ours=True))
    assert play.reconnected_after_s() == 6


def test_a_transport_that_fails_three_times_is_left_for_the_next() -> None:
    play = Play()
    seen = []
    for _ in range(9):
        seen.append(play.last.transport)
        play.end()
        play.reconnected_after_s()
    assert seen == ["websocket"] * 3 + ["sse"] * 3 + ["poll"] * 3
    assert play.last.transport == "websocket"
    assert play.core.state == "reconnecting"


def test_a_transport_that_was_not_tried_yet_is_tried_at_once_and_a_second_round_waits() -> None:
    play = Play()
    delays = []
    for _ in range(10):
        play.end()
        delays.append(play.reconnected_after_s())
    assert [delay == 0 for delay in delays] == [False, False, True, False, False, True, *[False] * 4]


def test_a_transport_that_opens_but_shows_no_hello_is_left_at_once() -> None:
    play = Play()
    play.wait(10)
    assert play.of(Drop)[-1].link == 1
    play.wait(0)
    assert play.last.transport == "sse"


def test_who_gets_an_answer_of_the_server_does_not_blame_the_transport() -> None:
    play = Play()
    for _ in range(5):
        play.say("goodbye", reason="unavailable", reconnect_after_ms=1000)
        play.wait(1)
    assert play.last.transport == "websocket"


def test_a_server_that_nobody_reaches_is_no_fault_of_the_transport() -> None:
    play = Play()
    for _ in range(5):
        play.end(Unreachable("refused"))
        assert play.core.state == "reconnecting"
        play.reconnected_after_s()
    assert play.last.transport == "websocket"


def test_without_a_network_it_is_offline_and_keeps_trying() -> None:
    play = Play()
    play.end(Unreachable("no route", no_network=True))
    assert play.core.state == "offline"
    play.wait(1)
    play.live()
    assert play.core.state == "live"


def test_what_worked_is_where_the_next_client_begins() -> None:
    memory: dict[str, object] = {}
    play = Play(memory=memory)  # type: ignore[arg-type]
    play.end(NoHello("nothing"))
    play.wait(0)
    play.live()
    assert Play(memory=memory).last.transport == "sse"  # type: ignore[arg-type]


def test_a_better_transport_is_tried_every_five_minutes_and_takes_over_when_it_is_live() -> None:
    play = on_sse()
    old = play.last.link
    wait_beating(play, 299)
    assert play.last.link == old
    wait_beating(play, 1)
    assert (play.last.transport, play.last.cursor) == ("websocket", play.core.position.cursor)
    new = play.last.link
    play.event(100, link=old)
    play.hello("e-99", link=new)
    assert play.core.transport == "sse"
    play.event(100, 101, link=new)
    play.event(101, 102, link=old)
    play.say("live", "e-101", link=new)
    assert play.core.transport == "websocket"
    assert play.of(Drop)[-1].link == old
    play.event(102, 103, link=new)
    assert play.given == [100, 101, 102, 103]
    assert play.core.state == "live"


def test_a_better_transport_that_fails_changes_nothing() -> None:
    play = on_sse()
    wait_beating(play, 300)
    probe = play.last.link
    play.end(link=probe)
    assert (play.core.state, play.core.transport) == ("live", "sse")
    wait_beating(play, 299)
    assert play.last.link == probe
    wait_beating(play, 1)
    assert play.last.transport == "websocket"
    assert play.last.link != probe


def test_from_long_polls_the_best_is_tried_first_and_then_the_next_better() -> None:
    play = Play()
    play.end(NoHello("nothing"))
    play.wait(0)
    play.end(NoHello("nothing"))
    play.wait(0)
    assert play.last.transport == "poll"
    play.say("hello", heartbeat_s=None)
    play.say("live", "e-10")
    play.wait(300)
    assert play.last.transport == "websocket"
    play.end()
    assert play.last.transport == "sse"


def test_if_the_first_connection_breaks_during_the_hand_over_the_second_is_the_one() -> None:
    play = on_sse()
    old = play.last.link
    wait_beating(play, 300)
    play.end(link=old)
    assert play.core.state == "reconnecting"
    play.live("e-20")
    assert (play.core.state, play.core.transport) == ("live", "websocket")


def test_a_hand_over_that_begins_with_a_gap_is_given_up() -> None:
    play = on_sse()
    old = play.last.link
    wait_beating(play, 300)
    play.hello(None)
    play.say("reset", "e-400", reason="trimmed", cursor="e-400", oldest="e-400")
    assert (play.core.transport, play.resets) == ("sse", [])
    play.event(200, link=old)
    assert play.given == [200]


def test_on_a_websocket_topics_change_by_command() -> None:
    play = Play("demo/a")
    play.want("demo/a", "demo/b")  # before hello: said right after it
    assert play.commands == []
    play.live()
    [command] = play.commands
    assert (command["op"], command["topics"]) == ("subscribe", ["demo/b"])
    assert play.core.confirmed == {"demo/a"}
    play.reply(command)
    assert play.core.confirmed == {"demo/a", "demo/b"}
    play.want("demo/b")
    assert (play.commands[-1]["op"], play.commands[-1]["topics"]) == ("unsubscribe", ["demo/a"])
    play.end()
    play.wait(1)
    assert play.last.topics == ("demo/b",)


def test_a_topic_that_is_refused_is_taken_out_and_the_others_go_on() -> None:
    play = Play("demo/a")
    play.live()
    play.want("demo/a", "secret/b")
    play.reply(play.commands[-1], ok=False, error=Forbidden("not you", field="topics").problem())
    [denied] = play.of(Denied)
    assert denied.topics == {"secret/b"}
    assert isinstance(denied.error, Forbidden)
    assert play.core.state == "live"
    play.end()
    play.wait(1)
    assert play.last.topics == ("demo/a",)


def test_on_an_event_stream_topics_change_by_a_second_connection_that_replays_in_order() -> None:
    play = on_sse("demo/a")
    old = play.last.link
    play.event(20, link=old)
    play.want("demo/a", "demo/b")
    new = play.last
    assert (new.topics, new.cursor) == (("demo/a", "demo/b"), "e-20")
    play.event(21, 25, topic="demo/a", link=old)  # held: 23 of demo/b would else come after it
    assert play.given == [20]
    play.hello("e-20", link=new.link)
    assert play.of(Drop)[-1].link == old
    play.event(21, link=new.link)
    play.event(23, topic="demo/b", link=new.link)
    play.event(25, link=new.link)
    assert play.given == [20, 21, 23, 25]


def test_if_that_connection_fails_what_was_held_is_given_and_it_is_tried_again() -> None:
    play = on_sse("demo/a")
    old = play.last.link
    play.want("demo/a", "demo/b")
    new = play.last.link
    play.event(21, 22, link=old)
    play.end(link=new)
    assert play.given == [21, 22]
    play.wait(1)
    assert play.last.link > new
    assert play.last.cursor == "e-22"


def test_if_too_much_is_held_the_first_connection_is_given_up_and_nothing_is_lost() -> None:
    play = on_sse("demo/a", options=Options(buffer=2))
    old = play.last.link
    play.want("demo/a", "demo/b")
    new = play.last
    play.event(21, 22, 23, link=old)
    assert play.of(Drop)[-1].link == old
    play.live("e-10", link=new.link)
    play.event(21, 22, 23, link=new.link)
    assert play.given == [21, 22, 23]


def test_a_better_transport_is_not_tried_with_topics_that_the_first_does_not_have() -> None:
    play = on_sse("demo/a")
    old = play.last.link
    wait_beating(play, 299)
    play.want("demo/a", "demo/b")
    play.end()  # the second connection failed, and the next attempt is up to a second away
    opened = play.last.link
    play.wait(0.9)
    assert play.last.link == opened
    play.event(400, link=old)
    play.wait(0.2)
    assert (play.last.transport, play.last.topics) == ("sse", ("demo/a", "demo/b"))
    play.hello("e-400")
    play.say("live", "e-400")
    wait_beating(play, 5)
    assert play.last.transport == "websocket"


def test_a_topic_that_is_refused_on_a_second_connection_leaves_the_first_alone() -> None:
    play = on_sse("demo/a")
    play.want("demo/a", "secret/b")
    play.end(Refused(Forbidden("not you", field="topic")))
    [denied] = play.of(Denied)
    assert denied.topics == {"secret/b"}
    assert (play.core.state, play.core.transport) == ("live", "sse")


def test_fewer_topics_on_an_event_stream_need_no_new_connection() -> None:
    play = on_sse("demo/a", "demo/b")
    before = play.last.link
    play.want("demo/a")
    assert play.last.link == before


def test_without_topics_the_connection_is_closed_and_the_next_begins_now() -> None:
    play = Play()
    play.live("e-10")
    play.want()
    assert play.open_links == set()
    play.want("demo/x")
    assert play.last.cursor == "latest"


def test_silence_for_two_and_a_half_heartbeats_is_a_dead_connection() -> None:
    play = Play()
    play.live()
    play.wait(37.4)
    assert play.core.state == "live"
    play.wait(0.2)
    assert play.core.state == "reconnecting"
    assert play.of(Drop)[-1].link == 1


def test_a_sleep_is_noticed_at_once_and_waited_for_by_nobody() -> None:
    play = Play()
    play.live()
    play.sleep(46)
    assert len(play.of(Drop)) == 1
    assert play.last.link == 2
    assert play.last.cursor == "e-10"


def test_a_timer_that_is_a_little_late_is_no_sleep() -> None:
    play = Play()
    play.live()
    play.sleep(29)
    assert play.of(Drop) == []


def test_offline_tries_nothing_and_online_connects_at_once() -> None:
    play = Play()
    play.live("e-10")
    play.core.offline()
    play._take()
    assert play.core.state == "offline"
    assert play.open_links == set()
    play.sleep(3600)
    assert play.open_links == set()
    play.core.online(play.now)
    play._take()
    assert play.last.cursor == "e-10"


def test_a_refusal_ends_it_with_the_error() -> None:
    play = Play()
    error = BadRequest("no such thing", field="topic")
    play.end(Refused(error))
    assert (play.core.state, play.core.error) == ("failed", error)
    play.want("demo/other")
    play.core.online(play.now)
    assert play.core.state == "failed"


def test_a_refusal_on_the_socket_ends_it_with_the_error() -> None:
    play = Play()
    play.say("error", **Forbidden("not you", field="topic").problem())
    assert play.core.state == "failed"
    assert isinstance(play.core.error, Forbidden)
    assert play.core.error.field == "topic"


def test_a_token_is_asked_for_before_the_first_connection() -> None:
    play = Play(renewable=True)
    assert len(play.of(AskToken)) == 1
    assert play.open_links == set()
    play.core.token_given("t1", play.now)
    play._take()
    assert play.last.token == "t1"


def test_a_token_is_renewed_at_four_fifths_of_its_life_on_the_living_websocket() -> None:
    play = with_token()
    play.live(expires_in_s=100)
    wait_beating(play, 79)
    assert len(play.of(AskToken)) == 1
    wait_beating(play, 1)
    assert len(play.of(AskToken)) == 2
    play.core.token_given("t2", play.now)
    play._take()
    auth = play.commands[-1]
    assert (auth["op"], auth["token"]) == ("auth", "t2")
    play.reply(auth, expires_in_s=1000)
    wait_beating(play, 799)
    assert len(play.of(AskToken)) == 2
    wait_beating(play, 1)
    assert len(play.of(AskToken)) == 3


def test_on_an_event_stream_a_new_token_comes_by_a_second_connection() -> None:
    play = with_token()
    play.end(NoHello("nothing"))
    play.wait(0)
    play.live(expires_in_s=100)
    old = play.last.link
    wait_beating(play, 80)
    play.core.token_given("t2", play.now)
    play._take()
    assert (play.last.transport, play.last.token) == ("sse", "t2")
    play.event(200, link=old)
    assert play.given == [200]
    play.live("e-150", expires_in_s=100)
    assert play.of(Drop)[-1].link == old


@pytest.mark.parametrize("how", ["4401", "goodbye"])
def test_a_refused_token_is_asked_for_once_more_and_then_it_fails(how: str) -> None:
    play = with_token()
    refuse(play, how)
    assert play.core.state == "reconnecting"
    assert len(play.of(AskToken)) == 2
    play.core.token_given("t2", play.now)
    play._take()
    assert play.last.token == "t2"
    refuse(play, how)
    assert play.core.state == "failed"
    assert isinstance(play.core.error, Unauthorized)


def test_a_token_that_was_accepted_earns_another_question() -> None:
    play = with_token()
    for name in ("t2", "t3", "t4"):
        play.live()
        refuse(play, "goodbye")
        play.core.token_given(name, play.now)
        play._take()
        assert play.last.token == name


def test_a_fixed_token_that_is_refused_fails_at_once() -> None:
    play = Play(token="t")
    refuse(play, "4401")
    assert play.core.state == "failed"


def test_a_token_that_can_not_be_had_now_is_asked_for_again() -> None:
    play = Play(renewable=True)
    play.core.token_missing(Dropped("no network"), play.now)
    play._take()
    assert play.core.state == "reconnecting"
    play.wait(1)
    assert len(play.of(AskToken)) == 2


def test_nobody_who_is_closed_does_anything() -> None:
    play = Play()
    play.live()
    play.core.close()
    play._take()
    assert play.open_links == set()
    play.event(11)
    play.sleep(1000)
    assert (play.core.state, play.given) == ("closed", [])


def refuse(play: Play, how: str) -> None:
    if how == "goodbye":
        play.say("goodbye", reason="expired", reconnect_after_ms=0)
    else:
        play.end(Refused(Unauthorized("expired", field="token")))


def with_token() -> Play:
    play = Play(renewable=True)
    play.core.token_given("t1", play.now)
    play._take()
    return play


def on_sse(*topics: str, options: Options | None = None) -> Play:
    """Live on an event stream, because a WebSocket showed no hello."""
    play = Play(*topics, options=options)
    play.end(NoHello("nothing"))
    play.wait(0)
    play.live("e-10")
    return play


def wait_beating(play: Play, seconds: float) -> None:
    """Time goes on, and the server says its heartbeats."""
    assert play.core.link is not None
    link = play.core.link.id
    while seconds > 0:
        step = min(10.0, seconds)
        play.wait(step)
        play.say("heartbeat", play.core.position.cursor, link=link)
        seconds -= step
