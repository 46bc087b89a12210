// Tokens from the bytecode of OpenZeppelin 5, and WETH9 as Aave compiled it.
import { Contract, toBeHex } from 'ethers';
import { artifact, deployer, wallet } from '../protocol.mjs';
import { ask, creation } from './harness.mjs';

const WETH9 = '@aave/core-v3/artifacts/contracts/dependencies/weth/WETH9.sol/WETH9.json';

const published = (artifacts, kind) => (kind === 'Wrapped' ? artifact(WETH9) : artifacts[`Oz${kind}`]);

/** The ABI of the contract that a kind of token is measured by. */
export const original = (artifacts, kind) => published(artifacts, kind).abi;

export default function openZeppelin(artifacts) {
  const made = (kind) => published(artifacts, kind);
  return {
    name: 'openzeppelin',
    creator: wallet.address,
    wrapped: { name: 'Wrapped Ether', symbol: 'WETH' },
    abi: (kind) => original(artifacts, kind),
    request: (kind, args) => creation(made(kind), args),
    made: async (kind, receipt) => new Contract(receipt.contractAddress, made(kind).abi, deployer),
    /** What runs by delegation works on the storage of the caller, where nothing is. */
    async delegated(t, token, prober, { transfer, balance, approve }) {
      for (const way of ['viaDelegateCall', 'viaCallCode']) {
        const sender = way === 'viaCallCode' ? prober.target : wallet.address;
        const poor = token.interface.encodeErrorResult('ERC20InsufficientBalance', [sender, 0n, 1n]);
        await t.returns(`${way} of transfer`, ask(prober, way, [token, transfer]), [false, poor]);
        await t.returns(`${way} of a view`, ask(prober, way, [token, balance]), [true, toBeHex(0, 32)]);
        await t.returns(`${way} of approve`, ask(prober, way, [token, approve]), [true, toBeHex(1, 32)]);
      }
    },
    delegatedAccount: (t, account) => t.returns('which has tokens of its own: none', ask(account, 'totalSupply'), [0n]),
  };
}
