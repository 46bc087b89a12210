// node aave_v3.mjs URL PRIVATE_KEY: Aave V3 from the bytecode in @aave/core-v3, with its own test tokens and price feeds.
import { Contract, MaxUint256, Signature, ZeroAddress, parseEther, parseUnits } from 'ethers';
import {
  PERMIT, actors, all, artifact, chainId, check, checkFailsInBlock, checkNear, checkReverts, deploy, deployer, event, inAnHour, mined, newWallet, provider,
  run, wallet,
} from './protocol.mjs';

const published = (path) => artifact(`@aave/core-v3/artifacts/contracts/${path}.sol/${path.split('/').pop()}.json`);

const VARIABLE = 2; // interest rate modes
const STABLE = 1;
const NO_REFERRAL = 0;
const RAY = 10n ** 27n;
const LTV = 8_000n; // basis points, as the next five
const THRESHOLD = 8_250n;
const BONUS = 10_500n;
const PROTOCOL_FEE = 1_000n;
const RESERVE_FACTOR = 1_000n;
const FLASH_PREMIUM = 9n;
const BASE_RATE = 100; // percent a year: a few seconds of interest must be more than what rounding takes
const MOST_INTEREST = parseUnits('1', 6); // what these loans can gather in the minutes that the script has

// The reasons of Aave's reverts are numbers: contracts/protocol/libraries/helpers/Errors.sol.
const CALLER_NOT_POOL_ADMIN = '1';
const CALLER_NOT_EMERGENCY_ADMIN = '2';
const CALLER_NOT_RISK_OR_POOL_ADMIN = '4';
const CALLER_NOT_POOL_CONFIGURATOR = '10';
const INVALID_FLASHLOAN_EXECUTOR_RETURN = '13';
const INVALID_AMOUNT = '26';
const RESERVE_FROZEN = '28';
const STABLE_BORROWING_NOT_ENABLED = '31';
const COLLATERAL_BALANCE_IS_ZERO = '34';
const BELOW_LIQUIDATION_THRESHOLD = '35';
const COLLATERAL_CANNOT_COVER_NEW_BORROW = '36';
const HEALTH_FACTOR_NOT_BELOW_THRESHOLD = '45';
const OPERATION_NOT_SUPPORTED = '80';

// PercentageMath and WadRayMath round half up.
const percentMul = (value, percent) => (value * percent + 5_000n) / 10_000n;
const percentDiv = (value, percent) => (value * 10_000n + percent / 2n) / percent;
const rayMul = (a, b) => (a * b + RAY / 2n) / RAY;
const dollars = (text) => parseUnits(text, 6);
const price = (text) => parseUnits(text, 8);

async function libraries() {
  const names = ['BorrowLogic', 'BridgeLogic', 'EModeLogic', 'LiquidationLogic', 'PoolLogic', 'SupplyLogic', 'ConfiguratorLogic'];
  const logic = (name) => published(`protocol/libraries/logic/${name}`);
  const made = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await deploy(logic(name))])));
  return { ...made, FlashLoanLogic: await deploy(logic('FlashLoanLogic'), [], made) };
}

/** The market: provider, roles, oracle, pool and configurator behind the provider's proxies. */
async function deployMarket() {
  const [links, addresses] = await Promise.all([libraries(), deploy(published('protocol/configuration/PoolAddressesProvider'), ['Aurigraph market', wallet.address])]);
  await mined(addresses.setACLAdmin(wallet.address)); // the roles' contract asks for it when it is made
  const provided = [addresses.target];
  const [weth, usd, ethFeed, usdFeed, roles, poolCode, configuratorCode, reader] = await Promise.all([
    deploy(published('mocks/tokens/MintableERC20'), ['Wrapped coin', 'WETH', 18]), deploy(published('mocks/tokens/MintableERC20'), ['Dollar', 'USD', 6]),
    deploy(published('mocks/oracle/CLAggregators/MockAggregator'), [price('2000')]), deploy(published('mocks/oracle/CLAggregators/MockAggregator'), [price('1')]),
    deploy(published('protocol/configuration/ACLManager'), provided), deploy(published('protocol/pool/Pool'), provided, links),
    deploy(published('protocol/pool/PoolConfigurator'), [], links), deploy(published('misc/AaveProtocolDataProvider'), provided),
  ]);
  const oracle = await deploy(published('misc/AaveOracle'), [
    addresses.target, [weth.target, usd.target], [ethFeed.target, usdFeed.target], ZeroAddress, ZeroAddress, price('1'),
  ]);
  await all([
    addresses.setACLManager(roles.target), roles.addPoolAdmin(wallet.address), addresses.setPriceOracle(oracle.target),
    addresses.setPoolDataProvider(reader.target),
  ]);
  const proxied = await mined(addresses.setPoolImpl(poolCode.target));
  check('ProxyCreated event', event(proxied, addresses, 'ProxyCreated').toArray().slice(1), [await addresses.getPool(), poolCode.target]);
  await mined(addresses.setPoolConfiguratorImpl(configuratorCode.target));
  const at = async (address, code) => new Contract(await address, code.interface, deployer);
  const [pool, configurator] = await Promise.all([at(addresses.getPool(), poolCode), at(addresses.getPoolConfigurator(), configuratorCode)]);
  check('the pool knows its provider', await pool.ADDRESSES_PROVIDER(), addresses.target);
  check('prices', await oracle.getAssetsPrices([weth.target, usd.target]), [price('2000'), price('1')]);
  await checkReverts('initialising the pool again', pool.initialize.staticCall(addresses.target), 'Contract instance has already been initialized');
  await checkReverts('a reserve added from outside', pool.initReserve.staticCall(usd.target, ...Array(4).fill(usd.target)), CALLER_NOT_POOL_CONFIGURATOR);
  return { addresses, oracle, pool, configurator, reader, weth, usd };
}

async function initReserves({ addresses, pool, configurator, reader, weth, usd }, treasury) {
  const ray = (percent) => (RAY * BigInt(percent)) / 100n;
  const [aToken, stableDebt, variableDebt, strategy] = await Promise.all([
    ...['AToken', 'StableDebtToken', 'VariableDebtToken'].map((name) => deploy(published(`protocol/tokenization/${name}`), [pool.target])),
    deploy(published('protocol/pool/DefaultReserveInterestRateStrategy'), [
      addresses.target, ...[80, BASE_RATE, 4, 75, 2, 75, 1, 8, 20].map(ray), // optimal usage, base, slopes, stable slopes, offsets, ratio
    ]),
  ]);
  const inputs = [[weth, 'WETH', 18], [usd, 'USD', 6]].map(([asset, symbol, underlyingAssetDecimals]) => ({
    aTokenImpl: aToken.target, stableDebtTokenImpl: stableDebt.target, variableDebtTokenImpl: variableDebt.target, underlyingAssetDecimals,
    interestRateStrategyAddress: strategy.target, underlyingAsset: asset.target, treasury, incentivesController: ZeroAddress,
    aTokenName: `Aave ${symbol}`, aTokenSymbol: `a${symbol}`, variableDebtTokenName: `Variable debt ${symbol}`, variableDebtTokenSymbol: `v${symbol}`,
    stableDebtTokenName: `Stable debt ${symbol}`, stableDebtTokenSymbol: `s${symbol}`, params: '0x',
  }));
  await mined(configurator.initReserves(inputs));
  check('reserves', await pool.getReservesList(), [weth.target, usd.target]);
  await all([weth, usd].flatMap(({ target }) => [
    configurator.configureReserveAsCollateral(target, LTV, THRESHOLD, BONUS), configurator.setReserveBorrowing(target, true),
    configurator.setReserveFactor(target, RESERVE_FACTOR), configurator.setLiquidationProtocolFee(target, PROTOCOL_FEE),
    configurator.setReserveFlashLoaning(target, true),
  ]));
  const told = await reader.getReserveConfigurationData(usd.target);
  check('configuration of a reserve', told.toArray(), [6, LTV, THRESHOLD, BONUS, RESERVE_FACTOR, true, true, false, true, false]);
  const tokens = async (asset) => {
    const { aTokenAddress, variableDebtTokenAddress } = await reader.getReserveTokensAddresses(asset.target);
    return { aToken: new Contract(aTokenAddress, aToken.interface, deployer), debt: new Contract(variableDebtTokenAddress, variableDebt.interface, deployer) };
  };
  const [ofWeth, ofUsd] = await Promise.all([tokens(weth), tokens(usd)]);
  check('name of a token behind its proxy', await ofUsd.aToken.name(), 'Aave USD');
  return { ofWeth, ofUsd };
}

async function supply({ pool, weth, usd, ofWeth, ofUsd }, lender, borrower) {
  const [lent, collateral] = [dollars('100000'), parseEther('10')];
  const [lenderAddress, borrowerAddress] = [lender, borrower].map(({ signer }) => signer.address);
  const mint = (token, to, amount) => token.getFunction('mint(address,uint256)')(to, amount);
  await all([mint(usd, lenderAddress, lent), mint(weth, borrowerAddress, collateral), mint(usd, borrowerAddress, dollars('1000')), mint(usd, wallet.address, dollars('20000'))]);
  await all([
    weth.connect(borrower).approve(pool.target, MaxUint256), usd.connect(borrower).approve(pool.target, MaxUint256), usd.approve(pool.target, MaxUint256),
  ]);
  const deadline = await inAnHour();
  const domain = { name: 'Dollar', version: '1', chainId, verifyingContract: usd.target };
  const { v, r, s } = Signature.from(await lender.signer.signTypedData(domain, PERMIT, { owner: lenderAddress, spender: pool.target, value: lent, nonce: 0, deadline }));
  const receipt = await mined(pool.connect(lender).supplyWithPermit(usd.target, lent, lenderAddress, NO_REFERRAL, deadline, v, r, s));
  check('Supply event', event(receipt, pool, 'Supply'), [usd.target, lenderAddress, lenderAddress, lent, NO_REFERRAL]);
  check('aTokens of the lender', await ofUsd.aToken.balanceOf(lenderAddress), lent);
  const asBorrower = pool.connect(borrower);
  await checkReverts('supplying nothing', asBorrower.supply.staticCall(weth.target, 0, borrowerAddress, NO_REFERRAL), INVALID_AMOUNT);
  await checkReverts('borrowing without collateral', asBorrower.borrow.staticCall(usd.target, 1, VARIABLE, NO_REFERRAL, borrowerAddress), COLLATERAL_BALANCE_IS_ZERO);
  const second = await mined(asBorrower.supply(weth.target, collateral, borrowerAddress, NO_REFERRAL));
  check('ReserveUsedAsCollateralEnabled event', event(second, pool, 'ReserveUsedAsCollateralEnabled'), [weth.target, borrowerAddress]);
  check('the coins are with the aToken', await weth.balanceOf(ofWeth.aToken.target), collateral);
  const account = await pool.getUserAccountData(borrowerAddress);
  check('account of the borrower', account.toArray(), [price('20000'), 0, price('16000'), THRESHOLD, LTV, MaxUint256]);
}

async function borrow({ pool, configurator, weth, usd, ofUsd }, borrower) {
  const { address } = borrower.signer;
  const amount = dollars('15000');
  const asBorrower = pool.connect(borrower);
  const held = await usd.balanceOf(address);
  await checkReverts('borrowing too much', asBorrower.borrow.staticCall(usd.target, dollars('16001'), VARIABLE, NO_REFERRAL, address), COLLATERAL_CANNOT_COVER_NEW_BORROW);
  await checkReverts('borrowing at a stable rate', asBorrower.borrow.staticCall(usd.target, amount, STABLE, NO_REFERRAL, address), STABLE_BORROWING_NOT_ENABLED);
  const receipt = await mined(asBorrower.borrow(usd.target, amount, VARIABLE, NO_REFERRAL, address));
  const borrowed = event(receipt, pool, 'Borrow');
  check('Borrow event', borrowed.toArray().slice(0, 5), [usd.target, address, address, amount, VARIABLE]);
  // Usage is 15 % of the optimal 80 %: that share of the first slope, 4 %.
  check('the rate is on the first slope', borrowed.borrowRate, RAY + ((RAY * 4n) / 100n * 15n) / 80n);
  check('the dollars arrived', await usd.balanceOf(address), held + amount);
  const blockTag = receipt.blockNumber;
  const account = await pool.getUserAccountData(address, { blockTag });
  check('debt and health in that block', [account.totalDebtBase, account.healthFactor], [price('15000'), parseEther('1.1')]);
  await checkReverts('taking the collateral away', asBorrower.withdraw.staticCall(weth.target, MaxUint256, address), BELOW_LIQUIDATION_THRESHOLD);
  await checkReverts('liquidating a healthy account', pool.liquidationCall.staticCall(weth.target, usd.target, address, amount, false), HEALTH_FACTOR_NOT_BELOW_THRESHOLD);
  await checkReverts('moving a debt', ofUsd.debt.connect(borrower).transfer.staticCall(wallet.address, 1), OPERATION_NOT_SUPPORTED);
  await checkFailsInBlock('borrowing too much', asBorrower.borrow(usd.target, amount, VARIABLE, NO_REFERRAL, address, { gasLimit: 600_000 }));
  await checkReverts('freezing by a stranger', configurator.connect(borrower).setReserveFreeze.staticCall(usd.target, true), CALLER_NOT_RISK_OR_POOL_ADMIN);
  await checkReverts('pausing by a stranger', configurator.connect(borrower).setPoolPause.staticCall(true), CALLER_NOT_EMERGENCY_ADMIN);
  await checkReverts('dropping a reserve by a stranger', configurator.connect(borrower).dropReserve.staticCall(usd.target), CALLER_NOT_POOL_ADMIN);
}

async function repay({ pool, usd, ofUsd }, borrower) {
  const { address } = borrower.signer;
  const receipt = await mined(pool.connect(borrower).repay(usd.target, dollars('5000'), VARIABLE, address));
  check('Repay event', event(receipt, pool, 'Repay'), [usd.target, address, address, dollars('5000'), false]);
  const blockTag = await provider.getBlockNumber();
  const [debt, scaled, index] = await Promise.all([
    ofUsd.debt.balanceOf(address, { blockTag }), ofUsd.debt.scaledBalanceOf(address, { blockTag }), pool.getReserveNormalizedVariableDebt(usd.target, { blockTag }),
  ]);
  check('the debt is the scaled debt by the index', debt, rayMul(scaled, index));
  check('interest has been added', debt > dollars('10000') && debt < dollars('10000') + MOST_INTEREST);
}

async function flashLoan({ addresses, pool, configurator, usd, ofUsd }) {
  const receiver = await deploy(artifact('@aave/core-v3/artifacts/contracts/mocks/flashloan/MockSimpleFlashLoanReceiver.sol/MockFlashLoanSimpleReceiver.json'), [addresses.target]);
  const amount = dollars('50000');
  await mined(configurator.updateFlashloanPremiumTotal(FLASH_PREMIUM));
  const premium = percentMul(amount, FLASH_PREMIUM);
  const before = await usd.balanceOf(ofUsd.aToken.target);
  const receipt = await mined(pool.flashLoanSimple(receiver.target, usd.target, amount, '0x', NO_REFERRAL));
  check('FlashLoan event', event(receipt, pool, 'FlashLoan').toArray().slice(0, 6), [receiver.target, wallet.address, usd.target, amount, 0, premium]);
  check('the pool gained the premium', await usd.balanceOf(ofUsd.aToken.target), before + premium);
  await all([receiver.setFailExecutionTransfer(true), receiver.setSimulateEOA(true)]);
  await checkReverts('a receiver that answers no', pool.flashLoanSimple.staticCall(receiver.target, usd.target, amount, '0x', NO_REFERRAL), INVALID_FLASHLOAN_EXECUTOR_RETURN);
  await mined(receiver.setSimulateEOA(false));
  await checkReverts('a receiver that does not pay back', pool.flashLoanSimple.staticCall(receiver.target, usd.target, amount, '0x', NO_REFERRAL), 'ERC20: transfer amount exceeds balance');
}

/** The coin falls to 1200: health 0.99, so half of the debt may be bought off with a bonus of 5 %. */
async function liquidate({ oracle, pool, weth, usd, ofWeth, ofUsd }, borrower, treasury) {
  const { address } = borrower.signer;
  const feed = await deploy(published('mocks/oracle/CLAggregators/MockAggregator'), [price('1200')]);
  const changed = await mined(oracle.setAssetSources([weth.target], [feed.target]));
  check('AssetSourceUpdated event', event(changed, oracle, 'AssetSourceUpdated'), [weth.target, feed.target]);
  const { healthFactor } = await pool.getUserAccountData(address);
  check('the account is not healthy', healthFactor < parseEther('0.99') && healthFactor > parseEther('0.98'));
  const receipt = await mined(pool.liquidationCall(weth.target, usd.target, address, MaxUint256, false));
  const { debtToCover, liquidatedCollateralAmount, liquidator } = event(receipt, pool, 'LiquidationCall');
  check('half of the debt was covered', debtToCover >= dollars('5000') && debtToCover < dollars('5000') + MOST_INTEREST);
  const taken = percentMul((price('1') * debtToCover * 10n ** 18n) / (price('1200') * 10n ** 6n), BONUS);
  const fee = percentMul(taken - percentDiv(taken, BONUS), PROTOCOL_FEE);
  check('collateral with bonus, less the protocol\'s fee', [liquidatedCollateralAmount, liquidator], [taken - fee, wallet.address]);
  check('the liquidator has the coins', await weth.balanceOf(wallet.address), taken - fee);
  check('the treasury has its part', await ofWeth.aToken.balanceOf(treasury), fee);
  check('the borrower lost both', await ofWeth.aToken.balanceOf(address), parseEther('10') - taken);
  checkNear('half of the debt is left', await ofUsd.debt.balanceOf(address), debtToCover, MOST_INTEREST);
  await checkReverts('liquidating once more', pool.liquidationCall.staticCall(weth.target, usd.target, address, 1, false), HEALTH_FACTOR_NOT_BELOW_THRESHOLD);
  return taken;
}

/** Everybody leaves; the lender with interest, the treasury with its part of it. */
async function leave({ pool, configurator, weth, usd, ofUsd }, lender, borrower, treasury, taken) {
  const [lenderAddress, borrowerAddress] = [lender, borrower].map(({ signer }) => signer.address);
  const repaid = await mined(pool.connect(borrower).repay(usd.target, MaxUint256, VARIABLE, borrowerAddress));
  check('the whole debt was repaid', [event(repaid, pool, 'Repay').amount > dollars('5000'), await ofUsd.debt.balanceOf(borrowerAddress)], [true, 0]);
  const receipt = await mined(pool.connect(borrower).withdraw(weth.target, MaxUint256, borrowerAddress));
  check('Withdraw event', event(receipt, pool, 'Withdraw'), [weth.target, borrowerAddress, borrowerAddress, parseEther('10') - taken]);
  check('the collateral came back', await weth.balanceOf(borrowerAddress), parseEther('10') - taken);
  const due = await ofUsd.aToken.balanceOf(lenderAddress);
  await mined(pool.connect(lender).withdraw(usd.target, MaxUint256, lenderAddress));
  check('the lender got the deposit with interest', [await usd.balanceOf(lenderAddress), due > dollars('100000')], [due, true]);
  const minted = event(await mined(pool.mintToTreasury([usd.target])), pool, 'MintedToTreasury');
  check('the treasury has its part of the interest', [await ofUsd.aToken.balanceOf(treasury), minted.amountMinted > 0n], [minted.amountMinted, true]);
  const frozen = await mined(configurator.setReserveFreeze(usd.target, true));
  check('ReserveFrozen event', event(frozen, configurator, 'ReserveFrozen'), [usd.target, true]);
  await checkReverts('supplying to a frozen reserve', pool.supply.staticCall(usd.target, 1, wallet.address, NO_REFERRAL), RESERVE_FROZEN);
}

await run('Aave V3', async () => {
  const [lender, borrower] = await actors(parseEther('1'), 'lender', 'borrower');
  const treasury = newWallet('treasury').address;
  const market = await deployMarket();
  const parts = { ...market, ...(await initReserves(market, treasury)) };
  await supply(parts, lender, borrower);
  await borrow(parts, borrower);
  await repay(parts, borrower);
  await flashLoan(parts);
  const taken = await liquidate(parts, borrower, treasury);
  await leave(parts, lender, borrower, treasury, taken);
});
