// Tokens from the bytecode of OpenZeppelin 5, and WETH9 as Aave compiled it.
import { Contract, toBeHex } from 'ethers';
import { artifact, deployer, wallet } from '../protocol.mjs';
import { ask, creation } from './harness.mjs';

const NAMES = { fixed: 'OzFixed', managed: 'OzManaged', votes: 'OzVotes', collection: 'OzCollection', multi: 'OzMultiToken' };

export default function openZeppelin(artifacts) {
  const made = (kind) => (kind === 'wrapped' ? artifact('@aave/core-v3/artifacts/contracts/dependencies/weth/WETH9.sol/WETH9.json') : artifacts[NAMES[kind]]);
  return {
    name: 'openzeppelin',
    request: (kind, args) => creation(made(kind), args),
    made: async (kind, receipt) => new Contract(receipt.contractAddress, made(kind).abi, deployer),
    /** What runs by delegation works on the storage of the caller, where nothing is. */
    async delegated(t, token, prober, { transfer, balance, approve }) {
      for (const way of ['viaDelegateCall', 'viaCallCode']) {
        const poor = token.interface.encodeErrorResult('ERC20InsufficientBalance', [way === 'viaCallCode' ? prober.target : wallet.address, 0n, 1n]);
        await t.returns(`${way} of transfer`, ask(prober, way, [token, transfer]), [false, poor]);
        await t.returns(`${way} of a view`, ask(prober, way, [token, balance]), [true, toBeHex(0, 32)]);
        await t.returns(`${way} of approve`, ask(prober, way, [token, approve]), [true, toBeHex(1, 32)]);
      }
    },
    delegatedAccount: (t, account) => t.returns('which has tokens of its own: none', ask(account, 'totalSupply'), [0n]),
    // WETH9's own ways: no reasons, 2300 gas for who is paid, and the event of a withdrawal after the payment.
    wrapped: {
      name: 'Wrapped Ether', symbol: 'WETH', stipendOnly: true,
      insufficient: () => '0x',
      allowance: () => '0x',
      paying: (payment, event) => [payment, event],
    },
  };
}
