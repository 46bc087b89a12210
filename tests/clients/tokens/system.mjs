// The chain's own tokens: made by the token factory from its templates, used by the published ABI. And the wrapped coin.
import { readFileSync } from 'node:fs';
import { AbiCoder, Contract, Interface, getAddress, id, toBeHex } from 'ethers';
import { deployer } from '../protocol.mjs';
import { ask, revertData } from './harness.mjs';

const published = (name) => JSON.parse(readFileSync(new URL(`../../../contracts/interfaces/${name}.json`, import.meta.url), 'utf8'));
export const TOKEN_FACTORY = getAddress('0x00000000000000000000000000000000005c000b');
export const WRAPPED_COIN = getAddress('0x00000000000000000000000000000000005c0017');
const DELEGATED = revertData(null, 'system contract: delegated call');
// Template and class of each kind of token.
const TEMPLATES = {
  Fixed: ['erc20-fixed', 'FixedToken'], Mintable: ['erc20-mintable', 'MintableToken'], Capped: ['erc20-capped', 'CappedToken'], Votes: ['erc20-votes', 'VotesToken'],
  Full: ['erc20-full', 'FullToken'], Collection: ['erc721-collection', 'CollectionToken'], RoyaltyCollection: ['erc721-royalties', 'RoyaltyCollection'],
  Membership: ['erc721-votes', 'MembershipCollection'], MultiToken: ['erc1155-multi', 'MultiToken'], Restricted: ['erc20-restricted', 'RestrictedToken'],
  Wrapped: [null, 'WrappedCoin'],
};

export default function system() {
  const factory = new Contract(TOKEN_FACTORY, published('TokenFactory'), deployer);
  const abis = Object.fromEntries(Object.entries(TEMPLATES).map(([kind, [, contract]]) => [kind, published(contract)]));
  const first = BigInt(Date.now()) << 32n; // a salt that no run before had
  let made = 0n;

  return {
    name: 'system',
    creator: TOKEN_FACTORY,
    factory,
    abi: (kind) => abis[kind],
    interfaceOf: (kind) => new Interface(abis[kind]),
    suites: ['chain', 'factory', 'solidity'],
    published,
    wrapped: { name: 'Wrapped AUR', symbol: 'WAUR' },

    /** The call of the factory that makes a token; null for the coin, which is there. Reverts are those of the token's constructor. */
    request(kind, args) {
      const [template] = TEMPLATES[kind];
      if (template === null) return null;
      const { inputs } = abis[kind].find(({ type }) => type === 'constructor');
      made += 1n;
      const encoded = AbiCoder.defaultAbiCoder().encode(inputs, args.map((value) => value?.address ?? value?.target ?? value));
      return { ...ask(factory, 'createToken', [id(template), encoded, toBeHex(first + made, 32)]), contract: { interface: new Interface(abis[kind]) } };
    },

    made(kind, receipt) {
      if (receipt === null) return new Contract(WRAPPED_COIN, abis[kind], deployer);
      const created = receipt.logs.filter(({ address }) => address === TOKEN_FACTORY).map((log) => factory.interface.parseLog(log)).find(({ name }) => name === 'TokenCreated');
      return new Contract(created.args.token, abis[kind], deployer);
    },

    /** Nothing of a system contract runs by delegation. */
    async delegated(t, token, prober, calls) {
      for (const way of ['viaDelegateCall', 'viaCallCode'])
        for (const [name, data] of Object.entries(calls)) await t.returns(`${way} of ${name}`, ask(prober, way, [token, data]), [false, DELEGATED]);
    },
    delegatedAccount: (t, account) => t.reverts('which does nothing', ask(account, 'totalSupply'), DELEGATED),
  };
}
