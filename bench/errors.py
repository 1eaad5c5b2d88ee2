"""What can go wrong with a benchmark."""


class BenchError(Exception):
    """The base of all below; its message says what to do."""


class CompilerMissing(BenchError):
    """There is no C compiler to build the load generator with."""


class ServerFailed(BenchError):
    """A server under test did not start, or died."""


class PeerMissing(BenchError):
    """A server to compare with is not installed."""


class LoadFailed(BenchError):
    """The load generator could not do what it was asked to."""
