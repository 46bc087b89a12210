// Tokens from the bytecode of OpenZeppelin 5, and WETH9 as it is on mainnet.
import { Contract } from 'ethers';
import { artifact, deployer } from '../protocol.mjs';
import { creation } from './harness.mjs';

const NAMES = { fixed: 'OzFixed', managed: 'OzManaged', votes: 'OzVotes', collection: 'OzCollection', multi: 'OzMultiToken' };

export default function openZeppelin(artifacts) {
  const made = (kind) => (kind === 'wrapped' ? artifact('@uniswap/v2-periphery/build/WETH9.json') : artifacts[NAMES[kind]]);
  return {
    name: 'openzeppelin',
    request: (kind, args) => creation(made(kind), args),
    made: async (kind, receipt) => new Contract(receipt.contractAddress, made(kind).abi, deployer),
    code: (kind) => made(kind),
  };
}
