import pytest

from nextword.errors import StorageError
from nextword.training.tuning.database import Database


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql+psycopg://ann:se%40cret@host:5432/sweeps", "postgresql+psycopg://ann@host:5432/sweeps"),
        (
            "postgresql://ann@host/sweeps?password=secret&sslmode=require",
            "postgresql://ann@host/sweeps?sslmode=require",
        ),
        ("mysql+pymysql://ann@host/sweeps?passwd=secret", "mysql+pymysql://ann@host/sweeps"),
        ("sqlite:////tmp/study.db", "sqlite:////tmp/study.db"),
    ],
)
def test_the_address_has_no_password(url: str, address: str) -> None:
    database = Database.of(url)
    assert (database.url, database.address) == (url, address)
    assert Database.of(address).address == address
    assert "cret" not in repr(database)


def test_an_error_does_not_repeat_the_password() -> None:
    database = Database.of("postgresql://ann:secret@host/sweeps")
    with pytest.raises(StorageError, match="its use failed: no driver for ") as refused, database.errors():
        raise ImportError(f"no driver for {database.url}")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "why"), [("postgresql://u:p@ss:word@host/db", "the port must be a number"), ("", "Could")]
)
def test_what_is_no_url_is_told_without_the_password(url: str, why: str) -> None:
    with pytest.raises(StorageError, match=f"its use failed: {why}") as refused:
        Database.of(url)
    assert "word@" not in str(refused.value)
