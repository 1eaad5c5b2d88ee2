"""The client's core against a model of a server, over interleavings that nobody would think of.

Connections come and go on all transports, speak or stay silent, hand over to each other; topics are
added meanwhile. What is given must rise without a gap and without a repetition.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clients.python.playing import URL, Play

from tricast.client.ends import Dropped, NoHello
from tricast.client.link import Drop, Open, Say
from tricast.client.options import TRANSPORTS, Options, TransportName

TOPICS = ("demo/a", "demo/b", "demo/c")


@dataclass
class Stream:
    """The server's end of a connection. `position`: up to there everything was sent, from `start` on."""

    number: int
    takes_commands: bool
    topics: set[str]
    start: int
    position: int
    greeted: bool = False
    commands: list[dict[str, object]] = field(default_factory=list)


class Model:
    """A log, and the streams over it that a client asked for."""

    def __init__(self, held: int, transports: tuple[TransportName, ...]) -> None:
        self.log: list[str] = []
        self.streams: dict[int, Stream] = {}
        self.since = {"demo/a": 0}
        self.wanted = ["demo/a"]
        self._seen = 0
        options = Options(
            buffer=held, failures_before_next=2, better_every_s=5.0, backoff_most_s=2.0, transports=transports
        )
        # What worked the last time was the last of them.
        self.play = Play("demo/a", options=options, cursor="e-0", memory={URL: transports[-1]})
        self._follow()

    def _follow(self) -> None:
        """Do what the client wants done."""
        for action in self.play.done[self._seen :]:
            if isinstance(action, Open):
                assert action.cursor.startswith("e-")
                start = int(action.cursor.rpartition("-")[2])
                is_socket = action.transport == "websocket"
                self.streams[action.link] = Stream(
                    action.link, is_socket, set(action.topics), start, position=start
                )
                assert len(self.streams) <= 2, "never more than two, and two only in a hand-over"
            elif isinstance(action, Drop):
                self.streams.pop(action.link, None)
            elif isinstance(action, Say) and action.link in self.streams:
                self.streams[action.link].commands.append(action.command)
        self._seen = len(self.play.done)
        link = self.play.core.link
        if link is not None and link.id in self.streams:
            for topic in self.play.core.confirmed:
                self.since.setdefault(topic, self.streams[link.id].start)

    def stream(self, which: int) -> Stream | None:
        numbers = sorted(self.streams)
        return self.streams[numbers[which % len(numbers)]] if numbers else None

    # What may happen

    def publish(self, which: int) -> None:
        self.log.append(TOPICS[which % len(TOPICS)])

    def greet(self, which: int) -> None:
        stream = self.stream(which)
        if stream is not None and not stream.greeted:
            stream.greeted = True
            self.play.hello(None, link=stream.number)
            self._follow()

    def send(self, which: int, count: int) -> None:
        """Commands are carried out, then some more of the log is sent; live where it has caught up."""
        stream = self.stream(which)
        if stream is None or not stream.greeted:
            return
        while stream.commands and stream.number in self.streams:
            self._obey(stream, stream.commands.pop(0))
        while count and stream.number in self.streams and stream.position < len(self.log):
            stream.position += 1
            if self.log[stream.position - 1] in stream.topics:
                count -= 1
                self.play.event(stream.position, topic=self.log[stream.position - 1], link=stream.number)
                self._follow()
        if stream.number in self.streams:
            kind = "live" if stream.position == len(self.log) else "heartbeat"
            self.play.say(kind, f"e-{stream.position}", link=stream.number)
            self._follow()

    def _obey(self, stream: Stream, command: dict[str, object]) -> None:
        topics = command.get("topics")
        assert isinstance(topics, list)
        (stream.topics.update if command["op"] == "subscribe" else stream.topics.difference_update)(topics)
        for topic in topics:
            self.since.setdefault(topic, stream.position)
        self.play.say(
            "reply",
            f"e-{stream.position}",
            link=stream.number,
            ok=True,
            op=command["op"],
            ref=command["ref"],
            topics=sorted(stream.topics),
        )
        self._follow()

    def end(self, which: int, silent: bool) -> None:
        stream = self.stream(which)
        if stream is not None:
            del self.streams[stream.number]
            self.play.end(NoHello("") if silent else Dropped("cut"), link=stream.number)
            self._follow()

    def want(self, which: int) -> None:
        topic = TOPICS[which % len(TOPICS)]
        if topic not in self.wanted:
            self.wanted.append(topic)
            self.play.want(*self.wanted)
            self._follow()

    def wait(self, seconds: float) -> None:
        self.play.wait(seconds)
        self._follow()

    def settle(self) -> None:
        """From now on nothing goes wrong any more."""
        for _ in range(60):
            self.wait(5)
            for which in range(len(self.streams)):
                self.greet(which)
                self.send(which, 10_000)

    def check(self) -> None:
        given = self.play.given
        assert given == sorted(set(given)), "in order, and none twice"
        for topic in self.wanted:
            since = self.since[topic]
            owed = [at for at, on in enumerate(self.log, 1) if on == topic and at > since]
            missing = set(owed) - set(given)
            assert not missing, (topic, missing)
        assert self.play.core.state == "live"
        assert len(self.streams) == 1


CHOICES: list[tuple[TransportName, ...]] = [("websocket",), ("sse",), ("websocket", "sse"), TRANSPORTS]
STEPS = st.one_of(
    st.tuples(st.just("publish"), st.integers(0, 2)),
    st.tuples(st.just("publish"), st.integers(0, 2)),
    st.tuples(st.just("greet"), st.integers(0, 1)),
    st.tuples(st.just("send"), st.integers(0, 1), st.integers(1, 5)),
    st.tuples(st.just("greet"), st.integers(0, 1)),
    st.tuples(st.just("send"), st.integers(0, 1), st.integers(1, 5)),
    st.tuples(st.just("end"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("want"), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 1.0, 3.0, 6.0, 40.0])),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(STEPS, min_size=10, max_size=60), st.integers(1, 4), st.sampled_from(CHOICES))
def test_whatever_happens_nothing_is_missing_and_nothing_is_doubled(
    steps: list[tuple[object, ...]], held: int, transports: tuple[TransportName, ...]
) -> None:
    model = Model(held, transports)
    for name, *how in steps:
        getattr(model, str(name))(*how)
    model.settle()
    model.check()
