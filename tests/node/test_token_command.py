"""`aurigraph token` on a development node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chain.keccak import keccak256
from chain.types import checksum_address
from node.commands.common import ExitCode
from tests.node.command_line import NAMES, CommandLine, command_line
from tests.node.dev.dev_fixture import ACCOUNTS
from vm.system.addresses import STAKING, TOKEN_FACTORY
from vm.system.tokens.factory import TokenFactory
from vm.system.tokens.templates.catalogue import TEMPLATES
from vm.system.tokens.templates.fungible import FixedToken

OWNER, OTHER, THIRD = NAMES[:3]


@pytest.fixture
async def cli_of_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CommandLine]:
    async with command_line(tmp_path, capsys, monkeypatch) as started:
        yield started


async def create(line: CommandLine, *words: str) -> str:
    made = await line.record("token", "create", *words, *line.signing())
    assert made["status"] == "0x1"
    token: str = made["token"]
    return token


async def test_templates_are_listed_with_their_arguments(cli_of_node: CommandLine) -> None:
    rows = await cli_of_node.rows("token", "templates")
    assert [row["name"] for row in rows] == [one.name for one in TEMPLATES.values()]
    table = await cli_of_node("token", "templates")
    assert "name:string symbol:string decimals:uint8 supply:uint256 owner:address" in table


async def test_a_token_is_made_where_it_was_predicted_and_moved_in_whole_tokens(
    cli_of_node: CommandLine,
) -> None:
    line = cli_of_node
    words = ("erc20-fixed", "Red Gold", "GOLD", "6", "1000.5", OWNER)
    told = await line.record("token", "predict", *words, "--creator", OWNER)
    assert told["exists"] is False
    token = await create(line, *words)
    assert token == told["token"]
    assert (await line.record("token", "predict", *words, "--creator", OWNER))["exists"] is True

    shown = await line.record("token", "show", token)
    assert shown | {"createdInBlock": 1} == shown
    assert (shown["name"], shown["symbol"], shown["decimals"]) == ("Red Gold", "GOLD", 6)
    assert (shown["standard"], shown["template"], shown["class"]) == ("ERC-20", "erc20-fixed", "FixedToken 1")
    assert (shown["totalSupply"], shown["creator"], shown["owner"]) == ("1000500000", OWNER, None)
    assert "1,000.5" in await line("token", "show", token)

    await line("token", "transfer", token, OTHER, "0.25", *line.signing())
    await line("token", "transfer", token, OTHER, "3", "--units", "wei", *line.signing())
    assert "0.250003 GOLD" in await line("token", "balance", token, OTHER)
    assert await line.record("token", "balance", token, OTHER) == {
        "token": token, "account": OTHER, "balance": "250003", "decimals": 6,
    }  # fmt: skip
    before = await line.record("token", "balance", token, OTHER, "--block", "2")
    assert before["balance"] == "250000"


async def test_people_see_the_address_of_a_new_token(cli_of_node: CommandLine) -> None:
    words = ("erc20-fixed", "Gold", "G", "18", "1", OWNER)
    told = await cli_of_node.record("token", "predict", *words, "--creator", OWNER, "--salt", "7")
    table = await cli_of_node("token", "create", *words, "--salt", "7", *cli_of_node.signing())
    assert f"token     {told['token']}" in table
    table = await cli_of_node(
        "token", "predict", *words, "--creator", OWNER, "--salt", "0x" + "00" * 31 + "07"
    )
    assert told["token"] in table


async def test_tokens_are_listed_page_by_page_and_by_creator(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    assert await line.rows("token", "list") == []
    made = [
        await create(line, "erc20-votes", "V", "V", "5", OTHER, "--salt", str(salt), "--units", "wei")
        for salt in range(3)
    ]
    assert [row["address"] for row in await line.rows("token", "list")] == made
    assert [
        row["address"] for row in await line.rows("token", "list", "--start", "2", "--limit", "1")
    ] == made[2:]
    assert await line.rows("token", "list", "--creator", OTHER) == []
    assert len(await line.rows("token", "list", "--creator", OWNER)) == 3
    assert "erc20-votes" in await line("token", "list", "--limit", "1")
    row = (await line.rows("token", "list"))[0]
    assert (row["template"], row["templateId"]) == ("erc20-votes", "0x" + keccak256(b"erc20-votes").hex())
    assert (await line.record("token", "show", made[0]))["totalSupply"] == "5"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("no-such", "x"), "there is no template 'no-such'; there are: erc20-fixed, "),
        (("erc20-fixed", "Gold"), "erc20-fixed takes 5 arguments, not 1: name:string symbol:string "),
        (
            ("erc20-fixed", "G", "G", "256", "1", OWNER),
            "decimals: '256' is no uint8: it holds numbers from 0 to 255",
        ),
        (("erc20-fixed", "G", "G", "ten", "1", OWNER), "decimals: 'ten' is no uint8"),
        (("erc20-fixed", "G", "G", "2", "1.005", OWNER), "supply: '1.005' is finer than 2 decimals"),
        (("erc20-fixed", "G", "G", "2", "all", OWNER), "supply: 'all' is not a number"),
        (("erc20-fixed", "G", "G", "255", "9", OWNER), "supply: '9' is more than 256 bits can hold"),
        (("erc20-fixed", "G", "G", "2", "1", "0x12"), "owner: '0x12' is no address"),
        (("erc20-restricted", "G", "G", "2", "maybe", OWNER), "'maybe' is no bool: write true or false"),
        (
            ("erc721-royalties", "A", "A", "x", OWNER, str(2**96), OWNER),
            "is no uint96: it holds numbers of 96 bits",
        ),
        (("erc20-fixed", "G", "G", "2", "1", OWNER, "--salt", "0x12"), "Invalid value for '--salt'"),
    ],
)
async def test_wrong_arguments_are_named_before_anything_is_sent(
    cli_of_node: CommandLine, words: tuple[str, ...], told: str
) -> None:
    line = cli_of_node
    error = await line.fails("token", "create", *words, *line.signing(), code=ExitCode.USAGE)
    assert told in error
    assert await line.dev.height() == 0


async def test_what_a_contract_refuses_is_told_in_its_words(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    words = ("erc20-capped", "C", "C", "18", "10", "4", OWNER)
    token = await create(line, *words)
    error = await line.fails("token", "create", *words, *line.signing(), code=ExitCode.TRANSACTION_REVERTED)
    assert f"would fail: execution reverted: TokenExists(token: {token})" in error
    error = await line.fails(
        "token", "transfer", token, OWNER, "1", *line.signing(1), code=ExitCode.TRANSACTION_REVERTED
    )
    assert f"ERC20InsufficientBalance(sender: {OTHER}, balance: 0, needed: {10**18})" in error
    await line("token", "mint", token, OTHER, "6", *line.signing())
    error = await line.fails(
        "token",
        "mint",
        token,
        OTHER,
        "1",
        "--units",
        "wei",
        *line.signing(),
        code=ExitCode.TRANSACTION_REVERTED,
    )
    assert f"ERC20ExceededCap(increasedSupply: {10**19 + 1}, cap: {10**19})" in error
    error = await line.fails(
        "token", "mint", token, OTHER, "1", *line.signing(1), code=ExitCode.TRANSACTION_REVERTED
    )
    assert f"OwnableUnauthorizedAccount(account: {OTHER})" in error
    shown = await line.record("token", "show", token)
    assert (shown["owner"], shown["totalSupply"]) == (OWNER, str(10**19))


async def test_tokens_of_collections_are_made_and_moved_by_number(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    plain = await create(line, "erc721-royalties", "Art", "ART", "ipfs://x/", OWNER, "500", OWNER)
    with_uris = await create(line, "erc721-collection", "Art", "ART", "ipfs://x/", OWNER)
    assert (await line.record("token", "show", plain))["standard"] == "ERC-721"
    await line("token", "mint", plain, OWNER, *line.signing())
    await line("token", "mint", with_uris, OWNER, "--uri", "first.json", *line.signing())
    printed = await line("token", "mint", with_uris, OWNER, *line.signing())
    assert ["id", "1"] in [row.split() for row in printed.splitlines()]
    await line("token", "transfer", with_uris, OTHER, "--id", "0x1", *line.signing())
    assert (await line.record("token", "balance", with_uris, OTHER))["balance"] == "1"
    assert "2 ART" not in await line("token", "balance", with_uris, OWNER)
    usage = ExitCode.USAGE
    for words, told in (
        (("transfer", plain, OTHER), "a token of ERC-721 needs --id"),
        (("transfer", plain, OTHER, "1", "--id", "0"), "a token of ERC-721 takes no AMOUNT"),
        (("transfer", plain, OTHER, "--id", "-1"), "Invalid value for '--id'"),
        (("mint", plain, OTHER, "5"), "one token at a time"),
        (("mint", plain, OTHER, "--uri", "x"), "have no URIs of their own"),
    ):
        assert told in await line.fails("token", *words, *line.signing(), code=usage)


async def test_a_multi_token_has_amounts_of_each_number(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    token = await create(line, "erc1155-multi", "ipfs://{id}", OWNER)
    await line("token", "mint", token, OWNER, "10", "--id", "7", *line.signing())
    await line("token", "transfer", token, OTHER, "4", "--id", "7", *line.signing())
    assert (await line.record("token", "balance", token, OTHER, "--id", "7"))["balance"] == "4"
    shown = await line.record("token", "show", token)
    assert (shown["standard"], shown["name"], shown["decimals"]) == ("ERC-1155", None, None)
    for words in (("transfer", token, OTHER, "4", *line.signing()), ("balance", token, OTHER)):
        error = await line.fails("token", *words, code=ExitCode.USAGE)
        assert "a token of ERC-1155 needs --id" in error
    assert "null" not in await line("token", "list")


async def test_an_account_without_code_is_no_token(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    assert f"no contract at {OTHER}" in await line.fails("token", "show", OTHER)
    assert f"no contract at {OTHER} answers balanceOf" in await line.fails("token", "balance", OTHER, OWNER)
    for words in (("transfer", OTHER, OWNER, "1", "--units", "wei"), ("mint", OTHER, OWNER, "1")):
        assert f"no contract at {OTHER}" in await line.fails("token", *words, *line.signing())
    assert await line.dev.height() == 0


async def test_a_contract_that_is_no_token_is_told_so(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    error = await line.fails("token", "show", checksum_address(STAKING))
    assert "is no token: it has no totalSupply" in error
    error = await line.fails("token", "transfer", checksum_address(STAKING), OWNER, "1", *line.signing())
    assert "tells no decimals" in error


async def test_of_a_fixed_token_nobody_makes_more(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    token = await create(line, "erc20-fixed", "G", "G", "2", "1", OWNER)
    error = await line.fails("token", "mint", token, OWNER, "1", *line.signing())
    assert "nobody can make more of it: FixedToken has no function for that" in error
    error = await line.fails("token", "balance", token, OWNER, "--id", "1", code=ExitCode.USAGE)
    assert "a token of ERC-20 takes no --id" in error


async def test_a_token_that_is_only_to_be_signed_is_not_sent(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    words = ("erc20-fixed", "Gold", "G", "18", "1", OWNER, *line.signing())
    assert "raw" in await line.record("token", "create", *words, "--dry-run")
    assert await line.dev.height() == 0
    assert set(await line.record("token", "create", *words, "--async")) == {"hash"}


async def test_the_name_of_a_token_does_not_steer_the_terminal(cli_of_node: CommandLine) -> None:
    line = cli_of_node
    name, symbol = "\x1b[31mred\u202e", b"a\xffb".decode("utf-8", "surrogateescape")
    arguments = FixedToken.constructing.encode(name, symbol, 18, 5, ACCOUNTS[0].address)
    payload = TokenFactory.createToken.encode(keccak256(b"erc20-fixed"), arguments, bytes(32))
    sent = {"from": OWNER, "to": checksum_address(TOKEN_FACTORY), "data": "0x" + payload.hex()}
    await line.dev.call("eth_sendTransaction", sent)
    (row,) = await line.rows("token", "list")
    assert (row["name"], row["symbol"]) == (name, "a\ufffdb")
    for words in (("list",), ("show", row["address"]), ("balance", row["address"], OWNER)):
        shown = await line("token", *words)
        assert "a\ufffdb" in shown
        assert not any(character in shown for character in ("\x1b", "\u202e"))
