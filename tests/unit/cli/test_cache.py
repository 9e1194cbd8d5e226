from pathlib import Path

import pytest

from nextword.system.cache import cached_folder
from support.commands import Captured, Command, Json, nextword


def _fill(folder: Path) -> None:
    (folder / "ids.int32").write_bytes(bytes(2_000_000))


def test_the_cache_is_shown_listed_and_cleared(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, printed: Command, json_of: Json
) -> None:
    monkeypatch.setenv("NEXTWORD_CACHE", str(tmp_path))
    monkeypatch.setenv("NEXTWORD_CACHE_GB", "1.5")
    assert printed("cache") == f"{tmp_path}: 0.0 MB of at most 1.5 GB\n"
    folder = cached_folder(tmp_path / f"tokens-{1:064x}", _fill)
    shown = printed("cache")
    assert "tokens  1 entry  2.0 MB  token ids of texts" in shown
    assert "unfinished" not in shown  # the lock of the folder is nothing that was interrupted
    assert folder.name[:40] in printed("cache", "--all")
    table = json_of("cache")
    assert (table["folder"], table["limit"]) == (str(tmp_path), 1_500_000_000)
    assert str(folder) in [entry["path"] for entry in table["entries"]]
    assert nextword("cache", "--clear") == 0
    assert f"removed 2.0 MB from `{tmp_path}`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
