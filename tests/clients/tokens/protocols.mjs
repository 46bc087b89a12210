// Tokens in protocols that know nothing of them: a pool of Uniswap V2 between a token and the wrapped coin, a Safe that owns tokens.
import { Contract, Interface, Signature, ZeroAddress, parseEther } from 'ethers';
import { PERMIT, artifact, chainId, inAnHour, provider } from '../protocol.mjs';
import { MOST, ZERO, ask } from './harness.mjs';

const core = (name) => artifact(`@uniswap/v2-core/build/${name}.json`);
const safeArtifact = (path) => artifact(`@safe-global/safe-contracts/build/artifacts/contracts/${path}.json`);
const SUPPLY = parseEther('1000000');
const ROOM = 500_000n; // gas
const CREATION = 7_000_000n;
const [CALL, DELEGATECALL] = [0, 1];

async function pool(t, token, weth, owner, trader) {
  const factory = await t.helper('factory', core('UniswapV2Factory'), [ZERO], 0n, CREATION);
  const router = await t.helper('router', artifact('@uniswap/v2-periphery/build/UniswapV2Router02.json'), [factory, weth], 0n, CREATION);
  const deadline = await inAnHour();
  const permit = { owner: owner.address, spender: router.target, value: MOST, nonce: 0n, deadline: MOST };
  const domain = { name: 'Pooled', version: '1', chainId, verifyingContract: token.target };
  const { v, r, s } = Signature.from(await owner.signer.signTypedData(domain, PERMIT, permit));
  await t.sends('a permit for the router', ask(token, 'permit', [owner, router, MOST, MOST, v, r, s], { from: trader }), [[token, 'Approval', owner, router, MOST]]);
  const [tokens, coins] = [parseEther('4000'), parseEther('1')];
  await t.sent(ask(router, 'addLiquidityETH', [token, tokens, 0n, 0n, owner, deadline], { from: owner, value: coins, gas: CREATION }));
  const pair = new Contract((await t.value(factory, 'getPair', [token, weth]))[0], core('UniswapV2Pair').abi, provider);
  t.alias('pair', pair);
  await t.returns('the pool has tokens', ask(token, 'balanceOf', [pair]), [tokens]);
  await t.returns('the pool has wrapped coins', ask(weth, 'balanceOf', [pair]), [coins]);
  const paid = parseEther('0.1');
  const bought = (paid * 997n * tokens) / (coins * 1000n + paid * 997n);
  await t.sent(ask(router, 'swapExactETHForTokens', [bought, [weth, token], trader, deadline], { from: trader, value: paid, gas: ROOM }));
  await t.returns('coins bought tokens', ask(token, 'balanceOf', [trader]), [bought]);
  await t.reverts('selling without an allowance', ask(router, 'swapExactTokensForETH', [bought, 0n, [token, weth], trader, deadline], { from: trader }),
    'TransferHelper: TRANSFER_FROM_FAILED');
  await t.sends('an allowance for the router', ask(token, 'approve', [router, bought], { from: trader }), [[token, 'Approval', trader, router, bought]]);
  const before = await provider.getBalance(trader.address);
  const receipt = await t.sent(ask(router, 'swapExactTokensForETH', [bought, 0n, [token, weth], trader, deadline], { from: trader, gas: ROOM }));
  const sold = bought * 997n;
  const back = (sold * (coins + paid)) / ((tokens - bought) * 1000n + sold);
  t.check('tokens bought coins', (await provider.getBalance(trader.address)) - before + receipt.gasUsed * receipt.gasPrice, back);
  const [liquidity] = await t.value(pair, 'balanceOf', [owner]);
  await t.sent(ask(pair, 'approve', [router, liquidity], { from: owner }));
  await t.sent(ask(router, 'removeLiquidityETH', [token, liquidity, 0n, 0n, owner, deadline], { from: owner, gas: ROOM }));
  t.check('next to nothing is left in the pool', [(await t.value(token, 'balanceOf', [pair]))[0] < 100_000n, (await t.value(weth, 'balanceOf', [pair]))[0] < 1_000n], [true, true]);
}

async function safe(t, token, collection, owner, trader) {
  const singleton = await t.helper('singleton', safeArtifact('Safe.sol/Safe'), [], 0n, CREATION);
  const factory = await t.helper('proxy factory', safeArtifact('proxies/SafeProxyFactory.sol/SafeProxyFactory'));
  const handler = await t.helper('handler', safeArtifact('handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler'), [], 0n, CREATION);
  const setup = new Interface(singleton.interface.fragments).encodeFunctionData('setup', [[owner.address], 1, ZeroAddress, '0x', handler.target, ZeroAddress, 0, ZeroAddress]);
  const receipt = await t.sent(ask(factory, 'createProxyWithNonce', [singleton, setup, 0n], { from: owner }));
  const created = receipt.logs.map((log) => factory.interface.parseLog(log)).find((log) => log?.name === 'ProxyCreation');
  const wallet = new Contract(created.args.proxy, singleton.interface, provider);
  t.alias('safe', wallet);
  await t.sends('tokens for the Safe', ask(token, 'transfer', [wallet, 1_000n], { from: owner }), [[token, 'Transfer', owner, wallet, 1_000n]]);
  // Its handler answers the callback.
  await t.sends('a safe mint for the Safe', ask(collection, 'safeMint', [wallet], { from: owner }), [[collection, 'Transfer', ZERO, wallet, 0n]]);
  // The owner sends, so its signature is its address with v = 1.
  const signature = `0x${owner.address.slice(2).toLowerCase().padStart(64, '0')}${'0'.repeat(64)}01`;
  const execute = (to, data, operation) => ask(wallet, 'execTransaction', [to, 0n, data, operation, 0n, 0n, 0n, ZeroAddress, ZeroAddress, signature], { from: owner });
  const transfer = token.interface.encodeFunctionData('transfer', [trader.address, 300n]);
  await t.returns('the Safe pays', execute(token, transfer, CALL), [true]);
  const paid = await t.sent(execute(token, transfer, CALL));
  t.compareLogs('the token logs it', paid.logs.filter(({ address }) => address === token.target), [[token, 'Transfer', wallet, trader, 300n]]);
  await t.sent(execute(collection, collection.interface.encodeFunctionData('transferFrom', [wallet.target, trader.address, 0n]), CALL));
  await t.returns('the Safe gave its piece away', ask(collection, 'ownerOf', [0n]), [trader]);
  await t.reverts('the Safe pays too much', execute(token, token.interface.encodeFunctionData('transfer', [trader.address, 701n]), CALL), 'GS013');
  // By delegation it would spend what lies in its own storage: nothing, or the token refuses at once.
  await t.reverts('the Safe delegates to the token', execute(token, transfer, DELEGATECALL), 'GS013');
  await t.returns('the Safe has the rest', ask(token, 'balanceOf', [wallet]), [700n]);
}

export default async function protocols(t) {
  const [owner, trader] = await t.actors(parseEther('2'), 'owner', 'trader');
  const token = await t.token('token', 'Fixed', ['Pooled', 'POO', 18, SUPPLY, owner], [['Transfer', ZERO, owner, SUPPLY]]);
  const weth = await t.token('wrapper', 'Wrapped', []);
  const collection = await t.token('collection', 'RoyaltyCollection', ['Kept', 'KPT', '', owner, 0n, owner], [['OwnershipTransferred', ZERO, owner]]);
  await pool(t, token, weth, owner, trader);
  await safe(t, token, collection, owner, trader);
}
