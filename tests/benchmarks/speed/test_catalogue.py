import pytest

from harness.speed.catalogue import RATIOS, catalogue, chosen, ours
from harness.speed.peer import PeerError
from harness.speed.workload import Workload
from nextword.errors import SettingError


def test_every_peer_is_a_program_and_knows_whom_it_is_compared_with(tiny: Workload) -> None:
    peers = catalogue(tiny)
    for name, peer in peers.items():
        assert peer.name == name
        assert peer.program.is_file()
        assert peer.compared_with is None or peer.compared_with in peers
    assert {peers[name].compared_with for name in RATIOS} == {"nextword", "nextword-tutorial"}


def test_compared_peers_train_the_same(tiny: Workload) -> None:
    peers = catalogue(tiny)
    for peer in peers.values():
        if peer.compared_with:
            theirs, its = peers[peer.compared_with].workload, peer.workload
            assert (theirs.architecture, theirs.batching) == (its.architecture, its.batching)
    assert peers["nextword"].workload == tiny
    assert peers["tutorial"].workload == Workload.of("tutorial")
    assert ours(tiny) == peers["nextword"]


def test_pytorch_runs_in_the_precision_of_its_name_and_may_keep_its_memory(tiny: Workload) -> None:
    peers = catalogue(tiny)
    assert peers["pytorch-float32"].workload.compute_dtype == "float32"
    assert peers["pytorch-bfloat16"].workload.compute_dtype == "bfloat16"
    assert peers["pytorch-bfloat16"].environment == {}
    assert peers["pytorch-bfloat16-kept-memory"].environment["MALLOC_MMAP_MAX_"] == "0"


def test_the_named_pytorch_is_taken(tiny: Workload) -> None:
    peer = catalogue(tiny, pytorch="no-such-python")["pytorch-float32"]
    with pytest.raises(PeerError, match="no-such-python was named"):
        peer.interpreter()


def test_peers_are_chosen_by_name(tiny: Workload) -> None:
    peers = catalogue(tiny)
    assert [peer.name for peer in chosen(peers, "product-peak, nextword")] == ["nextword", "product-peak"]
    assert chosen(peers, None) == chosen(peers, "all") == list(peers.values())
    with pytest.raises(SettingError, match="`pytorch-float23` is not a peer; did you mean `pytorch-float32`"):
        chosen(peers, "nextword,pytorch-float23")


def test_a_model_that_a_peer_has_not_is_not_compared() -> None:
    peers = catalogue(Workload.of(given={"model": {"cell": "gru", "skip_connections": True}}))
    for name in ("keras-jax", "pytorch-float32", "pytorch-bfloat16", "pytorch-bfloat16-kept-memory"):
        with pytest.raises(PeerError, match="trains a plain LSTM and has no `cell`, `skip_connections`"):
            peers[name].interpreter()
    for name in ("nextword", "tutorial", "product-peak"):
        assert peers[name].interpreter()
