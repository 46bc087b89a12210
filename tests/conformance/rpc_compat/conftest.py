"""Fixtures: the imported chain, once in a process."""

import pytest

from tests.conformance.rpc_compat.official_chain import OFFICIAL_FOLDER, OfficialChain, official_chain


@pytest.fixture(scope="session")
def chain() -> OfficialChain:
    return official_chain(OFFICIAL_FOLDER)
