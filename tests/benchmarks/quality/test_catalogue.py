import pytest

from harness.quality.catalogue import catalogue, chosen
from nextword.errors import SettingError


def test_every_program_is_there() -> None:
    assert all(peer.program.is_file() for peer in catalogue().values())


def test_all_run_unless_some_are_named_in_an_order_of_ours() -> None:
    peers = catalogue()
    assert chosen(peers, None) == chosen(peers, "all") == list(peers.values())
    assert [peer.name for peer in chosen(peers, "tutorial, nextword")] == ["nextword", "tutorial"]


def test_a_name_that_is_not_known_is_refused() -> None:
    with pytest.raises(SettingError, match="transformr"):
        chosen(catalogue(), "transformr")
