"""Files that were damaged or mean harm, as Hypothesis draws them, and what every door owes to them."""

from contextlib import contextmanager

from hypothesis import strategies as st

from toolkit.errors import LONGEST, ToolkitError

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400) | st.just("x" * 5000)
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=4
)


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """``content`` with a part of it replaced, left out, or followed by something else."""
    places = st.integers(0, len(content))
    begin, end = sorted((draw(places), draw(places)))
    if draw(st.booleans()):
        end = min(len(content), begin + draw(st.integers(0, 4)))
    return content[:begin] + draw(st.binary(max_size=30)) + content[end:]


@st.composite
def altered(draw, value):
    """The same JSON with one value somewhere in it replaced by anything, or left out."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        rest = {key: own for key, own in value.items() if key != name}
        return {**rest, name: draw(altered(value[name]))} if draw(st.integers(0, 9)) else rest
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(altered(value[place])), *value[place + 1 :]]
    return draw(ANYTHING)


@contextmanager
def at_most_one_line():
    """What comes in is taken, or refused in one line; any other exception is a bug."""
    try:
        yield
    except ToolkitError as error:
        assert len(str(error)) <= LONGEST  # noqa: PT017
        assert str(error).isprintable()  # noqa: PT017
