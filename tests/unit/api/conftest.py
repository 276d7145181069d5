"""A client on the API of a fake engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from everup.api import create_api
from tests.unit.api.fakes import FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def client(engine: FakeEngine) -> Iterator[TestClient]:
    api = create_api(engine)
    with TestClient(api, base_url="http://localhost:8010", raise_server_exceptions=False) as made:
        yield made
