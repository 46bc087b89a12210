// node uniswap_v2.mjs URL PRIVATE_KEY: Uniswap V2 from the bytecode in @uniswap/v2-core and @uniswap/v2-periphery.
import { Contract, Signature, TypedDataEncoder, getCreate2Address, keccak256, parseEther, solidityPacked } from 'ethers';
import {
  PERMIT, actors, all, artifact, chainId, check, checkFailsInBlock, checkReverts, deploy, deployer, event, inAnHour, mined, provider, run, squareRoot, wallet,
} from './protocol.mjs';

const core = (name) => artifact(`@uniswap/v2-core/build/${name}.json`);
const periphery = (name) => artifact(`@uniswap/v2-periphery/build/${name}.json`);

// UniswapV2Library of the periphery has this hash of the pair's creation code in its own bytecode.
const PAIR_CODE_HASH = '0x96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f';
const MINIMUM_LIQUIDITY = 1000n;
const FUNDS = 10n ** 24n;

/** UniswapV2Library.getAmountOut: 0.3 % of what comes in stays in the pool. */
function amountOut(amountIn, reserveIn, reserveOut) {
  const afterFee = amountIn * 997n;
  return (afterFee * reserveOut) / (reserveIn * 1000n + afterFee);
}

const domainOf = (pair) => ({ name: 'Uniswap V2', version: '1', chainId, verifyingContract: pair.target });

async function deployAll() {
  const [factory, weth, first, second] = await Promise.all([
    deploy(core('UniswapV2Factory'), [wallet.address]), deploy(periphery('WETH9')),
    deploy(core('ERC20'), [FUNDS]), deploy(core('ERC20'), [FUNDS]),
  ]);
  const router = await deploy(periphery('UniswapV2Router02'), [factory.target, weth.target]);
  check('the router knows factory and WETH', await Promise.all([router.factory(), router.WETH()]), [factory.target, weth.target]);
  const [token0, token1] = [first, second].sort((a, b) => (BigInt(a.target) < BigInt(b.target) ? -1 : 1));
  return { factory, weth, router, token0, token1 };
}

async function createPair({ factory, token0, token1 }) {
  const pairCode = core('UniswapV2Pair');
  check('hash of the pair\'s creation code', keccak256(pairCode.bytecode), PAIR_CODE_HASH);
  const receipt = await mined(factory.createPair(token1.target, token0.target));
  const salt = keccak256(solidityPacked(['address', 'address'], [token0.target, token1.target]));
  const address = getCreate2Address(factory.target, salt, PAIR_CODE_HASH);
  check('PairCreated tells the CREATE2 address', event(receipt, factory, 'PairCreated'), [token0.target, token1.target, address, 1]);
  check('getPair', await factory.getPair(token0.target, token1.target), address);
  await checkReverts('a second pair', factory.createPair.staticCall(token0.target, token1.target), 'UniswapV2: PAIR_EXISTS');
  return new Contract(address, pairCode.abi, deployer);
}

async function addLiquidity({ router, pair, token0, token1 }) {
  const [amount0, amount1] = [parseEther('1000'), parseEther('4000')];
  await all([token0.approve(router.target, FUNDS), token1.approve(router.target, FUNDS)]);
  const receipt = await mined(router.addLiquidity(token0.target, token1.target, amount0, amount1, 0, 0, wallet.address, await inAnHour()));
  check('Mint event', event(receipt, pair, 'Mint'), [router.target, amount0, amount1]);
  check('Sync event', event(receipt, pair, 'Sync'), [amount0, amount1]);
  const liquidity = squareRoot(amount0 * amount1);
  check('liquidity is the square root of the product', await pair.balanceOf(wallet.address), liquidity - MINIMUM_LIQUIDITY);
  check('total supply', await pair.totalSupply(), liquidity);
  check('reserves', (await pair.getReserves()).slice(0, 2), [amount0, amount1]);
  check('balance of token 0', await token0.balanceOf(wallet.address), FUNDS - amount0);
}

async function swap({ router, pair, token0, token1, trader }) {
  const [reserve0, reserve1] = await pair.getReserves();
  const amountIn = parseEther('10');
  const out = amountOut(amountIn, reserve0, reserve1);
  const path = [token0.target, token1.target];
  check('getAmountsOut', await router.getAmountsOut(amountIn, path), [amountIn, out]);
  const deadline = await inAnHour();
  const call = router.swapExactTokensForTokens;
  await checkReverts('asking for too much', call.staticCall(amountIn, out + 1n, path, wallet.address, deadline), 'UniswapV2Router: INSUFFICIENT_OUTPUT_AMOUNT');
  await checkReverts('a swap too late', call.staticCall(amountIn, out, path, wallet.address, 1), 'UniswapV2Router: EXPIRED');
  await checkReverts('a swap without paying', pair.swap.staticCall(1, 0, wallet.address, '0x'), 'UniswapV2: INSUFFICIENT_INPUT_AMOUNT');
  const receipt = await mined(call(amountIn, out, path, trader.signer.address, deadline));
  check('Swap event', event(receipt, pair, 'Swap'), [router.target, amountIn, 0, 0, out, trader.signer.address]);
  check('the trader has what was promised', await token1.balanceOf(trader.signer.address), out);
  check('reserves after the swap', (await pair.getReserves()).slice(0, 2), [reserve0 + amountIn, reserve1 - out]);
  const before = await token1.balanceOf(trader.signer.address);
  await checkFailsInBlock('a swap too late', call(amountIn, 0, path, trader.signer.address, 1, { gasLimit: 300_000 }));
  check('and moved nothing', await token1.balanceOf(trader.signer.address), before);
}

/** The coin itself: a pool with WETH, paying in and being paid out in coins. */
async function coins({ factory, router, weth, token0, trader }) {
  const [tokens, value] = [parseEther('500'), parseEther('5')];
  const deadline = await inAnHour();
  await mined(router.addLiquidityETH(token0.target, tokens, 0, 0, wallet.address, deadline, { value }));
  const pool = new Contract(await factory.getPair(token0.target, weth.target), core('UniswapV2Pair').abi, deployer);
  check('the pool holds WETH', await weth.balanceOf(pool.target), value);
  const [bought] = (await router.getAmountsOut(parseEther('0.1'), [weth.target, token0.target])).slice(-1);
  const buy = router.connect(trader).swapExactETHForTokens;
  await mined(buy(bought, [weth.target, token0.target], trader.signer.address, deadline, { value: parseEther('0.1') }));
  check('coins bought tokens', await token0.balanceOf(trader.signer.address), bought);
  await mined(token0.connect(trader).approve(router.target, bought));
  const back = parseEther('0.05');
  const before = await provider.getBalance(trader.signer.address);
  const sell = router.connect(trader).swapTokensForExactETH;
  const receipt = await mined(sell(back, bought, [token0.target, weth.target], trader.signer.address, deadline));
  check('Withdrawal event of WETH', event(receipt, weth, 'Withdrawal'), [router.target, back]);
  check('tokens bought coins', await provider.getBalance(trader.signer.address), before + back - receipt.gasUsed * receipt.gasPrice);
}

async function permitAndRemove({ router, pair, token0, token1, trader }) {
  const deadline = await inAnHour();
  const liquidity = parseEther('100');
  const permit = { owner: wallet.address, spender: router.target, value: liquidity, nonce: 0, deadline };
  const { v, r, s } = Signature.from(await wallet.signTypedData(domainOf(pair), PERMIT, permit));
  const call = router.removeLiquidityWithPermit;
  const args = [token0.target, token1.target, liquidity, 0, 0, wallet.address, deadline, false];
  await checkReverts('a permit of somebody else', call.staticCall(...args, v, s, r), 'UniswapV2: INVALID_SIGNATURE');
  const [supply, reserves] = [await pair.totalSupply(), await pair.getReserves()];
  const [due0, due1] = [0, 1].map((i) => (liquidity * reserves[i]) / supply);
  const held = await Promise.all([token0, token1].map((token) => token.balanceOf(wallet.address)));
  const receipt = await mined(call(...args, v, r, s));
  check('Burn event', event(receipt, pair, 'Burn'), [router.target, due0, due1, wallet.address]);
  check('nonce of the permit is used', await pair.nonces(wallet.address), 1);
  check('both tokens came back', await Promise.all([token0, token1].map((token) => token.balanceOf(wallet.address))), [held[0] + due0, held[1] + due1]);
  await checkReverts('the permit again', call.staticCall(...args, v, r, s), 'UniswapV2: INVALID_SIGNATURE');

  await mined(pair.approve(trader.signer.address, 5n));
  await mined(pair.connect(trader).transferFrom(wallet.address, trader.signer.address, 5n));
  check('liquidity is an ERC-20', await pair.balanceOf(trader.signer.address), 5);
  const rest = await pair.balanceOf(wallet.address);
  await mined(pair.approve(router.target, rest));
  await mined(router.removeLiquidity(token0.target, token1.target, rest, 0, 0, wallet.address, deadline));
  check('only the locked liquidity and the five are left', await pair.totalSupply(), MINIMUM_LIQUIDITY + 5n);
}

/** With feeTo set a sixth of the fees is minted to it, at the next change of liquidity. */
async function protocolFee({ factory, router, pair, token0, token1, trader }) {
  await checkReverts('feeTo by a stranger', factory.connect(trader).setFeeTo.staticCall(trader.signer.address), 'UniswapV2: FORBIDDEN');
  const collector = trader.signer.address;
  await mined(factory.setFeeTo(collector));
  const deadline = await inAnHour();
  const add = () => router.addLiquidity(token0.target, token1.target, parseEther('100'), parseEther('400'), 0, 0, wallet.address, deadline);
  await mined(add()); // remembers k, which is what the fee is counted from
  const last = await pair.kLast();
  await mined(router.swapExactTokensForTokens(parseEther('50'), 0, [token0.target, token1.target], wallet.address, deadline));
  const [reserve0, reserve1] = await pair.getReserves();
  const [root, rootLast, supply] = [squareRoot(reserve0 * reserve1), squareRoot(last), await pair.totalSupply()];
  const fee = (supply * (root - rootLast)) / (root * 5n + rootLast);
  const before = await pair.balanceOf(collector);
  await mined(add());
  check('the protocol\'s share of the fees', (await pair.balanceOf(collector)) - before, fee);
  check('there was a fee', fee > 0n);
}

await run('Uniswap V2', async () => {
  const [trader] = await actors(parseEther('2'), 'trader');
  const parts = { ...(await deployAll()), trader };
  parts.pair = await createPair(parts);
  check('the pair\'s EIP-712 domain has this chain\'s id', await parts.pair.DOMAIN_SEPARATOR(), TypedDataEncoder.hashDomain(domainOf(parts.pair)));
  await addLiquidity(parts);
  await swap(parts);
  await coins(parts);
  await permitAndRemove(parts);
  await protocolFee(parts);
});
