import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.rng import RULES, library_seed, stream

identity = st.lists(st.one_of(st.integers(-(2**63), 2**64), st.text(max_size=8)), max_size=4)


def numbers(*what):
    return stream(*what).random(4).tolist()


@given(identity)
def test_the_same_identity_gives_the_same_numbers(what):
    assert numbers(*what) == numbers(*what)


@given(identity, identity)
def test_different_identities_give_different_numbers(one, other):
    assert (numbers(*one) == numbers(*other)) == (one == other)


def test_where_an_identity_is_cut_into_parts_matters():
    assert numbers("ab", "c") != numbers("a", "bc")
    assert numbers(1, 2) != numbers(12)
    assert numbers(1) != numbers("1")


def test_what_was_drawn_from_one_stream_does_not_move_another():
    expected = numbers(0, "shuffle", 1)
    stream(0, "shuffle", 0).random(1000)
    assert numbers(0, "shuffle", 1) == expected


def test_numbers_stay_the_same_from_version_to_version():
    """A change here changes every search ever done; see the changelog's promise."""
    assert stream(0, "propose", 0).integers(1_000_000, size=3).tolist() == [788310, 591572, 279399]


def test_another_process_with_another_hash_seed_gives_the_same_numbers():
    program = "from hpsearch.rng import stream; print(stream(0, 'x', 1).random(4).tolist())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == str(numbers(0, "x", 1))


def test_a_seed_for_another_library_is_below_2_to_the_31_and_under_rules_1_below_2_to_the_32():
    seeds = [library_seed(0, "trial", number, "user") for number in range(64)]
    before = [library_seed(0, "trial", number, "user", rules=1) for number in range(64)]
    assert 2**30 < max(seeds) < 2**31 < max(before) < 2**32
    assert before[0] == int(stream(0, "trial", 0, "user").integers(2**32))


def test_the_guide_and_the_changes_say_which_rules_new_runs_have():
    root = Path(__file__).parents[1]
    assert f"new runs have rules {RULES}," in (root / "docs/guide.md").read_text()
    assert f"`run.json`, now {RULES})" in (root / "CHANGELOG.md").read_text()
