"""A wrong method is answered with the right ones, of all routes of the path."""

import pytest
from starlette.testclient import TestClient

from nextword.serving.application import create_application
from nextword.serving.served_model import ModelSlot


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/score", "POST"),
        ("POST", "/v1/sessions/abc", "DELETE, GET"),
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/page/describe.json", "GET, HEAD"),
        ("OPTIONS", "/admin/reload", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    with TestClient(create_application(ModelSlot())) as client:
        answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allow
    assert allow in answer.json()["error"]["message"]
