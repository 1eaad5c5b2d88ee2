-- Entries of the audit trail are few among millions of events: they have an index of
-- their own. With `topic` in it, those on other topics are passed over without being
-- looked up. Nothing else pays for it: an event on another shelf isn't in it.
CREATE INDEX events_audit ON events (offset, topic) WHERE shelf = 'audit';
