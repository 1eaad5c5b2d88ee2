"""What a client does next: a state machine without I/O, clock or randomness of its own.

It is told what happened and when (`now`, in seconds of any clock that never goes back and that
goes on while a machine sleeps), and says in `actions` what is to be done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from tricast.client.backoff import Backoff
from tricast.client.conversation import Conversation
from tricast.client.credential import Credential
from tricast.client.ends import Dropped, Ended, NoHello, Refused, Unreachable
from tricast.client.fallback import Fallback, Memory
from tricast.client.handover import Handover
from tricast.client.link import Action, AskToken, Denied, Drop, Give, Link, Open, Purpose, Told
from tricast.client.message import Control, Event, Message, number_in
from tricast.client.options import Options, TransportName
from tricast.client.patience import Patience
from tricast.client.position import Position
from tricast.client.problems import farewell
from tricast.client.state import OVER, Counts, State
from tricast.errors import TricastError, Unauthorized


class Core:
    """One connection that carries all topics, kept up over whatever gets through.

    `link` is the connection; `next` one that is to take over from it. `cursor`: where to begin.
    """

    def __init__(
        self,
        options: Options,
        *,
        url: str,
        memory: Memory,
        random: Callable[[], float],
        cursor: str | None = None,
        token: str | None = None,
        renewable: bool = False,
    ) -> None:
        self.options = options
        self.state: State = "connecting"
        self.error: TricastError | None = None
        self.counts = Counts()
        self.actions: deque[Action] = deque()
        self.position = Position(cursor)
        self.topics: frozenset[str] = frozenset()
        self.presence = False
        self.link: Link | None = None
        self.next: Link | None = None
        self.fallback = Fallback(
            options.transports, url=url, memory=memory, tolerance=options.failures_before_next
        )
        self.credential = Credential(
            token, renewable=renewable, ask_early_s=options.ask_early_s, renew_at=options.renew_at
        )
        self._backoff = Backoff(options.backoff_first_s, options.backoff_most_s, options.stable_s, random)
        self._handover = Handover(options, random)
        self._conversation = Conversation(self.actions.append)
        self._patience = Patience(options)
        self._away = False
        self._met = False
        self._connect_at: float | None = None
        self._numbers = 0

    @property
    def transport(self) -> TransportName | None:
        """What the connection goes over; None while there is none."""
        return self.link.transport if self.link is not None and self.link.hello_at is not None else None

    @property
    def confirmed(self) -> frozenset[str]:
        """The patterns that the server is known to send."""
        return self.link.confirmed if self.link is not None else frozenset()

    # What the application wants

    def want(self, topics: Iterable[str], now: float, *, presence: bool = False) -> None:
        """Subscribe to exactly these. Without any there is no connection."""
        self.topics, self.presence = frozenset(topics), presence
        if self.state in OVER:
            return
        if not self.topics:
            self._drop_all()
            self._connect_at = None
            self.position.leave()
            self._become("connecting")
        elif self.link is None:
            if self._connect_at is None and not self._away and not self.credential.asking:
                self._connect_at = now
        else:
            self._settle()
        self.tick(now)

    def offline(self) -> None:
        """The network is gone: nothing is tried until `online`."""
        if self.state not in OVER:
            self._away = True
            self._drop_all()
            self._connect_at = None
            self._become("offline")

    def online(self, now: float) -> None:
        """The network is back, or another one: connect anew at once."""
        if self.state in OVER:
            return
        self._away = False
        self._drop_all()
        self._backoff.forget()
        if self.topics:
            self._become("reconnecting")
            self._connect_at = now
            self.tick(now)

    def close(self) -> None:
        """The end; nothing changes any more."""
        if self.state not in OVER:
            self._drop_all()
            self._become("closed")

    def fail(self, error: TricastError) -> None:
        """The end, with an error: the application must act."""
        if self.state not in OVER:
            self._drop_all()
            self.error = error
            self._become("failed")

    # Time

    def due_in_s(self, now: float) -> float:
        """How long until `tick` is to be called: at most a beat, so that a sleep is noticed."""
        patience = self._patience
        due = [now + patience.beat_s(self.link), self._connect_at]
        due += [patience.deadline(self.link), patience.deadline(self.next)]
        if self.link is not None and self.link.hello_at is not None:
            due += [self.credential.renew_due_at, self._handover.due_at(self)]
        at = max(now, min(at for at in due if at is not None))
        self._patience.wake_by(at)
        return at - now

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self.state in OVER:
            return
        if self._patience.has_slept(now, self.link) and not self._away:
            self.online(now)
            return
        if self._connect_at is not None and now >= self._connect_at:
            self._connect(now)
        for link in (self.next, self.link):
            at = self._patience.deadline(link)
            if link is not None and at is not None and now >= at:
                self.actions.append(Drop(link.id))
                self.ended(link.id, self._patience.end(link), now)
        if self.link is not None and self.link.hello_at is not None:
            due = self.credential.renew_due_at
            if due is not None and now >= due:
                self._ask()
            self._begin_handover(now)

    # Connecting

    def _connect(self, now: float) -> None:
        self._connect_at = None
        if self.credential.is_wanted(now):
            self._ask()
        else:
            self.link = self._open("connect", self.fallback.current, now)

    def _open(self, purpose: Purpose, transport: TransportName, now: float) -> Link:
        self._numbers += 1
        token = self.credential.token
        link = Link(self._numbers, transport, purpose, self.topics, self.presence, token, now, now)
        topics, cursor = tuple(sorted(self.topics)), self.position.cursor or "latest"
        self.actions.append(Open(link.id, transport, topics, cursor, token, self.presence, self._met))
        return link

    def _ask(self) -> None:
        self.credential.renew_due_at = None
        if not self.credential.asking:
            self.credential.asking = True
            self.actions.append(AskToken())

    def token_given(self, token: str, now: float) -> None:
        """The token that was asked for."""
        self.credential.given(token)
        if self.state in OVER or self._away:
            return
        if self.link is None:
            self._connect_at = now if self.topics else None
        self._settle()
        self.tick(now)

    def token_missing(self, end: Ended, now: float) -> None:
        """There is no token to be had: for now, or (Refused) at all."""
        waiting = self.link is None and self.topics and not self._away
        if not isinstance(end, Dropped):
            self.credential.not_given(None)
            if waiting and isinstance(end, Refused):
                self.fail(end.error)
            return
        delay_s = end.at_least_s + self._backoff.delay_s()
        self.credential.not_given(None if waiting else now + delay_s)
        if waiting:
            self._connect_at = now + delay_s
            self._become("reconnecting")

    # What comes over a connection

    def said(self, number: int, message: Message, now: float) -> None:
        """A message came over the link `number`."""
        link = self._known(number)
        if link is None:
            return
        link.heard_at, link.heard = now, True
        if isinstance(message, Event):
            self._event(link, message)
        else:
            self._control(link, message, now)

    def _known(self, number: int) -> Link | None:
        return next((each for each in (self.link, self.next) if each is not None and each.id == number), None)

    def _event(self, link: Link, event: Event) -> None:
        if link is self.link and self._handover.is_holding:
            if not self._handover.hold(event):
                self._take_over()
        elif event.cursor is None:
            if link is self.link:
                self._give(event)
        elif self.position.take(event.cursor):
            self._give(event)
        else:
            self.counts.duplicates += 1

    def _give(self, event: Event) -> None:
        self.counts.events += 1
        self.actions.append(Give(event))

    def _control(self, link: Link, said: Control, now: float) -> None:
        if said.type in ("goodbye", "error"):
            self.actions.append(Drop(link.id))
            self.ended(link.id, farewell(said.type, said.data), now)
            return
        if said.type == "reset":
            self._reset(link, said, now)
            return
        if said.type == "hello":
            self._hello(link, said, now)
        if said.cursor is not None and not (link is self.link and self._handover.is_holding):
            self.position.heard(said.cursor)
        if said.type == "live":
            self._live(link, now)
        elif said.type == "reply":
            self._reply(link, said, now)
        elif link is self.link and said.type != "hello":
            self.actions.append(Told(said.type, said.data))

    def _hello(self, link: Link, said: Control, now: float) -> None:
        link.hello_at, link.confirmed, self._met = now, link.topics, True
        beat_s = number_in(said.data, "heartbeat_s")
        link.beat_s = beat_s if beat_s is not None and beat_s > 0 else None
        link.connection = said.data.get("connection")
        self.credential.accepted(now, number_in(said.data, "expires_in_s"))
        if link is self.link:
            self.fallback.worked(link.transport)
            self._become("replaying")
            self._settle()
        elif link.purpose == "topics":
            self._take_over()

    def _live(self, link: Link, now: float) -> None:
        link.is_live = True
        if link is self.next:
            self._take_over()
        self._become("live")
        self._handover.was_live(self, now)

    def _take_over(self) -> None:
        """Let the next connection be the one, and close the other."""
        if self.link is not None:
            self.actions.append(Drop(self.link.id))
        self.link, self.next = self.next, None
        self._handover.done()
        link = self.link
        if link is None:
            return
        if link.hello_at is None:
            link.purpose = "connect"
            self._become("reconnecting")
            return
        self.fallback.worked(link.transport)
        self._become("live" if link.is_live else "replaying")
        self._settle()

    def _reset(self, link: Link, said: Control, now: float) -> None:
        if link is self.next:  # (what begins with a gap is no hand-over)
            self.actions.append(Drop(link.id))
            self.ended(link.id, Dropped("the hand-over would have had a gap"), now)
        elif said.cursor is not None:
            if self.next is not None:
                self.actions.append(Drop(self.next.id))
                self.ended(self.next.id, Dropped("there is a gap before it"), now)
            self.position.reset(said.cursor)
            self.counts.resets += 1
            self.actions.append(Told("reset", said.data))

    def _settle(self) -> None:
        """Tell the connection what changed: topics, presence and token, where it takes commands."""
        link = self.link
        if link is not None and link.hello_at is not None and link.takes_commands:
            token = self.credential.token
            self._conversation.settle(link, self.topics, presence=self.presence, token=token)

    def _reply(self, link: Link, said: Control, now: float) -> None:
        answered = self._conversation.answered(link, said)
        if answered is None:
            self.actions.append(Told("reply", said.data))
        elif answered.error is None:
            if answered.asked.what == "auth":
                self.credential.accepted(now, number_in(answered.data, "expires_in_s"))
        elif answered.asked.what in ("subscribe", "presence"):
            self._deny(answered.asked.topics, answered.asked.what == "presence", answered.error)

    def _deny(self, topics: frozenset[str], presence: bool, error: TricastError) -> None:
        self.topics -= topics
        self.presence = self.presence and not presence
        self.actions.append(Denied(topics, presence, error))

    # The end of a connection

    def ended(self, number: int, end: Ended, now: float) -> None:
        """The link `number` is over."""
        link = self._known(number)
        if link is None:
            return
        if link is self.next:
            self.next = None
            self._handover_failed(link, end, now)
            return
        self.link = None
        self.counts.reconnects += link.hello_at is not None
        self._backoff.was_up(0.0 if link.hello_at is None else now - link.hello_at)
        if self.next is not None:
            self._take_over()
        elif not isinstance(end, Refused):
            self._again(link, end, now)
        elif not isinstance(end.error, Unauthorized):
            self.fail(end.error)
        elif self.credential.refused():
            self._become("reconnecting")
            self._ask()
        else:
            self.fail(end.error)

    def _again(self, link: Link, end: Ended, now: float) -> None:
        is_ours = link.heard or isinstance(end, Unreachable) or (isinstance(end, Dropped) and end.is_ours)
        changed = not is_ours and self.fallback.failed(finally_=isinstance(end, NoHello))
        if isinstance(end, Dropped) and end.after_s is not None:
            delay_s = end.after_s
        else:
            at_least_s = end.at_least_s if isinstance(end, Dropped) else 0.0
            delay_s = at_least_s + (0.0 if changed else self._backoff.delay_s())
        self._connect_at = now + delay_s
        self._become("offline" if isinstance(end, Unreachable) and end.no_network else "reconnecting")

    # Make before break

    def _begin_handover(self, now: float) -> None:
        if self.next is None and not self.credential.asking:
            chosen = self._handover.begin(self, now)
            if chosen is not None:
                self.next = self._open(*chosen, now)

    def _handover_failed(self, link: Link, end: Ended, now: float) -> None:
        more = link.topics - self.link.topics if self.link is not None else frozenset()
        for event in self._handover.failed(link, now):
            self._event_again(event)
        if link.purpose == "topics" and isinstance(end, Refused) and not isinstance(end.error, Unauthorized):
            self._deny(more, link.presence > (self.link is not None and self.link.presence), end.error)
        elif link.purpose == "token" and isinstance(end, Refused) and self.link is not None:
            self.link.token = self.credential.token  # (it goes on until the old one has expired)
        self._begin_handover(now)

    def _event_again(self, event: Event) -> None:
        if event.cursor is None or self.position.take(event.cursor):
            self._give(event)

    def _drop_all(self) -> None:
        for link in (self.link, self.next):
            if link is not None:
                self.actions.append(Drop(link.id))
        self.link = self.next = None
        self._handover.done()

    def _become(self, state: State) -> None:
        if self.state not in OVER:
            self.state = state
