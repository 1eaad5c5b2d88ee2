"""What very many flags cost: bytes that are held, and what the garbage collector is told."""

import subprocess
import sys
import tracemalloc

import pytest

from tricast import BadRequest
from tricast.flags.body import with_definition
from tricast.flags.flag import Definition
from tricast.flags.values import MAX_DEPTH, rejoined, written


def test_text_that_is_held_takes_no_more_memory_than_it_has_bytes() -> None:
    value = {"text": "x" * 200}
    tracemalloc.start()
    try:
        held = [written(value) for _ in range(1_000)]
        traced = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert traced < 1_000 * (len(held[0]) + 200)


@pytest.mark.parametrize(("before", "froze"), [("", False), ("gc.freeze();", True)])
def test_what_an_import_made_is_frozen_only_where_the_process_freezes(before: str, froze: bool) -> None:
    program = (
        f"import gc; from tricast.flags.slices import keep_for_good; {before}"
        "count = gc.get_freeze_count(); kept = [[n] for n in range(1000)]; keep_for_good();"
        "print(gc.get_freeze_count() > count + 900)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str(froze)


def test_a_value_that_becomes_too_deep_by_where_it_is_put_is_refused() -> None:
    value: object = 1
    for _ in range(MAX_DEPTH - 2):
        value = {"a": value}
    assert rejoined({"on": value}, "")
    deep = Definition(state="ENABLED", variants={"on": value})
    flag = with_definition(None, key="k", environment="test", definition=Definition("ENABLED", {"on": {}}))
    assert with_definition(flag, key="k", environment="test", definition=deep).variants == {"on": value}

    with pytest.raises(BadRequest, match=f"deeper than {MAX_DEPTH} levels"):
        with_definition(flag, key="k", environment="production", definition=deep)
