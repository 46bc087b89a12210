// node uniswap_v3.mjs URL PRIVATE_KEY: Uniswap V3 from the bytecode in @uniswap/v3-core and @uniswap/v3-periphery
// (WETH9 and the ERC-20 are those of @uniswap/v2-periphery and @uniswap/v2-core).
import { AbiCoder, Contract, Signature, ZeroAddress, encodeBytes32String, getCreate2Address, keccak256, parseEther, solidityPacked } from 'ethers';
import {
  actors, all, artifact, chainId, check, checkFailsInBlock, checkNear, checkReverts, deploy, deployer, event, inAnHour, mined, provider, run,
  squareRoot, wallet,
} from './protocol.mjs';

const core = (name) => artifact(`@uniswap/v3-core/artifacts/contracts/${name}.sol/${name}.json`);
const periphery = (name, folder = '') => artifact(`@uniswap/v3-periphery/artifacts/contracts/${folder}${name}.sol/${name}.json`);

// PoolAddress of the periphery has this hash of the pool's creation code in its own bytecode.
const POOL_CODE_HASH = '0xe34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54';
const FEE = 3000;
const LOW_FEE = 500;
const Q96 = 1n << 96n;
const NO_LIMIT = 0;
const MOST = (1n << 128n) - 1n;
const FUNDS = 10n ** 26n;
const FEE_MARGIN = 10n; // each swap rounds its fee against the trader, each collection against the position

const sqrtPrice = (amount1, amount0) => squareRoot((amount1 << 192n) / amount0);
const coder = AbiCoder.defaultAbiCoder();

async function deployAll() {
  const [factory, weth, first, second, nftDescriptor] = await Promise.all([
    deploy(core('UniswapV3Factory')), deploy(artifact('@uniswap/v2-periphery/build/WETH9.json')),
    deploy(artifact('@uniswap/v2-core/build/ERC20.json'), [FUNDS]), deploy(artifact('@uniswap/v2-core/build/ERC20.json'), [FUNDS]),
    deploy(periphery('NFTDescriptor', 'libraries/')),
  ]);
  const descriptor = await deploy(
    periphery('NonfungibleTokenPositionDescriptor'), [weth.target, encodeBytes32String('AUR')], { NFTDescriptor: nftDescriptor },
  );
  const [manager, router, quoter] = await Promise.all([
    deploy(periphery('NonfungiblePositionManager'), [factory.target, weth.target, descriptor.target]),
    deploy(periphery('SwapRouter'), [factory.target, weth.target]),
    deploy(periphery('QuoterV2', 'lens/'), [factory.target, weth.target]),
  ]);
  check('the periphery knows the factory', await Promise.all([manager.factory(), router.factory(), quoter.factory()]), Array(3).fill(factory.target));
  check('label of the coin', await descriptor.nativeCurrencyLabel(), 'AUR');
  const [token0, token1] = [first, second].sort((a, b) => (BigInt(a.target) < BigInt(b.target) ? -1 : 1));
  await all([token0, token1].flatMap((token) => [manager, router].map((spender) => token.approve(spender.target, FUNDS))));
  return { factory, weth, manager, router, quoter, token0, token1 };
}

async function createPool({ factory, manager, token0, token1 }) {
  check('hash of the pool\'s creation code', keccak256(core('UniswapV3Pool').bytecode), POOL_CODE_HASH);
  const receipt = await mined(manager.createAndInitializePoolIfNecessary(token0.target, token1.target, FEE, Q96));
  const salt = keccak256(coder.encode(['address', 'address', 'uint24'], [token0.target, token1.target, FEE]));
  const address = getCreate2Address(factory.target, salt, POOL_CODE_HASH);
  const pool = new Contract(address, core('UniswapV3Pool').abi, deployer);
  check('PoolCreated tells the CREATE2 address', event(receipt, factory, 'PoolCreated'), [token0.target, token1.target, FEE, 60, address]);
  check('Initialize event', event(receipt, pool, 'Initialize'), [Q96, 0]);
  check('price of the pool', (await pool.slot0()).slice(0, 2), [Q96, 0]);
  await checkReverts('initialising again', pool.initialize.staticCall(Q96), 'AI');
  await checkReverts('the pool again', factory.createPool.staticCall(token0.target, token1.target, FEE), 'require(false)');
  await checkReverts('a fee that is not enabled', factory.createPool.staticCall(token0.target, token1.target, 1234), 'require(false)');
  return pool;
}

/** The lesser of what the amount buys on both sides of the price (given by its root). */
function liquidityOf(root, range, amount) {
  const [low, high] = [1.0001 ** (-range / 2), 1.0001 ** (range / 2)];
  return Math.min((amount * root * high) / (high - root), amount / (root - low));
}

async function mintPosition({ manager, pool, token0, token1 }, range, amount) {
  const deadline = await inAnHour();
  const order = {
    token0: token0.target, token1: token1.target, fee: FEE, tickLower: -range, tickUpper: range, amount0Desired: amount, amount1Desired: amount,
    amount0Min: 0, amount1Min: 0, recipient: wallet.address, deadline,
  };
  const before = await Promise.all([token0, token1].map((token) => token.balanceOf(pool.target)));
  const receipt = await mined(manager.mint(order));
  const { tokenId, liquidity, amount0, amount1 } = event(receipt, manager, 'IncreaseLiquidity');
  check(`position of ${range} ticks: Mint event`, event(receipt, pool, 'Mint'), [manager.target, manager.target, -range, range, liquidity, amount0, amount1]);
  const after = await Promise.all([token0, token1].map((token) => token.balanceOf(pool.target)));
  check('the pool was paid', after, [before[0] + amount0, before[1] + amount1]);
  const expected = liquidityOf(Number((await pool.slot0()).sqrtPriceX96) / 2 ** 96, range, Number(amount));
  check('liquidity of the formula', Math.abs(Number(liquidity) / expected - 1) < 1e-9);
  check('position in the manager', (await manager.positions(tokenId)).slice(2, 8), [token0.target, token1.target, FEE, -range, range, liquidity]);
  check('owner of the NFT', await manager.ownerOf(tokenId), wallet.address);
  const turned = { ...order, tickLower: range, tickUpper: -range };
  await checkReverts('ticks in the wrong order', manager.mint.staticCall(turned), 'TLU');
  await checkReverts('asking for both amounts at a one-sided range', manager.mint.staticCall({ ...order, tickLower: range, tickUpper: 2 * range, amount1Min: 1 }), 'Price slippage check');
  return { tokenId, liquidity, amount0, amount1 };
}

/** The quoter makes the swap in the pool and has the callback revert with the amounts. */
const quoteOf = ({ quoter, token0, token1 }, amountIn) => quoter.quoteExactInputSingle.staticCall({
  tokenIn: token0.target, tokenOut: token1.target, amountIn, fee: FEE, sqrtPriceLimitX96: NO_LIMIT,
});

async function swap({ router, quoter, pool, token0, token1, trader }, tokenIn, amountIn) {
  const [input, output] = tokenIn === 0 ? [token0, token1] : [token1, token0];
  const quote = await quoteOf({ quoter, token0: input, token1: output }, amountIn);
  const order = {
    tokenIn: input.target, tokenOut: output.target, fee: FEE, recipient: trader.signer.address, deadline: await inAnHour(), amountIn,
    amountOutMinimum: quote.amountOut, sqrtPriceLimitX96: NO_LIMIT,
  };
  await checkReverts('asking for too much', router.exactInputSingle.staticCall({ ...order, amountOutMinimum: quote.amountOut + 1n }), 'Too little received');
  await checkReverts('a swap too late', router.exactInputSingle.staticCall({ ...order, deadline: 1 }), 'Transaction too old');
  const [held, before] = await Promise.all([output.balanceOf(trader.signer.address), pool.slot0()]);
  const receipt = await mined(router.exactInputSingle(order));
  const swapped = event(receipt, pool, 'Swap');
  const moved = tokenIn === 0 ? [amountIn, -quote.amountOut] : [-quote.amountOut, amountIn];
  check(`swap of token ${tokenIn}: the quote was right`, [swapped.amount0, swapped.amount1, swapped.sqrtPriceX96], [...moved, quote.sqrtPriceX96After]);
  check('the trader has what was promised', await output.balanceOf(trader.signer.address), held + quote.amountOut);
  const { sqrtPriceX96 } = await pool.slot0();
  check('the price moved the right way', tokenIn === 0 ? sqrtPriceX96 < before.sqrtPriceX96 : sqrtPriceX96 > before.sqrtPriceX96);
  return quote;
}

async function swapExactOut({ router, quoter, token0, token1, trader }) {
  const amountOut = parseEther('1');
  const [amountIn] = await quoter.quoteExactOutputSingle.staticCall({
    tokenIn: token1.target, tokenOut: token0.target, amount: amountOut, fee: FEE, sqrtPriceLimitX96: NO_LIMIT,
  });
  const order = {
    tokenIn: token1.target, tokenOut: token0.target, fee: FEE, recipient: trader.signer.address, deadline: await inAnHour(), amountOut,
    amountInMaximum: amountIn, sqrtPriceLimitX96: NO_LIMIT,
  };
  await checkReverts('paying too little', router.exactOutputSingle.staticCall({ ...order, amountInMaximum: amountIn - 1n }), 'Too much requested');
  const [paid, got] = await Promise.all([token1.balanceOf(wallet.address), token0.balanceOf(trader.signer.address)]);
  await mined(router.exactOutputSingle(order));
  check('exact output', [paid - await token1.balanceOf(wallet.address), await token0.balanceOf(trader.signer.address) - got], [amountIn, amountOut]);
  return amountIn;
}

/** A second pool with WETH, made, opened and filled in one multicall; then token 0 -> token 1 -> coins in another. */
async function coins({ factory, weth, manager, router, quoter, token0, token1, trader }) {
  const deadline = await inAnHour();
  const value = parseEther('10');
  const [low, high, amounts] = BigInt(token1.target) < BigInt(weth.target)
    ? [token1, weth, [value * 2n, value]] : [weth, token1, [value, value * 2n]];
  const calls = [
    manager.interface.encodeFunctionData('createAndInitializePoolIfNecessary', [low.target, high.target, LOW_FEE, sqrtPrice(amounts[1], amounts[0])]),
    manager.interface.encodeFunctionData('mint', [{
      token0: low.target, token1: high.target, fee: LOW_FEE, tickLower: -887270, tickUpper: 887270, amount0Desired: amounts[0],
      amount1Desired: amounts[1], amount0Min: 0, amount1Min: 0, recipient: wallet.address, deadline,
    }]),
    manager.interface.encodeFunctionData('refundETH'),
  ];
  await mined(manager.multicall(calls, { value: value * 2n }));
  const pool = await factory.getPool(token1.target, weth.target, LOW_FEE);
  checkNear('the pool holds the coins as WETH', await weth.balanceOf(pool), value);
  check('the rest of the coins came back', await provider.getBalance(manager.target), 0);

  const path = solidityPacked(['address', 'uint24', 'address', 'uint24', 'address'], [token0.target, FEE, token1.target, LOW_FEE, weth.target]);
  const amountIn = parseEther('1');
  const [amountOut] = await quoter.quoteExactInput.staticCall(path, amountIn);
  check('the quote is near half of the amount', Math.abs(Number(amountOut) / Number(amountIn) - 0.5) < 0.1);
  const sale = { path, recipient: ZeroAddress, deadline, amountIn, amountOutMinimum: amountOut };
  const before = await provider.getBalance(trader.signer.address);
  await mined(router.multicall([
    router.interface.encodeFunctionData('exactInput', [sale]),
    router.interface.encodeFunctionData('unwrapWETH9', [amountOut, trader.signer.address]),
  ]));
  check('two hops end in coins', await provider.getBalance(trader.signer.address), before + amountOut);
  return amountIn;
}

async function collectAndBurn({ manager, pool, token0, token1, trader }, position, fees) {
  const { tokenId, liquidity } = position;
  const recipient = trader.signer.address;
  const order = { tokenId, recipient, amount0Max: MOST, amount1Max: MOST };
  await checkReverts('collecting for a stranger', manager.connect(trader).collect.staticCall(order), 'Not approved');
  await checkReverts('burning a position in use', manager.burn.staticCall(tokenId), 'Not cleared');
  const held = await Promise.all([token0, token1].map((token) => token.balanceOf(recipient)));
  const collected = event(await mined(manager.collect(order)), manager, 'Collect');
  checkNear('fees in token 0', collected.amount0, fees[0], FEE_MARGIN);
  checkNear('fees in token 1', collected.amount1, fees[1], FEE_MARGIN);
  check('fees were paid out', await Promise.all([token0, token1].map((token) => token.balanceOf(recipient))), [held[0] + collected.amount0, held[1] + collected.amount1]);

  const decrease = { tokenId, liquidity, amount0Min: 0, amount1Min: 0, deadline: await inAnHour() };
  const receipt = await mined(manager.decreaseLiquidity(decrease));
  const { amount0, amount1 } = event(receipt, manager, 'DecreaseLiquidity');
  check('Burn event', event(receipt, pool, 'Burn'), [manager.target, -600, 600, liquidity, amount0, amount1]);
  const out = event(await mined(manager.collect(order)), manager, 'Collect');
  check('the whole position was paid out', [out.amount0, out.amount1], [amount0, amount1]);
  await mined(manager.burn(tokenId));
  await checkReverts('the owner of a burnt position', manager.ownerOf(tokenId), 'ERC721: owner query for nonexistent token');
}

/** The picture is drawn by the contract itself: long loops over strings, base 64, a linked library. */
async function picture({ manager }, { tokenId }) {
  const uri = await manager.tokenURI(tokenId);
  const told = JSON.parse(Buffer.from(uri.split(',')[1], 'base64').toString());
  check('name in the token URI', told.name, 'Uniswap - 0.3% - UNI-V2/UNI-V2 - 0.54883<>1.8221');
  const svg = Buffer.from(told.image.split(',')[1], 'base64').toString();
  check('picture in the token URI', [svg.startsWith('<svg width="290" height="500"'), svg.endsWith('</svg>'), svg.includes(`ID: </tspan>${tokenId}`)], [true, true, true]);
}

async function permit({ manager, trader }, { tokenId }) {
  const deadline = await inAnHour();
  const domain = { name: 'Uniswap V3 Positions NFT-V1', version: '1', chainId, verifyingContract: manager.target };
  const types = { Permit: [{ name: 'spender', type: 'address' }].concat(['tokenId', 'nonce', 'deadline'].map((name) => ({ name, type: 'uint256' }))) };
  const signed = await wallet.signTypedData(domain, types, { spender: trader.signer.address, tokenId, nonce: 0, deadline });
  const { v, r, s } = Signature.from(signed);
  await checkReverts('a permit for another token', manager.permit.staticCall(trader.signer.address, tokenId + 1n, deadline, v, r, s), 'Unauthorized');
  await mined(manager.permit(trader.signer.address, tokenId, deadline, v, r, s));
  await mined(manager.connect(trader).transferFrom(wallet.address, trader.signer.address, tokenId));
  check('the NFT moved by permit', await manager.ownerOf(tokenId), trader.signer.address);
}

async function oracle({ pool }) {
  const receipt = await mined(pool.increaseObservationCardinalityNext(4));
  check('IncreaseObservationCardinalityNext event', event(receipt, pool, 'IncreaseObservationCardinalityNext'), [1, 4]);
  const { tickCumulatives } = await pool.observe([0]);
  check('the oracle has counted', tickCumulatives.length, 1);
  await checkReverts('an observation too old', pool.observe([4_000_000_000n]), 'OLD');
}

await run('Uniswap V3', async () => {
  const [trader] = await actors(parseEther('2'), 'trader');
  const parts = { ...(await deployAll()), trader };
  parts.pool = await createPool(parts);
  await checkReverts('a mint that nobody pays for', parts.pool.mint.staticCall(wallet.address, -600, 600, 1, '0x'), 'require(false)');
  const narrow = await mintPosition(parts, 600, parseEther('1000'));
  const fee = (amount) => (amount * BigInt(FEE)) / 1_000_000n;
  const [in0, in1] = [parseEther('100'), parseEther('50')];
  await swap(parts, 0, in0);
  await swap(parts, 1, in1);
  const third = await swapExactOut(parts);
  const sold = await coins(parts);
  await collectAndBurn(parts, narrow, [fee(in0 + sold), fee(in1 + third)]);

  await checkReverts('a quote of an empty pool', quoteOf(parts, 1000n), 'Unexpected error');

  const wide = await mintPosition(parts, 6000, parseEther('1000'));
  await mintPosition(parts, 1200, parseEther('1000'));
  const crossing = await swap(parts, 0, parseEther('1600'));
  check('the swap left the narrower range', [crossing.initializedTicksCrossed, await parts.pool.liquidity()], [1, wide.liquidity]);
  await checkFailsInBlock('a swap too late', parts.router.exactInputSingle({
    tokenIn: parts.token0.target, tokenOut: parts.token1.target, fee: FEE, recipient: wallet.address, deadline: 1, amountIn: 1,
    amountOutMinimum: 0, sqrtPriceLimitX96: NO_LIMIT,
  }, { gasLimit: 300_000 }));
  await picture(parts, wide);
  await permit(parts, wide);
  await oracle(parts);
});
